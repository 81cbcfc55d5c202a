#include "report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"
#include "replace.h"

static const char STYLE[] =
    "*{box-sizing:border-box}"
    "body{margin:0;background:#f4f5f7;color:#1c2128;font:16px/1.55 system-ui,-apple-system,"
    "'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif}"
    "main{max-width:1180px;margin:0 auto;padding:0 20px 48px}"
    "header{background:#14304a;color:#fff;padding:34px 0 74px}"
    "header div{max-width:1180px;margin:0 auto;padding:0 20px}"
    "h1{font-size:clamp(1.5rem,1.1rem + 1.8vw,2.2rem);line-height:1.2;margin:0 0 8px}"
    "header p{margin:0;color:#d5e2ee;max-width:64em}"
    "h2{font-size:1.25rem;margin:0 0 4px}h3{font-size:1.02rem;margin:18px 0 0}"
    "section{background:#fff;border:1px solid #dfe3e8;border-radius:12px;padding:22px 24px;"
    "margin:20px 0}"
    ".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:14px;"
    "margin:-48px 0 0;padding:0;list-style:none}"
    ".tiles li{background:#fff;border:1px solid #dfe3e8;border-radius:12px;padding:14px 18px;"
    "box-shadow:0 2px 8px rgba(20,48,74,.10)}"
    ".tiles b{display:block;font-size:1.7rem;line-height:1.25;font-variant-numeric:tabular-nums}"
    ".tiles span{display:block;color:#4d5763;font-size:.88rem}"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,430px),1fr));"
    "gap:20px;margin:20px 0}.charts section{margin:0}"
    ".three{grid-template-columns:repeat(auto-fit,minmax(min(100%,330px),1fr))}"
    "@media(min-width:1080px){.three svg text{font-size:16px}}"
    "figure{margin:0}figcaption,.note{color:#4d5763;font-size:.9rem;margin:6px 0 0}"
    "svg{display:block;width:100%;height:auto;margin-top:10px}"
    "svg text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,Arial,'DejaVu Sans',sans-serif;"
    "fill:#3b444f}"
    ".scroll{overflow-x:auto;margin-top:12px}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.94rem}"
    "caption{text-align:left;font-weight:600;padding:8px 0}"
    "th,td{text-align:right;padding:8px 12px;border-bottom:1px solid #e6e9ed;white-space:nowrap}"
    "th:first-child,td:first-child{text-align:left;padding-left:0}"
    "thead th{color:#4d5763;font-weight:600;border-bottom:2px solid #cfd5dc}"
    "td small{color:#4d5763;font-size:.85em;margin-left:.4em}"
    ".pairs{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,232px),1fr));"
    "gap:16px;margin:12px 0 22px;padding:0;list-style:none}"
    ".pairs li{border:1px solid #dfe3e8;border-radius:10px;padding:10px;background:#fafbfc}"
    ".pairs div{display:grid;grid-template-columns:1fr 1fr;gap:6px}"
    ".pairs img{width:100%;aspect-ratio:1;object-fit:cover;border-radius:6px;display:block}"
    ".pairs.single div{grid-template-columns:1fr}"
    ".pairs p{margin:8px 0 0;font-size:.86rem;line-height:1.4;overflow-wrap:anywhere}"
    "footer{color:#4d5763;font-size:.9rem}footer p{margin:0 0 8px;max-width:72em}"
    "@media(max-width:720px){td small{display:block;margin:0}th,td{padding:7px 6px;"
    "white-space:normal}table{font-size:.84rem}}"
    "@media(max-width:520px){svg text{font-size:17px}section{padding:18px 16px}main,header "
    "div{padding-left:12px;"
    "padding-right:12px}.pairs{grid-template-columns:1fr 1fr;gap:10px}.pairs li{padding:7px}}"
    "@media print{body{background:#fff}section,.tiles li{break-inside:avoid;box-shadow:none}}";

void report_text(FILE *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, out);
        }
}

static void put_head(FILE *out, const report *r)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<link rel=\"icon\" href=\"data:,\">\n<title>",
          out);
    report_text(out, r->title);
    fputs(" - ", out);
    report_text(out, r->ctx->model.name);
    fprintf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n<header><div>\n<h1>", STYLE);
    report_text(out, r->title);
    fputs(": ", out);
    report_text(out, r->ctx->model.name);
    fputs("</h1>\n<p>", out);
    report_text(out, r->summary);
    fputs("</p>\n</div></header>\n<main>\n", out);
}

void report_tile(FILE *out, const char *value, const char *label)
{
    fprintf(out, "<li><b>%s</b><span>%s</span></li>\n", value, label);
}

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
    report_tile(out, value, label);
    free(label);
}

static void put_tiles(FILE *out, const report *r)
{
    const fm_evaluation_report *f = &r->figures->report;
    char value[64], label[128], photos[32];
    fputs("<ul class=\"tiles\">\n", out);
    if (r->cmc) {
        snprintf(value, sizeof value, "%.2f %%", 100 * r->cmc[0]);
        report_tile(out, value, "of known people first in the list (rank 1)");
    } else if (!isnan(f->eer)) {
        snprintf(value, sizeof value, "%.2f %%", 100 * f->eer);
        snprintf(label, sizeof label, "equal error rate (%.2f to %.2f)", 100 * f->eer_low,
                 100 * f->eer_high);
        report_tile(out, value, label);
    }
    put_point_tile(out, r, 1e-2, "1 in 100");
    put_point_tile(out, r, 1e-3, "1 in 1,000");
    put_point_tile(out, r, 1e-4, "1 in 10,000");
    out_count(value, sizeof value, (int64_t)r->f->undetected);
    out_count(photos, sizeof photos, (int64_t)r->f->count);
    snprintf(label, sizeof label, "of %s photographs without a face", photos);
    report_tile(out, value, label);
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
        report_text(out, one->attribute);
        fputs(": ", out);
        report_text(out, one->value);
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
    report_text(out, r->ctx->model.name);
    fprintf(out,
            " (%.12s), %s%s. This page shows faces: treat it as personal data.</p></footer>\n"
            "</main>\n</body>\n</html>\n",
            r->ctx->model.id, figures_precision(r->ctx->opts),
            r->ctx->opts->flip ? ", mirrored copies averaged" : "");
}

static bool put_page(FILE *out, const void *user)
{
    const report *r = user;
    put_head(out, r);
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

static bool ends_in_html(const char *path)
{
    size_t length = strlen(path), ending = strlen(".html");
    return length > ending && strcmp(path + length - ending, ".html") == 0;
}

int report_check(const options *opts)
{
    if (opts->report && !ends_in_html(opts->report))
        return options_misuse(opts, "--report takes a path that ends in .html, not '%s'",
                              opts->report);
    return ANSWER_YES;
}

bool report_write(const report *r, const json_t *json)
{
    const char *path = r->ctx->opts->report;
    char *beside = out_format("%.*s.json", (int)(strlen(path) - strlen(".html")), path);
    const twin both = {r, json};
    bool ok = replace_file(path, put_page, r) && replace_file(beside, put_twin, &both);
    free(beside);
    return ok;
}
