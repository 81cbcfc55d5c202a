#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "chart.h"
#include "output.h"
#include "page.h"
#include "replace.h"
#include "train.h"

enum { MOST_FINDINGS = 200, SHORTEST_AXIS = 4 };

/* One figure of one epoch; NaN where there is none. */
static double figure(const json_t *epoch, const char *key)
{
    const json_t *value = json_object_get(epoch, key);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static double last(const json_t *epochs, const char *key)
{
    return figure(json_array_get(epochs, json_array_size(epochs) - 1), key);
}

/* --- charts --- */

typedef struct curve {
    const char *key, *name; /* name: "" where the chart has one curve only */
    const char *colour;
} curve;

typedef struct curves {
    const char *id, *heading, *unit, *caption;
    double factor; /* of what is drawn to what is kept */
    curve list[2];
} curves;

static const curves CHARTS[] = {
    {"eer",
     "Error on people never seen",
     "EER, %",
     "Equal error rate over all pairs of the people left out, of a liveness model over their "
     "frames, "
     "from before the first epoch on. "
     "Circle: the epoch that is saved.",
     100,
     {{"eer", "", CHART_BLUE}}},
    {"loss", "Loss", "loss", "Mean over the steps of each epoch.", 1, {{"loss", "", CHART_BLUE}}},
    {"active",
     "What is left to learn from",
     "active, %",
     "Share of what was looked at that had a loss above 0: of triplets, those inside the margin; "
     "of pairs and classes, those decided wrongly.",
     100,
     {{"active", "", CHART_BLUE}}},
    {"distances",
     "Distances in a batch",
     "Euclidean distance",
     "Mean distance of photographs of one person and of two. Training should pull them apart; "
     "where both go to 0, it has collapsed.",
     1,
     {{"positive_distance", "one person", CHART_BLUE},
      {"negative_distance", "two people", CHART_ORANGE}}},
    {"rate",
     "Learning rate",
     "rate x 1000",
     "Of each epoch, times 1000.",
     1000,
     {{"learning_rate", "", CHART_BLUE}}}};

static double highest(const json_t *epochs, const curves *c)
{
    double top = 0;
    const json_t *epoch;
    size_t i;
    json_array_foreach(epochs, i, epoch)
    {
        for (int k = 0; k < 2 && c->list[k].key; k++)
            top = fmax(top, figure(epoch, c->list[k].key));
        if (strcmp(c->id, "eer") == 0)
            top = fmax(top, figure(epoch, "first_eer"));
    }
    return top > 0 && isfinite(top) ? top * c->factor : 1;
}

static void put_point(FILE *out, bool *drawing, double x, double y)
{
    fprintf(out, "%c%.1f %.1f", *drawing ? 'L' : 'M', x, y);
    *drawing = true;
}

static void draw(FILE *out, const json_t *epochs, const curves *c, const curve *one,
                 const chart_axis *x, const chart_axis *y)
{
    const json_t *epoch;
    size_t i;
    bool drawing = false;
    double before = figure(json_array_get(epochs, 0), "first_eer");
    fprintf(out,
            "<path fill=\"none\" stroke=\"%s\" stroke-width=\"2.5\" stroke-linejoin=\"round\" "
            "stroke-linecap=\"round\" d=\"",
            one->colour);
    if (strcmp(one->key, "eer") == 0 && !isnan(before))
        put_point(out, &drawing, chart_x(x, 0), chart_y(y, before * c->factor));
    json_array_foreach(epochs, i, epoch)
    {
        double value = figure(epoch, one->key);
        if (isnan(value))
            continue;
        bool alone = !drawing;
        put_point(out, &drawing, chart_x(x, figure(epoch, "epoch")), chart_y(y, value * c->factor));
        if (alone)
            fputs("h.01", out); /* a single epoch is a dot */
    }
    fputs("\"/>\n", out);
}

static void mark_best(FILE *out, const json_t *epochs, const curves *c, const chart_axis *x,
                      const chart_axis *y)
{
    double best = last(epochs, "best_epoch"), eer = last(epochs, "best_eer");
    if (strcmp(c->id, "eer") != 0 || !(best > 0) || isnan(eer))
        return;
    fprintf(out,
            "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\" fill=\"#fff\" stroke=\"" CHART_ORANGE
            "\" stroke-width=\"2.5\"/>\n",
            chart_x(x, best), chart_y(y, eer * c->factor));
}

static void name_curves(FILE *out, const curves *c)
{
    char style[64];
    for (int k = 0; k < 2 && c->list[k].key; k++) {
        snprintf(style, sizeof style, " style=\"fill:%s;font-weight:600\"", c->list[k].colour);
        chart_text(out, CHART_LEFT + 12 + 130 * k, CHART_TOP + 14, "start", style, c->list[k].name);
    }
}

static void put_chart(FILE *out, const json_t *epochs, const curves *c)
{
    size_t count = json_array_size(epochs);
    const char *key = c->list[0].key;
    double end = last(epochs, "epoch"), from = figure(json_array_get(epochs, 0), key);
    chart_axis x = {0, fmax(end, SHORTEST_AXIS), false}, y = {0, 1.15 * highest(epochs, c), false};
    if (count == 0 || isnan(last(epochs, key)))
        return;
    char *words = out_format("%s by epoch: %.3g in the first, %.3g in the last.", c->heading,
                             from * c->factor, last(epochs, key) * c->factor);
    chart_begin(out, c->id, c->heading, words);
    chart_ticks_y(out, &y);
    for (int k = 0; k < 2 && c->list[k].key; k++)
        draw(out, epochs, c, &c->list[k], &x, &y);
    mark_best(out, epochs, c, &x, &y);
    name_curves(out, c);
    chart_ticks_x(out, &x);
    chart_axes(out, "epoch", c->unit);
    chart_end(out, c->caption);
    free(words);
}

/* --- tiles and tables --- */

static void put_percent_tile(FILE *out, double share, const char *label)
{
    char value[32];
    if (isnan(share))
        return;
    snprintf(value, sizeof value, "%.2f %%", 100 * share);
    page_tile(out, value, label);
}

static void put_tiles(FILE *out, const train_run *run)
{
    const fm_training_stats *s = &run->stats;
    char value[32], label[96];
    fputs("<ul class=\"tiles\">\n", out);
    snprintf(label, sizeof label, "EER on people never seen, epoch %d", s->best_epoch);
    if (s->best_epoch > 0)
        put_percent_tile(out, s->best_eer, label);
    put_percent_tile(out, s->first_eer, "EER before training");
    snprintf(value, sizeof value, "%d of %d", s->epoch, s->epochs);
    page_tile(out, value, "epochs done");
    out_count(value, sizeof value, s->photographs);
    snprintf(label, sizeof label, "photographs of %d people to train on", s->people);
    page_tile(out, value, label);
    out_count(value, sizeof value, s->validation_photographs);
    snprintf(label, sizeof label, "photographs of %d people left out", s->validation_people);
    page_tile(out, value, label);
    fputs("</ul>\n", out);
}

static void begin_table(FILE *out, const char *id, const char *heading, const char *more,
                        const char *head)
{
    fprintf(out,
            "<section aria-labelledby=\"%s\"><h2 id=\"%s\">%s</h2>\n%s<div class=\"scroll\" "
            "role=\"region\" aria-label=\"%s, table\" tabindex=\"0\"><table%s>%s<tbody>\n",
            id, id, heading, more, heading, strcmp(id, "epochs") == 0 ? "" : " class=\"text\"",
            head);
}

static void end_table(FILE *out)
{
    fputs("</tbody></table></div></section>\n", out);
}

static void put_text_cell(FILE *out, const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    fputs("<td>", out);
    page_text(out, text ? text : "");
    fputs("</td>", out);
}

static void put_findings(FILE *out, const json_t *findings)
{
    const json_t *finding;
    size_t i;
    if (json_array_size(findings) == 0)
        return;
    begin_table(out, "findings", "Findings", "",
                "<thead><tr><th scope=\"col\">Finding</th><th scope=\"col\">Person</th>"
                "<th scope=\"col\">What is wrong, and what to do</th></tr></thead>");
    json_array_foreach(findings, i, finding)
    {
        if (i == MOST_FINDINGS)
            break;
        fputs("<tr>", out);
        put_text_cell(out, finding, "finding");
        put_text_cell(out, finding, "person");
        put_text_cell(out, finding, "message");
        fputs("</tr>\n", out);
    }
    if (json_array_size(findings) > MOST_FINDINGS)
        fprintf(out, "<tr><td>and %zu more</td><td></td><td>in the JSON file beside</td></tr>\n",
                json_array_size(findings) - MOST_FINDINGS);
    end_table(out);
}

static void put_settings(FILE *out, const train_run *run)
{
    json_t *settings = train_settings_json(run), *value;
    const char *name;
    begin_table(
        out, "settings", "Settings",
        "<p class=\"note\">Options that are not here had their defaults.</p>\n",
        "<thead><tr><th scope=\"col\">Option</th><th scope=\"col\">Value</th></tr></thead>");
    json_object_foreach(settings, name, value)
    {
        char *text = json_is_string(value)
                         ? out_format("%s", json_string_value(value))
                         : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        fprintf(out, "<tr><th scope=\"row\">--%s</th><td>", name);
        page_text(out, text ? text : "");
        fputs("</td></tr>\n", out);
        free(text);
    }
    end_table(out);
    json_decref(settings);
}

static void put_number(FILE *out, const json_t *epoch, const char *key, double factor)
{
    double value = figure(epoch, key) * factor;
    if (isnan(value))
        fputs("<td>-</td>", out);
    else
        fprintf(out, "<td>%.4g</td>", value);
}

static void put_epochs(FILE *out, const json_t *epochs)
{
    const json_t *epoch;
    size_t i;
    begin_table(out, "epochs", "Every epoch", "",
                "<thead><tr><th scope=\"col\">Epoch</th><th scope=\"col\">Loss</th>"
                "<th scope=\"col\">Active, %</th><th scope=\"col\">One person</th>"
                "<th scope=\"col\">Two people</th><th scope=\"col\">Learning rate</th>"
                "<th scope=\"col\">EER, %</th><th scope=\"col\">Seconds</th></tr></thead>");
    json_array_foreach(epochs, i, epoch)
    {
        fprintf(out, "<tr><th scope=\"row\">%.0f</th>", figure(epoch, "epoch"));
        put_number(out, epoch, "loss", 1);
        put_number(out, epoch, "active", 100);
        put_number(out, epoch, "positive_distance", 1);
        put_number(out, epoch, "negative_distance", 1);
        put_number(out, epoch, "learning_rate", 1);
        put_number(out, epoch, "eer", 100);
        put_number(out, epoch, "seconds", 1);
        fputs("</tr>\n", out);
    }
    end_table(out);
}

/* --- the page and its twin --- */

static bool put_page(FILE *out, const void *user)
{
    const train_run *run = user;
    const options *o = run->opts;
    char *summary = out_format("%s %s, %s loss.", o->arch ? "Trained from new weights:" : "From",
                               run->ctx.model.name, train_loss_name(run));
    const char *slash = strrchr(o->out, '/');
    page_begin(out, "Training", slash ? slash + 1 : o->out, summary);
    put_tiles(out, run);
    fputs("<div class=\"charts\">\n", out);
    for (size_t i = 0; i < sizeof CHARTS / sizeof *CHARTS; i++)
        put_chart(out, run->epochs, &CHARTS[i]);
    fputs("</div>\n", out);
    put_findings(out, run->findings);
    put_settings(out, run);
    put_epochs(out, run->epochs);
    fprintf(out,
            "<footer><p>libfacematch %s. This page names people and photographs: treat it as "
            "personal data.</p></footer>\n",
            fm_version());
    page_end(out);
    free(summary);
    return true;
}

static bool put_twin(FILE *out, const void *user)
{
    const train_run *run = user;
    json_t *object =
        json_pack("{s:o,s:o,s:O,s:O}", "model", out_text(run->ctx.model.name), "settings",
                  train_settings_json(run), "epochs", run->epochs, "findings", run->findings);
    char *text = json_dumps(object, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    fprintf(out, "%s\n", text ? text : "{}");
    free(text);
    json_decref(object);
    return true;
}

bool train_report_write(const train_run *run)
{
    const char *path = run->opts->report;
    if (!path)
        return true;
    char *beside = page_twin(path);
    bool ok = replace_file(path, put_page, run) && replace_file(beside, put_twin, run);
    free(beside);
    return ok;
}

void train_report_read(train_run *run)
{
    if (!run->opts->report)
        return;
    char *beside = page_twin(run->opts->report);
    json_t *twin = json_load_file(beside, 0, NULL), *epoch;
    size_t i;
    json_array_foreach(json_object_get(twin, "epochs"), i, epoch)
    {
        if (figure(epoch, "epoch") <= run->stats.epoch)
            json_array_append(run->epochs, epoch);
    }
    json_decref(twin);
    free(beside);
}
