/* A first look at many rows: vectors in 8 bits, and a bound on what they can score.
 *
 * Rows lie in groups of sixteen, so that an instruction works on one value of each: first the
 * codes, four bytes of every row in turn, then what belongs to the rows. A scan reads them once,
 * front to back. scan.c proves the bound, scan_kernels.c computes it. */
#ifndef FMI_SCAN_H
#define FMI_SCAN_H

#include "backend/manifest.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FMI_SCAN_ROWS = 16,   /* of a group */
    FMI_SCAN_STRIP = 16,  /* groups that are scanned at once, at most */
    FMI_SCAN_QUERIES = 4, /* as many share a scan, at most */
    FMI_SCAN_ALIGN = 64   /* of a group in memory */
};

/* How the rows of an index are written. */
typedef struct fmi_scan_form {
    fm_metric metric;
    size_t dim, steps;  /* of four values each, the last one filled up */
    size_t group_bytes; /* a multiple of FMI_SCAN_ALIGN */
    bool has_norms;     /* not under cosine, where rows are of unit length */
} fmi_scan_form;

/* Behind the codes of a group: how rows are read, rounded upwards but for the scale. */
typedef struct fmi_scan_tail {
    float scale[FMI_SCAN_ROWS];
    float error[FMI_SCAN_ROWS]; /* length of what the codes miss; INFINITY: nothing is known */
    float norm[FMI_SCAN_ROWS];  /* only where the form has_norms */
} fmi_scan_tail;

/* A query, ready for scans: a row can be passed over when
 * scale * row.scale * product + by_error * row.error + row.norm * (by_norm + by_square * row.norm)
 * is less than `bar`, the product being that of the codes. */
typedef struct fmi_aim {
    int8_t *codes; /* [4 * steps] */
    int32_t bias;  /* of the product: codes of rows are kept 128 too high */
    float scale, by_error, by_norm, by_square;
    float bar;
    double own; /* what of the bound rests on the query alone */
} fmi_aim;

/* What a scan found for one query; most[g][r] is good only where bit r of hopeful[g] is set. */
typedef struct fmi_found {
    float most[FMI_SCAN_STRIP][FMI_SCAN_ROWS];
    uint16_t hopeful[FMI_SCAN_STRIP];
} fmi_found;

/* Look at `count` groups for `aim_count` queries; found[aim_count]. */
typedef void (*fmi_scan_kernel)(const fmi_scan_form *form, const unsigned char *groups,
                                size_t count, const fmi_aim *aims, size_t aim_count,
                                fmi_found *found);

/* false: the metric does not follow from a product, or the vectors are too long. */
bool fmi_scan_form_init(fmi_scan_form *form, const fmi_manifest *manifest);

/* Row r of a group; the norm is the vector's own. */
void fmi_scan_write(const fmi_scan_form *form, unsigned char *group, size_t r, const float *vector,
                    double norm);
void fmi_scan_copy(const fmi_scan_form *form, unsigned char *group, size_t r,
                   const unsigned char *from, size_t from_r);
void fmi_scan_wipe(const fmi_scan_form *form, unsigned char *group, size_t r);

/* false: nothing can be said about such a query, every row must be scored. codes: as in fmi_aim. */
bool fmi_aim_init(fmi_aim *aim, const fmi_scan_form *form, int8_t *codes, const float *query,
                  double norm);
/* From now on rows that cannot score `bar` are passed over. */
void fmi_aim_raise(fmi_aim *aim, const fmi_scan_form *form, float bar);

/* The fastest that this processor can run. */
fmi_scan_kernel fmi_scan_kernel_best(void);

/* Tests only: those that this processor can run, by number and with a name; NULL past the end. */
fmi_scan_kernel fmi_scan_kernel_number(size_t number, const char **name);

#endif
