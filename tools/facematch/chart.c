#include "chart.h"

#include <math.h>

#include "page.h"

static double place(const chart_axis *a, double value)
{
    if (!a->logarithmic)
        return (value - a->from) / (a->to - a->from);
    return (log10(value) - log10(a->from)) / (log10(a->to) - log10(a->from));
}

double chart_x(const chart_axis *a, double value)
{
    return CHART_LEFT + CHART_PLOT_WIDTH * fmin(1, fmax(0, place(a, value)));
}

double chart_y(const chart_axis *a, double value)
{
    return CHART_TOP + CHART_PLOT_HEIGHT * (1 - fmin(1, fmax(0, place(a, value))));
}

void chart_begin(FILE *out, const char *id, const char *heading, const char *description)
{
    fprintf(out,
            "<section aria-labelledby=\"%s\"><h2 id=\"%s\">%s</h2>\n<figure>\n"
            "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"",
            id, id, heading, CHART_WIDTH, CHART_HEIGHT);
    page_text(out, description);
    fputs("\">\n", out);
}

void chart_end(FILE *out, const char *caption)
{
    fprintf(out, "</svg>\n<figcaption>%s</figcaption>\n</figure></section>\n", caption);
}

void chart_text(FILE *out, double x, double y, const char *anchor, const char *more,
                const char *words)
{
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>", x, y, anchor, more);
    page_text(out, words);
    fputs("</text>\n", out);
}

void chart_line(FILE *out, double x1, double y1, double x2, double y2, const char *style)
{
    fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2, y2,
            style);
}

void chart_axes(FILE *out, const char *x, const char *y)
{
    char turned[64];
    chart_text(out, CHART_LEFT + CHART_PLOT_WIDTH / 2, CHART_HEIGHT - 10, "middle", "", x);
    snprintf(turned, sizeof turned, " transform=\"rotate(-90 14 %.1f)\"",
             CHART_TOP + CHART_PLOT_HEIGHT / 2);
    chart_text(out, 14, CHART_TOP + CHART_PLOT_HEIGHT / 2, "middle", turned, y);
    fprintf(out, "<path d=\"M%d %dV%.1fH%.1f\" fill=\"none\" stroke=\"#6b7682\"/>\n", CHART_LEFT,
            CHART_TOP, CHART_TOP + CHART_PLOT_HEIGHT, CHART_LEFT + CHART_PLOT_WIDTH);
}

/* Between two ticks. */
static double step_of(const chart_axis *a)
{
    double step = pow(10, floor(log10((a->to - a->from) / 4)));
    while ((a->to - a->from) / step > 8)
        step *= 2;
    return step;
}

static void tick_label(char *label, size_t size, double value, double step)
{
    snprintf(label, size, "%.3g", fabs(value) < step / 1000 ? 0 : value);
}

void chart_ticks_x(FILE *out, const chart_axis *x)
{
    double step = step_of(x);
    char label[32];
    for (double s = ceil(x->from / step) * step; s <= x->to; s += step) {
        chart_line(out, chart_x(x, s), CHART_TOP + CHART_PLOT_HEIGHT, chart_x(x, s),
                   CHART_TOP + CHART_PLOT_HEIGHT + 5, "stroke=\"#6b7682\"");
        tick_label(label, sizeof label, s, step);
        chart_text(out, chart_x(x, s), CHART_HEIGHT - CHART_BOTTOM + 18, "middle", "", label);
    }
}

void chart_ticks_y(FILE *out, const chart_axis *y)
{
    double step = step_of(y);
    char label[32];
    for (double s = ceil(y->from / step) * step; s <= y->to * (1 + 1e-9); s += step) {
        chart_line(out, CHART_LEFT, chart_y(y, s), CHART_LEFT + CHART_PLOT_WIDTH, chart_y(y, s),
                   "stroke=\"" CHART_GRID "\"");
        tick_label(label, sizeof label, s, step);
        chart_text(out, CHART_LEFT - 8, chart_y(y, s) + 5, "end", "", label);
    }
}
