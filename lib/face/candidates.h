/* Boxes on their way through the detector's stages. */
#ifndef FMI_CANDIDATES_H
#define FMI_CANDIDATES_H

#include <facematch/status.h>
#include <stdbool.h>
#include <stddef.h>

/* Corners as the published detector has them: the first pixel is 1, and the right and bottom corner
 * lie on the last pixel. The networks' regressions were trained with this. */
typedef struct fmi_candidate {
    float left, top, right, bottom;
    float score;
    float shift[4]; /* of the corners, in widths and heights of the box: left, top, right, bottom */
    float points[10]; /* x, y in pixels as fm_face has them; set by the last stage */
    int32_t level;    /* of the pyramid, where it was seen first */
} fmi_candidate;

typedef struct fmi_candidates {
    fmi_candidate *items;
    size_t count, capacity;
} fmi_candidates;

typedef enum fmi_overlap {
    FMI_OVERLAP_UNION,        /* shared area over the area of both */
    FMI_OVERLAP_UNION_LEVELS, /* the same, boxes of different levels left alone */
    FMI_OVERLAP_SMALLER       /* shared area over the smaller of the two; last pixels included */
} fmi_overlap;

/* When `most` are held, the better half is kept to make room. FM_E_BACKEND for a value that is not
 * finite. */
fm_status fmi_candidates_add(fmi_candidates *list, const fmi_candidate *candidate, size_t most,
                             fm_error *err);
/* Sort by score, best first; equal scores by level and place. Keep at most `most`. */
void fmi_candidates_sort(fmi_candidates *list, size_t most);
/* Of boxes that overlap by more than `threshold` keep the best. Sorts. */
void fmi_candidates_thin(fmi_candidates *list, double threshold, fmi_overlap overlap);
/* Turn each box into a square on the longer side, about its centre. */
void fmi_candidates_square(fmi_candidates *list);
void fmi_candidates_dispose(fmi_candidates *list);

#endif
