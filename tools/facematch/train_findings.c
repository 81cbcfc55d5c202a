#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "progress.h"
#include "train.h"

enum {
    MOST_TOLD = 10,     /* of one kind, to people */
    LEAST_BELIEVED = 5, /* wrong labels, however few photographs there are */
};

static const char *const NAMES[TRAIN_KINDS] = {[FM_FINDING_COLLAPSE] = "collapse",
                                               [FM_FINDING_EXPLOSION] = "explosion",
                                               [FM_FINDING_NO_ACTIVE] = "no_active",
                                               [FM_FINDING_SINGLE] = "single",
                                               [FM_FINDING_WRONG_LABEL] = "wrong_label",
                                               [FM_FINDING_OVERLAP] = "overlap",
                                               [TRAIN_NO_FACE] = "no_face",
                                               [TRAIN_UNFIT] = "unfit",
                                               [TRAIN_UNREADABLE] = "unreadable"};

static json_t *make(const char *name, const fm_finding *finding)
{
    return json_pack("{s:s,s:b,s:o,s:o,s:o,s:o}", "finding", name, "fatal", finding->fatal != 0,
                     "person", out_text(finding->person), "image", out_text(finding->image),
                     "other", out_text(finding->other), "message", out_text(finding->message));
}

static void tell(train_run *run, fm_finding_kind kind, json_t *object)
{
    if (run->opts->json)
        out_json(json_incref(object));
    /* A fatal one is told as the error of the call that is about to fail. */
    if (json_is_false(json_object_get(object, "fatal")) && run->tally[kind] < MOST_TOLD)
        out_note("%s", json_string_value(json_object_get(object, "message")));
    run->tally[kind]++;
    json_array_append_new(run->findings, object);
}

void train_on_finding(void *user, const fm_finding *finding)
{
    train_run *run = user;
    fm_finding_kind kind = finding->kind;
    if (kind < 0 || kind >= TRAIN_KINDS || !NAMES[kind])
        return; /* of a newer library */
    json_t *object = make(NAMES[kind], finding);
    if (run->held)
        json_array_append_new(run->held, object);
    else
        tell(run, kind, object);
}

/* Hardly anybody puts one photograph in fifty into the wrong folder: a network that says so does
 * not know these faces well enough. */
static void tell_held(train_run *run, const json_t *held, size_t suspects)
{
    const json_t *object;
    size_t i;
    size_t photographs = (size_t)(run->stats.photographs + run->stats.validation_photographs);
    if (suspects > LEAST_BELIEVED && suspects > photographs / 50) {
        char *message = out_format("%zu photographs look more like another person than like their "
                                   "own: too many for wrong labels, so the network cannot tell "
                                   "yet; train longer, or on more people",
                                   suspects);
        const fm_finding finding = {.kind = FM_FINDING_WRONG_LABEL,
                                    .person = "",
                                    .image = "",
                                    .other = "",
                                    .message = message};
        train_on_finding(run, &finding);
        free(message);
        return;
    }
    json_array_foreach(held, i, object)
        tell(run, FM_FINDING_WRONG_LABEL, json_incref((json_t *)object));
}

int32_t train_on_check(void *user, int64_t done, int64_t total)
{
    train_run *run = user;
    if (done <= run->checked || run->checked == 0)
        bar_begin(run->checked ? "checking labels" : "embedding", (size_t)total);
    bar_to((size_t)done);
    run->checked = done;
    return train_is_stopped();
}

fm_status train_findings_check(train_run *run, fm_error *err)
{
    size_t suspects = 0;
    run->held = json_array();
    fm_status status = fm_trainer_check(run->trainer, &suspects, err);
    json_t *held = run->held;
    run->held = NULL;
    bar_end();
    if (status == FM_OK)
        tell_held(run, held, suspects);
    json_decref(held);
    return status == FM_E_STATE ? FM_OK : status; /* too few people: the epoch will say so */
}

void train_findings_end(const train_run *run)
{
    for (size_t kind = 0; kind < TRAIN_KINDS; kind++)
        if (NAMES[kind] && run->tally[kind] > MOST_TOLD)
            out_note("%zu more findings like these (%s) are not shown here; --report and --json "
                     "tell all",
                     run->tally[kind] - MOST_TOLD, NAMES[kind]);
}
