/* Rows and queries in 8 bits, and the proof that passing over a row loses nothing.
 *
 * A vector v is kept as codes c, whole numbers in -127..127, and a scale s. What is wanted of two
 * vectors q and r is the product q.r; what is computed is the product of q' = s_q c_q and
 * r' = s_r c_r. With e_q = q - q' and e_r = r - r',
 *
 *     q.r - q'.r' = e_q.r + q'.e_r,   so   |q.r - q'.r'| <= |e_q| |r| + |q'| |e_r|
 *
 * by Cauchy and Schwarz. The lengths of e_q and e_r are those that these vectors have, measured in
 * double when they are written, not the most they could be: that is what makes the bound narrow.
 *
 * Every metric here rises with the product:
 *     inner product     q.r                    reaches the bar b when  q.r >= b
 *     (sq)euclidean     |q|^2 + |r|^2 - 2 q.r  is at most d (d = b^2 or -b)  when
 *                       2 q.r - |r|^2 >= |q|^2 - d
 *     cosine            q.r / |q||r|: as the inner product, of vectors that were divided by their
 *                       lengths before they were written
 * Putting q'.r' and its bound in the place of q.r gives the most a row can reach; where that is
 * below the bar the row cannot get into the answer, whatever its score is.
 *
 * Rounding. The product of the codes is a whole number below 2^30. From there a kernel computes in
 * float32, in any order, with or without fused operations: at most eight roundings of 2^-24 touch a
 * term, so the sum is off by less than 5e-7 of the terms' magnitudes together. Those are
 * |q'||r'| + |q'||e_r| + |e_q||r| (+ |r|^2); as no vector has more than 16384 values, |e_q| is at
 * most sqrt(16384)/254 of the largest value in q, hence |q'| <= 1.6 |q|, and |r'| <= |r| + |e_r|:
 * all in all at most 5e-7 (2.2 |q||r| + 3.2 |q||e_r| (+ |r|^2)) < SLACK |q| (|r| + |e_r|) (+ SLACK
 * |r|^2). That is added. What remains (the rounding of a score to float32, of a bar, of norms and
 * errors to float32, sums in double) is less than 2e-7 of |q||r| or of the distance, and SLACK has
 * room for it. All this supposes that nothing overflows or vanishes, so it is done only for vectors
 * of a length in LEAST..MOST; other rows are given an infinite error, which no bar is above, and
 * for other queries every row is scored. */
#include "gallery/index/scan.h"
#include "core/memory.h"
#include <float.h>
#include <math.h>
#include <string.h>

enum { DIM_MAX = 16384, STEP = 4, BIAS = 128, TOP = 127 };

static const double SLACK = 2e-6, LEAST = 1e-12, MOST = 1e12;

bool fmi_scan_form_init(fmi_scan_form *form, const fmi_manifest *manifest)
{
    size_t floats;
    form->metric = manifest->metric;
    form->dim = (size_t)manifest->embedding.dim;
    form->steps = (form->dim + STEP - 1) / STEP;
    form->has_norms = form->metric != FM_METRIC_COSINE;
    floats = (form->has_norms ? 3 : 2) * FMI_SCAN_ROWS;
    form->group_bytes = form->steps * STEP * FMI_SCAN_ROWS + floats * sizeof(float);
    return form->dim <= DIM_MAX &&
           (form->metric == FM_METRIC_COSINE || form->metric == FM_METRIC_EUCLIDEAN ||
            form->metric == FM_METRIC_SQEUCLIDEAN || form->metric == FM_METRIC_INNER_PRODUCT);
}

static bool is_ordinary(double norm)
{
    return norm >= LEAST && norm <= MOST;
}

static float largest(const float *v, size_t n)
{
    float lane[STEP] = {0};
    size_t i = 0;
    for (; i + STEP <= n; i += STEP)
        for (size_t j = 0; j < STEP; j++)
            lane[j] = fabsf(v[i + j]) > lane[j] ? fabsf(v[i + j]) : lane[j];
    for (; i < n; i++)
        lane[0] = fabsf(v[i]) > lane[0] ? fabsf(v[i]) : lane[0];
    return fmaxf(fmaxf(lane[0], lane[1]), fmaxf(lane[2], lane[3]));
}

/* factor * v in codes, BIAS too high, four of them at every stride; returns the length of what
 * they miss. However a value is rounded, that is the truth about it. */
static double write_codes(const float *v, size_t dim, double factor, unsigned char *codes,
                          size_t stride, float *scale)
{
    float most = largest(v, dim), per = TOP / most;
    double lane[STEP] = {0};
    *scale = (float)(most * factor / TOP);
    for (size_t i = 0; i < dim; i += STEP, codes += stride) {
        float part[STEP] = {0};
        memcpy(part, v + i, (dim - i < STEP ? dim - i : STEP) * sizeof *v);
        for (size_t j = 0; j < STEP; j++) {
            int code = (int)(part[j] * per + (BIAS + 0.5f));
            double missed = part[j] * factor - (double)*scale * (code - BIAS);
            codes[j] = (unsigned char)code;
            lane[j] += missed * missed;
        }
    }
    return sqrt((lane[0] + lane[2]) + (lane[1] + lane[3]));
}

static float round_up(double value)
{
    return nextafterf((float)value, INFINITY);
}

/* --- rows --- */

static fmi_scan_tail *tail_of(const fmi_scan_form *form, unsigned char *group)
{
    return (fmi_scan_tail *)(void *)(group + form->steps * STEP * FMI_SCAN_ROWS);
}

void fmi_scan_write(const fmi_scan_form *form, unsigned char *group, size_t r, const float *vector,
                    double norm)
{
    enum { STRIDE = STEP * FMI_SCAN_ROWS };
    fmi_scan_tail *tail = tail_of(form, group);
    double factor = form->metric == FM_METRIC_COSINE ? 1 / norm : 1;
    if (!is_ordinary(norm)) {
        fmi_scan_wipe(form, group, r);
        tail->error[r] = INFINITY;
        return;
    }
    tail->error[r] =
        round_up(write_codes(vector, form->dim, factor, group + STEP * r, STRIDE, &tail->scale[r]));
    if (form->has_norms)
        tail->norm[r] = round_up(norm);
}

void fmi_scan_copy(const fmi_scan_form *form, unsigned char *group, size_t r,
                   const unsigned char *from, size_t from_r)
{
    fmi_scan_tail *tail = tail_of(form, group);
    const fmi_scan_tail *source =
        (const fmi_scan_tail *)(const void *)(from + form->steps * STEP * FMI_SCAN_ROWS);
    for (size_t i = 0; i < form->steps; i++)
        memcpy(group + STEP * (i * FMI_SCAN_ROWS + r), from + STEP * (i * FMI_SCAN_ROWS + from_r),
               STEP);
    tail->scale[r] = source->scale[from_r];
    tail->error[r] = source->error[from_r];
    if (form->has_norms)
        tail->norm[r] = source->norm[from_r];
}

void fmi_scan_wipe(const fmi_scan_form *form, unsigned char *group, size_t r)
{
    fmi_scan_tail *tail = tail_of(form, group);
    for (size_t i = 0; i < form->steps; i++)
        fmi_wipe(group + STEP * (i * FMI_SCAN_ROWS + r), STEP);
    tail->scale[r] = tail->error[r] = 0;
    if (form->has_norms)
        tail->norm[r] = 0;
}

/* --- queries --- */

/* The codes become signed ones. Returns the length of what they stand for. */
static double settle_codes(fmi_aim *aim, size_t count, float scale)
{
    int64_t squares = 0;
    int32_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        int code = (unsigned char)aim->codes[i] - BIAS;
        aim->codes[i] = (int8_t)code;
        sum += code;
        squares += code * code;
    }
    aim->bias = BIAS * sum;
    return scale * sqrt((double)squares);
}

bool fmi_aim_init(fmi_aim *aim, const fmi_scan_form *form, int8_t *codes, const float *query,
                  double norm)
{
    bool unit = form->metric == FM_METRIC_COSINE;
    bool distance = form->metric == FM_METRIC_EUCLIDEAN || form->metric == FM_METRIC_SQEUCLIDEAN;
    double missed, length = unit ? 1 : norm, times = distance ? 2 : 1;
    if (!is_ordinary(norm))
        return false;
    memset(aim, 0, sizeof *aim);
    aim->codes = codes;
    missed = write_codes(query, form->dim, unit ? 1 / norm : 1, (unsigned char *)codes, STEP,
                         &aim->scale);
    aim->by_error =
        (float)(times * (settle_codes(aim, form->steps * STEP, aim->scale) + SLACK * length));
    aim->by_norm = (float)(times * (missed + SLACK * length));
    aim->by_square = distance ? (float)(SLACK - 1) : 0;
    aim->scale *= (float)times;
    aim->own = unit       ? missed + SLACK /* rows have length 1 */
               : distance ? -norm * norm * (1 - SLACK)
                          : 0;
    return true;
}

void fmi_aim_raise(fmi_aim *aim, const fmi_scan_form *form, float bar)
{
    double needed = bar;
    if (form->metric == FM_METRIC_EUCLIDEAN || form->metric == FM_METRIC_SQEUCLIDEAN) {
        needed = bar < 0 ? bar : 0; /* no score is above 0 */
        if (form->metric == FM_METRIC_EUCLIDEAN)
            needed = -needed * needed;
        needed *= 1 + SLACK;
    }
    needed -= aim->own;
    aim->bar = needed < -FLT_MAX  ? -INFINITY
               : needed > FLT_MAX ? FLT_MAX
                                  : nextafterf((float)needed, -INFINITY);
}
