#include <math.h>
#include <stdlib.h>

#include "chart.h"
#include "output.h"
#include "report.h"

enum { BINS = 80 };

/* A power of ten, as 10 with a raised exponent. */
static void power(FILE *out, double x, double y, const char *anchor, double value)
{
    int exponent = (int)lround(log10(value));
    if (exponent == 0)
        chart_text(out, x, y, anchor, "", "1");
    else
        fprintf(out,
                "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">10<tspan dy=\"-6\" "
                "style=\"font-size:.78em\">\xe2\x88\x92%d</tspan></text>\n",
                x, y, anchor, -exponent);
}

static void decades(FILE *out, const chart_axis *x, const chart_axis *y)
{
    for (double d = x->from; d < x->to * 1.001; d *= 10) {
        chart_line(out, chart_x(x, d), CHART_TOP, chart_x(x, d), CHART_TOP + CHART_PLOT_HEIGHT,
                   "stroke=\"" CHART_GRID "\"");
        power(out, chart_x(x, d), CHART_HEIGHT - CHART_BOTTOM + 20, "middle", d);
    }
    for (double d = y->from; d < y->to * 1.001; d *= 10) {
        chart_line(out, CHART_LEFT, chart_y(y, d), CHART_LEFT + CHART_PLOT_WIDTH, chart_y(y, d),
                   "stroke=\"" CHART_GRID "\"");
        power(out, CHART_LEFT - 8, chart_y(y, d) + 5, "end", d);
    }
}

/* Whole decades, one at least. */
static double decade_below(double n)
{
    return fmin(0.1, pow(10, -floor(log10(fmax(n, 10)) + 1e-9)));
}

/* The decade in which the curve ends, before it reaches 0. */
static double lowest_decade(const report *r)
{
    fm_operating_point p = {.struct_size = sizeof p};
    float lowest = r->figures->report.lowest;
    if (fm_evaluation_at_threshold(r->comparisons, lowest, &p, NULL) != FM_OK ||
        !(p.fnmr.value > 0))
        return 0;
    return fmin(0.1, pow(10, floor(log10(p.fnmr.value))));
}

static void draw_curve(FILE *out, const report *r, const chart_axis *x, const chart_axis *y)
{
    fm_det_point *points = out_alloc(FIGURES_CURVE, sizeof *points);
    size_t count = 0;
    bool drawing = false;
    if (fm_evaluation_curve(r->comparisons, points, FIGURES_CURVE, &count, NULL) != FM_OK)
        count = 0;
    fputs("<path fill=\"none\" stroke=\"" CHART_BLUE
          "\" stroke-width=\"2.5\" stroke-linejoin=\"round\" "
          "d=\"",
          out);
    for (size_t i = 0; i < count; i++) {
        if (points[i].fmr < x->from)
            continue;
        fprintf(out, "%c%.1f %.1f", drawing ? 'L' : 'M', chart_x(x, points[i].fmr),
                chart_y(y, fmax(points[i].fnmr, y->from)));
        drawing = true;
        if (points[i].fnmr < y->from)
            break;
    }
    fputs("\"/>\n", out);
    free(points);
}

static void draw_point(FILE *out, const fm_operating_point *p, const chart_axis *x,
                       const chart_axis *y)
{
    double at = chart_x(x, p->fmr.value);
    if (p->fmr.value < x->from)
        return;
    chart_line(out, at, chart_y(y, fmax(p->fnmr.low, y->from)), at,
               chart_y(y, fmax(p->fnmr.high, y->from)),
               "stroke=\"" CHART_ORANGE "\" stroke-width=\"2\"");
    fprintf(out,
            "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\" fill=\"#fff\" stroke=\"" CHART_ORANGE
            "\" stroke-width=\"2.5\"/>\n",
            at, chart_y(y, fmax(p->fnmr.value, y->from)));
}

void report_error_curve(FILE *out, const report *r)
{
    const fm_evaluation_report *f = &r->figures->report;
    chart_axis x = {decade_below((double)f->impostor), 1, true};
    chart_axis y = {fmax(decade_below((double)f->genuine), lowest_decade(r)), 1, true};
    chart_begin(out, "errors", "Trade-off of the two errors", r->words->curve);
    decades(out, &x, &y);
    draw_curve(out, r, &x, &y);
    for (size_t i = 0; i < FIGURES_RATES; i++)
        if (r->figures->measured[i].told)
            draw_point(out, &r->figures->measured[i].at, &x, &y);
    chart_axes(out, r->words->match_axis, r->words->miss_axis);
    chart_end(out,
              "Detection error trade-off; lower and further left is better. Circles: the operating "
              "points of the table, with 95 % intervals.");
}

static void draw_bars(FILE *out, const int64_t *bins, double total, double top, const char *colour)
{
    chart_axis x = {0, BINS, false}, y = {0, top, false};
    fprintf(out,
            "<path fill=\"%s\" fill-opacity=\".32\" stroke=\"%s\" stroke-width=\"1.6\" d=\"M%d "
            "%.1f",
            colour, colour, CHART_LEFT, CHART_TOP + CHART_PLOT_HEIGHT);
    for (int i = 0; i < BINS; i++)
        fprintf(out, "V%.1fH%.1f", chart_y(&y, (double)bins[i] / total), chart_x(&x, i + 1));
    fprintf(out, "V%.1fZ\"/>\n", CHART_TOP + CHART_PLOT_HEIGHT);
}

static int highest(const int64_t *bins)
{
    int best = 0;
    for (int i = 1; i < BINS; i++)
        if (bins[i] > bins[best])
            best = i;
    return best;
}

static double sum(const int64_t *bins)
{
    double total = 0;
    for (int i = 0; i < BINS; i++)
        total += (double)bins[i];
    return total > 0 ? total : 1;
}

/* The label stands over its class's highest bar. */
static void label_class(FILE *out, const int64_t *bins, double total, double top, const char *name,
                        const char *colour)
{
    chart_axis x = {0, BINS, false}, y = {0, top, false};
    int at = highest(bins);
    double across =
        fmin(CHART_WIDTH - CHART_RIGHT - 34, fmax(CHART_LEFT + 40, chart_x(&x, at + 0.5)));
    char style[64];
    snprintf(style, sizeof style, " style=\"fill:%s;font-weight:600\"", colour);
    chart_text(out, across, chart_y(&y, (double)bins[at] / total) - 7, "middle", style, name);
}

static void mark_thresholds(FILE *out, const report *r, const chart_axis *x)
{
    double before = 1e9;
    for (size_t i = FIGURES_RATES; i-- > 0;) {
        const figures_point *p = &r->figures->measured[i];
        double at = chart_x(x, (double)p->at.threshold);
        if (!p->told || before - at < 13)
            continue;
        char turned[96];
        before = at;
        chart_line(out, at, CHART_TOP, at, CHART_TOP + CHART_PLOT_HEIGHT,
                   "stroke=\"#4d5763\" stroke-dasharray=\"4 4\" stroke-width=\"1.2\"");
        snprintf(turned, sizeof turned,
                 " transform=\"rotate(-90 %.1f %d)\" style=\"font-size:11.5px\"", at - 4,
                 CHART_TOP + 4);
        chart_text(out, at - 4, CHART_TOP + 4, "end", turned, FIGURES_NAMES[i]);
    }
}

void report_histogram(FILE *out, const report *r)
{
    const fm_evaluation_report *f = &r->figures->report;
    int64_t genuine[BINS], impostor[BINS];
    float low = f->lowest, high = f->highest;
    if (!(low < high) ||
        fm_evaluation_histogram(r->comparisons, low, high, BINS, genuine, impostor, NULL) != FM_OK)
        return;
    double g = sum(genuine), i = sum(impostor);
    double top =
        1.28 * fmax((double)genuine[highest(genuine)] / g, (double)impostor[highest(impostor)] / i);
    chart_axis x = {low, high, false};
    chart_begin(out, "scores", "Scores of both kinds", r->words->histogram);
    draw_bars(out, impostor, i, top, CHART_ORANGE);
    draw_bars(out, genuine, g, top, CHART_BLUE);
    mark_thresholds(out, r, &x);
    label_class(out, impostor, i, top, r->words->negative, CHART_ORANGE);
    label_class(out, genuine, g, top, r->words->positive, CHART_BLUE);
    chart_ticks_x(out, &x);
    chart_axes(out, "score", "share of the kind");
    chart_end(out, r->words->histogram_caption);
}

void report_ranks(FILE *out, const report *r)
{
    double first = r->cmc[0];
    chart_axis x = {1, (double)(r->ranks > 1 ? r->ranks : 2), false};
    chart_axis y = {fmax(0, floor(first * 20 - 1) / 20), 1, false};
    char label[32];
    chart_begin(out, "ranks", "Known people by rank",
                "Share of known people found up to each rank of the list, without a threshold.");
    for (double share = y.from; share < 1.0001; share += (1 - y.from) / 5) {
        chart_line(out, CHART_LEFT, chart_y(&y, share), CHART_LEFT + CHART_PLOT_WIDTH,
                   chart_y(&y, share), "stroke=\"" CHART_GRID "\"");
        snprintf(label, sizeof label, "%.0f %%", 100 * share);
        chart_text(out, CHART_LEFT - 8, chart_y(&y, share) + 4, "end", "", label);
    }
    fputs("<path fill=\"none\" stroke=\"" CHART_BLUE "\" stroke-width=\"2.5\" d=\"", out);
    for (size_t i = 0; i < r->ranks; i++)
        fprintf(out, "%c%.1f %.1f", i ? 'L' : 'M', chart_x(&x, (double)i + 1),
                chart_y(&y, r->cmc[i]));
    fputs("\"/>\n", out);
    for (size_t i = 1; i <= r->ranks; i += i == 1 ? 4 : 5) {
        snprintf(label, sizeof label, "%zu", i);
        chart_text(out, chart_x(&x, (double)i), CHART_HEIGHT - CHART_BOTTOM + 18, "middle", "",
                   label);
    }
    chart_axes(out, "rank", "found up to this rank");
    chart_end(out, "Cumulative match characteristic (closed set: no threshold).");
}
