#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "output.h"
#include "page.h"
#include "replace.h"

static const figures_point *point_asked(const report *r, double rate)
{
    for (size_t i = 0; i < FIGURES_RATES; i++)
        if (r->figures->measured[i].asked == rate && r->figures->measured[i].told)
            return &r->figures->measured[i];
    return NULL;
}

static void put_point_tile(FILE *out, const report *r, double rate, const char *name)
{
    const figures_point *point = point_asked(r, rate);
    char value[64], number[32];
    if (!point)
        return;
    figures_percent(number, sizeof number, 1 - point->at.fnmr.value);
    snprintf(value, sizeof value, "%s %%", number);
    char *label = out_format("%s %s %s", r->words->accepted, r->words->match, name);
    page_tile(out, value, label);
    free(label);
}

static void put_tiles(FILE *out, const report *r)
{
    const fm_evaluation_report *f = &r->figures->report;
    char value[64], label[128], photos[32];
    fputs("<ul class=\"tiles\">\n", out);
    if (r->cmc) {
        snprintf(value, sizeof value, "%.2f %%", 100 * r->cmc[0]);
        page_tile(out, value, "of known people first in the list (rank 1)");
    } else if (!isnan(f->eer)) {
        snprintf(value, sizeof value, "%.2f %%", 100 * f->eer);
        snprintf(label, sizeof label, "equal error rate (%.2f to %.2f)", 100 * f->eer_low,
                 100 * f->eer_high);
        page_tile(out, value, label);
    }
    put_point_tile(out, r, 1e-2, "1 in 100");
    put_point_tile(out, r, 1e-3, "1 in 1,000");
    put_point_tile(out, r, 1e-4, "1 in 10,000");
    out_count(value, sizeof value, (int64_t)r->f->undetected);
    out_count(photos, sizeof photos, (int64_t)r->f->count);
    snprintf(label, sizeof label, "of %s photographs without a face", photos);
    page_tile(out, value, label);
    fputs("</ul>\n", out);
}

void report_rate(FILE *out, const fm_rate *rate)
{
    char value[32], low[32], high[32];
    figures_percent(value, sizeof value, rate->value);
    figures_percent(low, sizeof low, rate->low);
    figures_percent(high, sizeof high, rate->high);
    fprintf(out, "<td>%s %%<small>%s to %s</small></td>", value, low, high);
}

static void put_points(FILE *out, const report *r, const figures_point *points, const char *caption)
{
    bool any = false;
    for (size_t i = 0; i < FIGURES_RATES; i++)
        any |= points[i].told;
    if (!any)
        return;
    fprintf(out,
            "<div class=\"scroll\" role=\"region\" aria-label=\"%s\" tabindex=\"0\"><table>"
            "<caption>%s</caption><thead><tr><th scope=\"col\">%s asked for</th>"
            "<th scope=\"col\">Threshold</th><th scope=\"col\">%s measured</th>"
            "<th scope=\"col\">%s measured</th></tr></thead><tbody>\n",
            caption, caption, r->words->match, r->words->match, r->words->miss);
    for (size_t i = 0; i < FIGURES_RATES; i++) {
        const figures_point *point = &points[i];
        if (!point->told)
            continue;
        fprintf(out, "<tr><th scope=\"row\">%s</th><td>%.4f</td>", FIGURES_NAMES[i],
                (double)point->at.threshold);
        report_rate(out, &point->at.fmr);
        report_rate(out, &point->at.fnmr);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n", out);
}

static void put_tables(FILE *out, const report *r)
{
    fputs("<section aria-labelledby=\"points\"><h2 id=\"points\">Operating points</h2>\n"
          "<p class=\"note\">Small print: 95 % intervals.</p>\n",
          out);
    put_points(out, r, r->figures->measured, "Thresholds chosen on these comparisons");
    put_points(out, r, r->figures->calibrated, "Thresholds of the model's calibration");
    fputs("</section>\n", out);
}

static void put_groups(FILE *out, const report *r)
{
    if (!r->groups)
        return;
    fprintf(out,
            "<section aria-labelledby=\"groups\"><h2 id=\"groups\">Groups of people</h2>\n"
            "<p class=\"note\">Comparisons within each group at one threshold, %.4f. Where "
            "intervals of two groups overlap, the data do not show a difference.</p>\n"
            "<div class=\"scroll\" role=\"region\" aria-label=\"Groups\" tabindex=\"0\"><table>"
            "<caption>Error rates of groups</caption><thead><tr><th scope=\"col\">Group</th>"
            "<th scope=\"col\">People</th><th scope=\"col\">%s</th><th scope=\"col\">%s</th></tr>"
            "</thead><tbody>\n",
            (double)r->groups_threshold, r->words->match, r->words->miss);
    for (size_t i = 0; i < r->groups->count; i++) {
        const group *one = &r->groups->list[i];
        fputs("<tr><th scope=\"row\">", out);
        page_text(out, one->attribute);
        fputs(": ", out);
        page_text(out, one->value);
        fprintf(out, "</th><td>%zu</td>", one->people);
        if (one->told) {
            report_rate(out, &one->at.fmr);
            report_rate(out, &one->at.fnmr);
        } else {
            fputs("<td>too few</td><td>too few</td>", out);
        }
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div></section>\n", out);
}

static void put_footer(FILE *out, const report *r)
{
    fprintf(out, "<footer><p>%s ", r->words->definitions);
    fprintf(out,
            "Terms are those of %s. Intervals are Clopper and Pearson's%s.</p>\n"
            "<p>libfacematch %s, model ",
            r->words->standard,
            r->figures->report.people
                ? ", with an effective number of comparisons that allows for people being in many"
                : "",
            fm_version());
    page_text(out, r->ctx->model.name);
    fprintf(out, " (%.12s), %s%s. This page shows faces: treat it as personal data.</p></footer>\n",
            r->ctx->model.id, figures_precision(r->ctx->opts),
            r->ctx->opts->flip ? ", mirrored copies averaged" : "");
    page_end(out);
}

static bool put_page(FILE *out, const void *user)
{
    const report *r = user;
    page_begin(out, r->title, r->ctx->model.name, r->summary);
    if (r->pad)
        report_pad_tiles(out, r);
    else
        put_tiles(out, r);
    fprintf(out, "<div class=\"charts%s\">\n", r->cmc ? " three" : "");
    report_error_curve(out, r);
    report_histogram(out, r);
    if (r->cmc)
        report_ranks(out, r);
    fputs("</div>\n", out);
    if (r->pad)
        report_pad_verdicts(out, r);
    put_tables(out, r);
    put_groups(out, r);
    report_pictures(out, r);
    put_footer(out, r);
    return true;
}

typedef struct twin {
    const report *r;
    const json_t *json;
} twin;

/* The figures, and the curve that is drawn. */
static bool put_twin(FILE *out, const void *user)
{
    const report *r = ((const twin *)user)->r;
    const json_t *json = ((const twin *)user)->json;
    fm_det_point *curve = out_alloc(FIGURES_CURVE, sizeof *curve);
    size_t count = 0;
    json_t *copy = json_copy((json_t *)json), *list = json_array();
    if (fm_evaluation_curve(r->comparisons, curve, FIGURES_CURVE, &count, NULL) != FM_OK)
        count = 0;
    for (size_t i = 0; i < count; i++)
        json_array_append_new(
            list, json_pack("[f,f,f]", (double)curve[i].threshold, curve[i].fmr, curve[i].fnmr));
    json_object_set_new(copy, r->words->curve_key, list);
    char *text = json_dumps(copy, JSON_INDENT(1) | JSON_REAL_PRECISION(9));
    fprintf(out, "%s\n", text ? text : "{}");
    free(text);
    json_decref(copy);
    free(curve);
    return true;
}

int report_check(const options *opts)
{
    if (opts->report && !page_is_html(opts->report))
        return options_misuse(opts, "--report takes a path that ends in .html, not '%s'",
                              opts->report);
    return opts->report && !files_can_write(opts->report) ? ANSWER_ERROR : ANSWER_YES;
}

bool report_write(const report *r, const json_t *json)
{
    const char *path = r->ctx->opts->report;
    char *beside = page_twin(path);
    const twin both = {r, json};
    bool ok = replace_file(path, put_page, r) && replace_file(beside, put_twin, &both);
    free(beside);
    return ok;
}
