#include <math.h>
#include <stdlib.h>

#include "output.h"
#include "page.h"
#include "report.h"

static void put_share(FILE *out, double share, const char *label)
{
    char number[32], value[40];
    figures_percent(number, sizeof number, share);
    snprintf(value, sizeof value, "%s %%", number);
    page_tile(out, value, label);
}

static void put_rate_tile(FILE *out, const fm_rate *rate, const char *what)
{
    char low[32], high[32];
    figures_percent(low, sizeof low, rate->low);
    figures_percent(high, sizeof high, rate->high);
    char *label = out_format("%s (%s to %s)", what, low, high);
    put_share(out, rate->value, label);
    free(label);
}

void report_pad_tiles(FILE *out, const report *r)
{
    const pad_figures *f = r->pad_figures;
    const fm_evaluation_report *scores = &f->scores.report;
    const fm_rate eer = {.value = scores->eer, .low = scores->eer_low, .high = scores->eer_high};
    fputs("<ul class=\"tiles\">\n", out);
    put_rate_tile(out, &f->kinds[f->worst_kind].apcer,
                  f->kind_count > 2 ? "attacks of the worst kind called live: APCER"
                                    : "attacks called live: APCER");
    put_rate_tile(out, &f->bpcer, "live faces called attacks: BPCER");
    put_share(out, f->acer, "mean of the two: ACER");
    put_share(out, (double)f->uncertain / (double)r->pad->count, "uncertain, of all photographs");
    if (!isnan(eer.value))
        put_rate_tile(out, &eer, "equal error rate");
    fputs("</ul>\n", out);
}

static void put_thresholds(FILE *out, const pad_figures *f)
{
    if (f->folds == 0) {
        fprintf(out,
                "Live from a score of %.4f on, a spoof below %.4f; between them, and for a "
                "face that is too small, cut off or blurred, uncertain.",
                (double)f->lines[0].live, (double)f->lines[0].spoof);
        return;
    }
    fprintf(
        out,
        "The people are divided into %d parts, and each part is judged with thresholds from the "
        "others: live from",
        f->folds);
    for (int32_t i = 0; i < f->folds; i++)
        fprintf(out, "%s %.4f", i ? "," : "", (double)f->lines[i].live);
    fputs(" on, a spoof below", out);
    for (int32_t i = 0; i < f->folds; i++)
        fprintf(out, "%s %.4f", i ? "," : "", (double)f->lines[i].spoof);
    fputs(".", out);
}

static void put_kind(FILE *out, const pad_figures *f, size_t k, const char *name)
{
    const pad_kind *kind = &f->kinds[k];
    fputs("<tr><th scope=\"row\">", out);
    page_text(out, name);
    fprintf(out, "</th><td>%zu</td><td>%zu</td><td>%zu</td><td>%zu</td><td>%zu</td>", kind->count,
            kind->live, kind->spoof, kind->uncertain, kind->undetected);
    report_rate(out, k == PAD_LIVE ? &f->bpcer : &kind->apcer);
    if (k == PAD_LIVE || isnan(kind->scores.eer))
        fputs("<td>-</td></tr>\n", out);
    else
        fprintf(out, "<td>%.2f %%</td></tr>\n", 100 * kind->scores.eer);
}

void report_pad_verdicts(FILE *out, const report *r)
{
    const pad_figures *f = r->pad_figures;
    fputs("<section aria-labelledby=\"verdicts\"><h2 id=\"verdicts\">Verdicts</h2>\n"
          "<p class=\"note\">",
          out);
    put_thresholds(out, f);
    fputs(" Small print: 95 % intervals.</p>\n"
          "<div class=\"scroll\" role=\"region\" aria-label=\"Presented and called\" "
          "tabindex=\"0\"><table>"
          "<caption>What was presented, and what it was called</caption><thead><tr>"
          "<th scope=\"col\">Presented</th><th scope=\"col\">Photographs</th>"
          "<th scope=\"col\">Live</th><th scope=\"col\">Spoof</th><th scope=\"col\">Uncertain</th>"
          "<th scope=\"col\">No face</th><th scope=\"col\">BPCER, APCER</th>"
          "<th scope=\"col\">Equal error rate</th></tr></thead><tbody>\n",
          out);
    for (size_t k = 0; k < f->kind_count; k++)
        put_kind(out, f, k, r->pad->kinds.items[k]);
    fputs("</tbody></table></div>\n<p class=\"note\">Where a live face is required, this share of "
          "live faces is turned away, as attacks or as uncertain: ",
          out);
    char rate[128];
    figures_rate_text(rate, sizeof rate, &f->turned_away, false);
    fprintf(out, "%s.</p></section>\n", rate);
}
