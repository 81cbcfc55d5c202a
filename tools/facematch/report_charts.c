#include <math.h>
#include <stdlib.h>

#include "output.h"
#include "report.h"

enum { WIDTH = 500, HEIGHT = 380, LEFT = 76, RIGHT = 16, TOP = 14, BOTTOM = 48, BINS = 80 };
static const double PLOT_WIDTH = WIDTH - LEFT - RIGHT, PLOT_HEIGHT = HEIGHT - TOP - BOTTOM;
#define BLUE   "#0b6e99"
#define ORANGE "#b4500b"
#define GRID   "#e3e7eb"

/* An axis: from..to in data units, by their logarithms or as they are. */
typedef struct axis {
    double from, to;
    bool logarithmic;
} axis;

static double place(const axis *a, double value)
{
    if (!a->logarithmic)
        return (value - a->from) / (a->to - a->from);
    return (log10(value) - log10(a->from)) / (log10(a->to) - log10(a->from));
}

static double x_of(const axis *a, double value)
{
    return LEFT + PLOT_WIDTH * fmin(1, fmax(0, place(a, value)));
}

static double y_of(const axis *a, double value)
{
    return TOP + PLOT_HEIGHT * (1 - fmin(1, fmax(0, place(a, value))));
}

static void begin(FILE *out, const char *id, const char *heading, const char *description)
{
    fprintf(out,
            "<section aria-labelledby=\"%s\"><h2 id=\"%s\">%s</h2>\n<figure>\n"
            "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"",
            id, id, heading, WIDTH, HEIGHT);
    report_text(out, description);
    fputs("\">\n", out);
}

static void end(FILE *out, const char *caption)
{
    fprintf(out, "</svg>\n<figcaption>%s</figcaption>\n</figure></section>\n", caption);
}

static void text(FILE *out, double x, double y, const char *anchor, const char *more,
                 const char *words)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>", x, y, anchor, more);
    report_text(out, words);
    fputs("</text>\n", out);
}

static void line(FILE *out, double x1, double y1, double x2, double y2, const char *style)
{
    fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2, y2,
            style);
}

/* A power of ten, as 10 with a raised exponent. */
static void power(FILE *out, double x, double y, const char *anchor, double value)
{
    int exponent = (int)lround(log10(value));
    if (exponent == 0)
        text(out, x, y, anchor, "", "1");
    else
        fprintf(out,
                "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">10<tspan dy=\"-6\" "
                "style=\"font-size:.78em\">\xe2\x88\x92%d</tspan></text>\n",
                x, y, anchor, -exponent);
}

static void decades(FILE *out, const axis *x, const axis *y)
{
    for (double d = x->from; d < x->to * 1.001; d *= 10) {
        line(out, x_of(x, d), TOP, x_of(x, d), TOP + PLOT_HEIGHT, "stroke=\"" GRID "\"");
        power(out, x_of(x, d), HEIGHT - BOTTOM + 20, "middle", d);
    }
    for (double d = y->from; d < y->to * 1.001; d *= 10) {
        line(out, LEFT, y_of(y, d), LEFT + PLOT_WIDTH, y_of(y, d), "stroke=\"" GRID "\"");
        power(out, LEFT - 8, y_of(y, d) + 5, "end", d);
    }
}

static void name_axes(FILE *out, const char *x, const char *y)
{
    char turned[64];
    text(out, LEFT + PLOT_WIDTH / 2, HEIGHT - 10, "middle", "", x);
    snprintf(turned, sizeof turned, " transform=\"rotate(-90 14 %.1f)\"", TOP + PLOT_HEIGHT / 2);
    text(out, 14, TOP + PLOT_HEIGHT / 2, "middle", turned, y);
    fprintf(out, "<path d=\"M%d %dV%.1fH%.1f\" fill=\"none\" stroke=\"#6b7682\"/>\n", LEFT, TOP,
            TOP + PLOT_HEIGHT, LEFT + PLOT_WIDTH);
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

static void draw_curve(FILE *out, const report *r, const axis *x, const axis *y)
{
    fm_det_point *points = out_alloc(FIGURES_CURVE, sizeof *points);
    size_t count = 0;
    bool drawing = false;
    if (fm_evaluation_curve(r->comparisons, points, FIGURES_CURVE, &count, NULL) != FM_OK)
        count = 0;
    fputs("<path fill=\"none\" stroke=\"" BLUE "\" stroke-width=\"2.5\" stroke-linejoin=\"round\" "
          "d=\"",
          out);
    for (size_t i = 0; i < count; i++) {
        if (points[i].fmr < x->from)
            continue;
        fprintf(out, "%c%.1f %.1f", drawing ? 'L' : 'M', x_of(x, points[i].fmr),
                y_of(y, fmax(points[i].fnmr, y->from)));
        drawing = true;
        if (points[i].fnmr < y->from)
            break;
    }
    fputs("\"/>\n", out);
    free(points);
}

static void draw_point(FILE *out, const fm_operating_point *p, const axis *x, const axis *y)
{
    double at = x_of(x, p->fmr.value);
    if (p->fmr.value < x->from)
        return;
    line(out, at, y_of(y, fmax(p->fnmr.low, y->from)), at, y_of(y, fmax(p->fnmr.high, y->from)),
         "stroke=\"" ORANGE "\" stroke-width=\"2\"");
    fprintf(out,
            "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\" fill=\"#fff\" stroke=\"" ORANGE
            "\" stroke-width=\"2.5\"/>\n",
            at, y_of(y, fmax(p->fnmr.value, y->from)));
}

void report_error_curve(FILE *out, const report *r)
{
    const fm_evaluation_report *f = &r->figures->report;
    axis x = {decade_below((double)f->impostor), 1, true};
    axis y = {fmax(decade_below((double)f->genuine), lowest_decade(r)), 1, true};
    begin(out, "errors", "Trade-off of the two errors", r->words->curve);
    decades(out, &x, &y);
    draw_curve(out, r, &x, &y);
    for (size_t i = 0; i < FIGURES_RATES; i++)
        if (r->figures->measured[i].told)
            draw_point(out, &r->figures->measured[i].at, &x, &y);
    name_axes(out, r->words->match_axis, r->words->miss_axis);
    end(out, "Detection error trade-off; lower and further left is better. Circles: the operating "
             "points of the table, with 95 % intervals.");
}

static void draw_bars(FILE *out, const int64_t *bins, double total, double top, const char *colour)
{
    axis x = {0, BINS, false}, y = {0, top, false};
    fprintf(out,
            "<path fill=\"%s\" fill-opacity=\".32\" stroke=\"%s\" stroke-width=\"1.6\" d=\"M%d "
            "%.1f",
            colour, colour, LEFT, TOP + PLOT_HEIGHT);
    for (int i = 0; i < BINS; i++)
        fprintf(out, "V%.1fH%.1f", y_of(&y, (double)bins[i] / total), x_of(&x, i + 1));
    fprintf(out, "V%.1fZ\"/>\n", TOP + PLOT_HEIGHT);
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
    axis x = {0, BINS, false}, y = {0, top, false};
    int at = highest(bins);
    double across = fmin(WIDTH - RIGHT - 34, fmax(LEFT + 40, x_of(&x, at + 0.5)));
    char style[64];
    snprintf(style, sizeof style, " style=\"fill:%s;font-weight:600\"", colour);
    text(out, across, y_of(&y, (double)bins[at] / total) - 7, "middle", style, name);
}

static void mark_thresholds(FILE *out, const report *r, const axis *x)
{
    double before = 1e9;
    for (size_t i = FIGURES_RATES; i-- > 0;) {
        const figures_point *p = &r->figures->measured[i];
        double at = x_of(x, (double)p->at.threshold);
        if (!p->told || before - at < 13)
            continue;
        char turned[96];
        before = at;
        line(out, at, TOP, at, TOP + PLOT_HEIGHT,
             "stroke=\"#4d5763\" stroke-dasharray=\"4 4\" stroke-width=\"1.2\"");
        snprintf(turned, sizeof turned,
                 " transform=\"rotate(-90 %.1f %d)\" style=\"font-size:11.5px\"", at - 4, TOP + 4);
        text(out, at - 4, TOP + 4, "end", turned, FIGURES_NAMES[i]);
    }
}

static void score_ticks(FILE *out, const axis *x)
{
    double step = pow(10, floor(log10((x->to - x->from) / 4)));
    char label[32];
    while ((x->to - x->from) / step > 8)
        step *= 2;
    for (double s = ceil(x->from / step) * step; s <= x->to; s += step) {
        line(out, x_of(x, s), TOP + PLOT_HEIGHT, x_of(x, s), TOP + PLOT_HEIGHT + 5,
             "stroke=\"#6b7682\"");
        snprintf(label, sizeof label, "%.3g", fabs(s) < step / 1000 ? 0 : s);
        text(out, x_of(x, s), HEIGHT - BOTTOM + 18, "middle", "", label);
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
    axis x = {low, high, false};
    begin(out, "scores", "Scores of both kinds", r->words->histogram);
    draw_bars(out, impostor, i, top, ORANGE);
    draw_bars(out, genuine, g, top, BLUE);
    mark_thresholds(out, r, &x);
    label_class(out, impostor, i, top, r->words->negative, ORANGE);
    label_class(out, genuine, g, top, r->words->positive, BLUE);
    score_ticks(out, &x);
    name_axes(out, "score", "share of the kind");
    end(out, r->words->histogram_caption);
}

void report_ranks(FILE *out, const report *r)
{
    double first = r->cmc[0];
    axis x = {1, (double)(r->ranks > 1 ? r->ranks : 2), false};
    axis y = {fmax(0, floor(first * 20 - 1) / 20), 1, false};
    char label[32];
    begin(out, "ranks", "Known people by rank",
          "Share of known people found up to each rank of the list, without a threshold.");
    for (double share = y.from; share < 1.0001; share += (1 - y.from) / 5) {
        line(out, LEFT, y_of(&y, share), LEFT + PLOT_WIDTH, y_of(&y, share), "stroke=\"" GRID "\"");
        snprintf(label, sizeof label, "%.0f %%", 100 * share);
        text(out, LEFT - 8, y_of(&y, share) + 4, "end", "", label);
    }
    fputs("<path fill=\"none\" stroke=\"" BLUE "\" stroke-width=\"2.5\" d=\"", out);
    for (size_t i = 0; i < r->ranks; i++)
        fprintf(out, "%c%.1f %.1f", i ? 'L' : 'M', x_of(&x, (double)i + 1), y_of(&y, r->cmc[i]));
    fputs("\"/>\n", out);
    for (size_t i = 1; i <= r->ranks; i += i == 1 ? 4 : 5) {
        snprintf(label, sizeof label, "%zu", i);
        text(out, x_of(&x, (double)i), HEIGHT - BOTTOM + 18, "middle", "", label);
    }
    name_axes(out, "rank", "found up to this rank");
    end(out, "Cumulative match characteristic (closed set: no threshold).");
}
