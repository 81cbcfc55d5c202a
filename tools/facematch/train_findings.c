#include <string.h>

#include "output.h"
#include "train.h"

enum { MOST_TOLD = 10 }; /* of one kind, to people */

static const char *const NAMES[TRAIN_KINDS] = {[FM_FINDING_COLLAPSE] = "collapse",
                                               [FM_FINDING_EXPLOSION] = "explosion",
                                               [FM_FINDING_NO_ACTIVE] = "no_active",
                                               [FM_FINDING_SINGLE] = "single",
                                               [FM_FINDING_WRONG_LABEL] = "wrong_label",
                                               [FM_FINDING_OVERLAP] = "overlap",
                                               [TRAIN_NO_FACE] = "no_face",
                                               [TRAIN_UNREADABLE] = "unreadable"};

static json_t *make(const char *name, const fm_finding *finding)
{
    return json_pack("{s:s,s:b,s:o,s:o,s:o,s:o}", "finding", name, "fatal", finding->fatal != 0,
                     "person", out_text(finding->person), "image", out_text(finding->image),
                     "other", out_text(finding->other), "message", out_text(finding->message));
}

void train_on_finding(void *user, const fm_finding *finding)
{
    train_run *run = user;
    fm_finding_kind kind = finding->kind;
    if (kind < 0 || kind >= TRAIN_KINDS || !NAMES[kind])
        return; /* of a newer library */
    json_t *object = make(NAMES[kind], finding);
    if (run->opts->json)
        out_json(json_incref(object));
    /* A fatal one is told as the error of the call that is about to fail. */
    if (!finding->fatal && run->tally[kind] < MOST_TOLD)
        out_note("%s", finding->message);
    run->tally[kind]++;
    json_array_append_new(run->findings, object);
}

void train_findings_end(const train_run *run)
{
    for (size_t kind = 0; kind < TRAIN_KINDS; kind++)
        if (run->tally[kind] > MOST_TOLD)
            out_note("%zu more findings like these (%s) are not shown here; --report and --json "
                     "tell all",
                     run->tally[kind] - MOST_TOLD, NAMES[kind]);
}
