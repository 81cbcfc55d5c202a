/* Charts as SVG, of one size and look. */
#ifndef TOOL_CHART_H
#define TOOL_CHART_H

#include <stdbool.h>
#include <stdio.h>

enum {
    CHART_WIDTH = 500,
    CHART_HEIGHT = 380,
    CHART_LEFT = 76,
    CHART_RIGHT = 16,
    CHART_TOP = 14,
    CHART_BOTTOM = 48
};
static const double CHART_PLOT_WIDTH = CHART_WIDTH - CHART_LEFT - CHART_RIGHT,
                    CHART_PLOT_HEIGHT = CHART_HEIGHT - CHART_TOP - CHART_BOTTOM;
#define CHART_BLUE   "#0b6e99"
#define CHART_ORANGE "#b4500b"
#define CHART_GRID   "#e3e7eb"

/* From..to in data units, by their logarithms or as they are. */
typedef struct chart_axis {
    double from, to;
    bool logarithmic;
} chart_axis;

/* Where a value lies; what is outside lies on the edge. */
double chart_x(const chart_axis *a, double value);
double chart_y(const chart_axis *a, double value);

void chart_begin(FILE *out, const char *id, const char *heading, const char *description);
void chart_end(FILE *out, const char *caption);
void chart_text(FILE *out, double x, double y, const char *anchor, const char *more,
                const char *words);
void chart_line(FILE *out, double x1, double y1, double x2, double y2, const char *style);
void chart_axes(FILE *out, const char *x, const char *y); /* their lines and names */
void chart_ticks_x(FILE *out, const chart_axis *x);
void chart_ticks_y(FILE *out, const chart_axis *y); /* with lines across */

#endif
