/* The scan for each kind of processor; which one runs is found out at run time.
 *
 * All of them compute the same whole numbers, and from those a bound in float32 that may differ in
 * its last bits: scan.c allows for that. "Not below the bar" rather than "at least the bar": what
 * is not a number is looked at. */
#include "gallery/index/scan.h"

enum { GROUP_STEP = 4 * FMI_SCAN_ROWS };

static const fmi_scan_tail *tail_of(const fmi_scan_form *form, const unsigned char *group)
{
    return (const fmi_scan_tail *)(const void *)(group + form->steps * GROUP_STEP);
}

/* --- any processor --- */

static void products_portable(const fmi_scan_form *form, const unsigned char *group,
                              const int8_t *codes, int32_t product[FMI_SCAN_ROWS])
{
    for (size_t r = 0; r < FMI_SCAN_ROWS; r++)
        product[r] = 0;
    for (size_t i = 0; i < form->steps; i++, group += GROUP_STEP, codes += 4)
        for (size_t r = 0; r < FMI_SCAN_ROWS; r++)
            product[r] += group[4 * r] * codes[0] + group[4 * r + 1] * codes[1] +
                          group[4 * r + 2] * codes[2] + group[4 * r + 3] * codes[3];
}

static uint16_t judge_portable(const fmi_scan_form *form, const fmi_scan_tail *tail,
                               const fmi_aim *aim, const int32_t product[FMI_SCAN_ROWS],
                               float most[FMI_SCAN_ROWS])
{
    unsigned hopeful = 0;
    for (size_t r = 0; r < FMI_SCAN_ROWS; r++) {
        most[r] = aim->scale * tail->scale[r] * (float)(product[r] - aim->bias) +
                  aim->by_error * tail->error[r];
        if (form->has_norms)
            most[r] += tail->norm[r] * (aim->by_norm + aim->by_square * tail->norm[r]);
    }
    for (size_t r = 0; r < FMI_SCAN_ROWS; r++)
        hopeful |= (unsigned)!(most[r] < aim->bar) << r;
    return (uint16_t)hopeful;
}

static void scan_portable(const fmi_scan_form *form, const unsigned char *groups, size_t count,
                          const fmi_aim *aims, size_t aim_count, fmi_found *found)
{
    int32_t product[FMI_SCAN_ROWS];
    for (size_t g = 0; g < count; g++, groups += form->group_bytes)
        for (size_t a = 0; a < aim_count; a++) {
            products_portable(form, groups, aims[a].codes, product);
            found[a].hopeful[g] =
                judge_portable(form, tail_of(form, groups), &aims[a], product, found[a].most[g]);
        }
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#include <string.h>

static int32_t four_codes(const int8_t *codes)
{
    int32_t four;
    memcpy(&four, codes, sizeof four);
    return four;
}

/* --- AVX2 --- */

/* Codes are widened to 16 bits: the instruction that multiplies bytes would cut off its sums. Each
 * sum comes out as two halves, side by side. */
__attribute__((target("avx2,fma"))) static void products_avx2(const fmi_scan_form *form,
                                                              const unsigned char *group,
                                                              const int8_t *codes, __m256i sum[4])
{
    sum[0] = sum[1] = sum[2] = sum[3] = _mm256_setzero_si256();
    for (size_t i = 0; i < form->steps; i++, group += GROUP_STEP, codes += 4) {
        __m256i query = _mm256_cvtepi8_epi16(_mm_set1_epi32(four_codes(codes)));
        for (size_t j = 0; j < 4; j++) {
            __m128i rows = _mm_load_si128((const __m128i *)(const void *)(group + 16 * j));
            sum[j] = _mm256_add_epi32(sum[j], _mm256_madd_epi16(_mm256_cvtepu8_epi16(rows), query));
        }
    }
}

/* low, high: the halves of eight rows' sums */
__attribute__((target("avx2,fma"))) static unsigned judge_avx2(const fmi_scan_form *form,
                                                               const fmi_scan_tail *tail, size_t r,
                                                               const fmi_aim *aim, __m256i low,
                                                               __m256i high, float *most)
{
    /* adding neighbours leaves rows 0 1 4 5 2 3 6 7 */
    __m256i product = _mm256_permute4x64_epi64(_mm256_hadd_epi32(low, high), 0xD8);
    __m256 value = _mm256_cvtepi32_ps(_mm256_sub_epi32(product, _mm256_set1_epi32(aim->bias)));
    __m256 scale = _mm256_mul_ps(_mm256_set1_ps(aim->scale), _mm256_load_ps(tail->scale + r));
    value = _mm256_fmadd_ps(
        scale, value,
        _mm256_mul_ps(_mm256_set1_ps(aim->by_error), _mm256_load_ps(tail->error + r)));
    if (form->has_norms) {
        __m256 norm = _mm256_load_ps(tail->norm + r);
        value = _mm256_fmadd_ps(
            norm,
            _mm256_fmadd_ps(_mm256_set1_ps(aim->by_square), norm, _mm256_set1_ps(aim->by_norm)),
            value);
    }
    _mm256_storeu_ps(most + r, value);
    return (unsigned)_mm256_movemask_ps(
        _mm256_cmp_ps(value, _mm256_set1_ps(aim->bar), _CMP_NLT_UQ));
}

__attribute__((target("avx2,fma"))) static void scan_avx2(const fmi_scan_form *form,
                                                          const unsigned char *groups, size_t count,
                                                          const fmi_aim *aims, size_t aim_count,
                                                          fmi_found *found)
{
    __m256i sum[4];
    for (size_t g = 0; g < count; g++, groups += form->group_bytes)
        for (size_t a = 0; a < aim_count; a++) {
            const fmi_scan_tail *tail = tail_of(form, groups);
            float *most = found[a].most[g];
            unsigned low, high;
            products_avx2(form, groups, aims[a].codes, sum);
            low = judge_avx2(form, tail, 0, &aims[a], sum[0], sum[1], most);
            high = judge_avx2(form, tail, 8, &aims[a], sum[2], sum[3], most);
            found[a].hopeful[g] = (uint16_t)(low | high << 8);
        }
}

/* --- AVX-512 VNNI --- */

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

AVX512 static __m512i product_vnni(const fmi_scan_form *form, const unsigned char *group,
                                   const int8_t *codes)
{
    __m512i sum[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                      _mm512_setzero_si512()};
    size_t i = 0;
    for (; i + 4 <= form->steps; i += 4, group += (size_t)4 * GROUP_STEP, codes += 16)
        for (size_t j = 0; j < 4; j++)
            sum[j] = _mm512_dpbusd_epi32(sum[j], _mm512_load_si512(group + j * GROUP_STEP),
                                         _mm512_set1_epi32(four_codes(codes + 4 * j)));
    for (; i < form->steps; i++, group += GROUP_STEP, codes += 4)
        sum[0] = _mm512_dpbusd_epi32(sum[0], _mm512_load_si512(group),
                                     _mm512_set1_epi32(four_codes(codes)));
    return _mm512_add_epi32(_mm512_add_epi32(sum[0], sum[1]), _mm512_add_epi32(sum[2], sum[3]));
}

/* Four queries by two groups, so that what is loaded is used more than once. */
AVX512 static void products_vnni(const fmi_scan_form *form, const unsigned char *group,
                                 const fmi_aim *aims, __m512i sum[4][2])
{
    const unsigned char *next = group + form->group_bytes;
    for (size_t a = 0; a < 4; a++)
        sum[a][0] = sum[a][1] = _mm512_setzero_si512();
    for (size_t i = 0; i < form->steps; i++, group += GROUP_STEP, next += GROUP_STEP) {
        __m512i rows = _mm512_load_si512(group), more = _mm512_load_si512(next);
        for (size_t a = 0; a < 4; a++) {
            __m512i query = _mm512_set1_epi32(four_codes(aims[a].codes + 4 * i));
            sum[a][0] = _mm512_dpbusd_epi32(sum[a][0], rows, query);
            sum[a][1] = _mm512_dpbusd_epi32(sum[a][1], more, query);
        }
    }
}

AVX512 static uint16_t judge_vnni(const fmi_scan_form *form, const fmi_scan_tail *tail,
                                  const fmi_aim *aim, __m512i product, float *most)
{
    __m512 value = _mm512_cvtepi32_ps(_mm512_sub_epi32(product, _mm512_set1_epi32(aim->bias)));
    __m512 scale = _mm512_mul_ps(_mm512_set1_ps(aim->scale), _mm512_load_ps(tail->scale));
    value = _mm512_fmadd_ps(
        scale, value, _mm512_mul_ps(_mm512_set1_ps(aim->by_error), _mm512_load_ps(tail->error)));
    if (form->has_norms) {
        __m512 norm = _mm512_load_ps(tail->norm);
        value = _mm512_fmadd_ps(
            norm,
            _mm512_fmadd_ps(_mm512_set1_ps(aim->by_square), norm, _mm512_set1_ps(aim->by_norm)),
            value);
    }
    _mm512_storeu_ps(most, value);
    return _mm512_cmp_ps_mask(value, _mm512_set1_ps(aim->bar), _CMP_NLT_UQ);
}

AVX512 static void scan_vnni(const fmi_scan_form *form, const unsigned char *groups, size_t count,
                             const fmi_aim *aims, size_t aim_count, fmi_found *found)
{
    __m512i sum[4][2];
    size_t g = 0;
    for (; aim_count == 4 && g + 2 <= count; g += 2, groups += 2 * form->group_bytes) {
        products_vnni(form, groups, aims, sum);
        for (size_t a = 0; a < 4; a++)
            for (size_t j = 0; j < 2; j++)
                found[a].hopeful[g + j] =
                    judge_vnni(form, tail_of(form, groups + j * form->group_bytes), &aims[a],
                               sum[a][j], found[a].most[g + j]);
    }
    for (; g < count; g++, groups += form->group_bytes)
        for (size_t a = 0; a < aim_count; a++)
            found[a].hopeful[g] =
                judge_vnni(form, tail_of(form, groups), &aims[a],
                           product_vnni(form, groups, aims[a].codes), found[a].most[g]);
}

static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_vnni(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
}
#endif

#if defined(__aarch64__)
#include <arm_neon.h>

/* --- NEON --- */

/* Codes are brought back to their sign: products of two of them then fit 16 bits. Each sum comes
 * out as two halves, side by side. */
static void products_neon(const fmi_scan_form *form, const unsigned char *group,
                          const int8_t *codes, int32x4_t sum[8])
{
    for (size_t j = 0; j < 8; j++)
        sum[j] = vdupq_n_s32(0);
    for (size_t i = 0; i < form->steps; i++, group += GROUP_STEP, codes += 4) {
        int8x16_t query = vreinterpretq_s8_s32(vld1q_dup_s32((const int32_t *)(const void *)codes));
        for (size_t j = 0; j < 4; j++) {
            int8x16_t rows =
                vreinterpretq_s8_u8(veorq_u8(vld1q_u8(group + 16 * j), vdupq_n_u8(0x80)));
            sum[2 * j] = vpadalq_s16(sum[2 * j], vmull_s8(vget_low_s8(rows), vget_low_s8(query)));
            sum[2 * j + 1] = vpadalq_s16(sum[2 * j + 1], vmull_high_s8(rows, query));
        }
    }
}

static void scan_neon(const fmi_scan_form *form, const unsigned char *groups, size_t count,
                      const fmi_aim *aims, size_t aim_count, fmi_found *found)
{
    int32x4_t sum[8];
    int32_t product[FMI_SCAN_ROWS];
    for (size_t g = 0; g < count; g++, groups += form->group_bytes)
        for (size_t a = 0; a < aim_count; a++) {
            products_neon(form, groups, aims[a].codes, sum);
            for (size_t j = 0; j < 4; j++) /* judged as if the codes of rows were BIAS too high */
                vst1q_s32(product + 4 * j, vaddq_s32(vpaddq_s32(sum[2 * j], sum[2 * j + 1]),
                                                     vdupq_n_s32(aims[a].bias)));
            found[a].hopeful[g] =
                judge_portable(form, tail_of(form, groups), &aims[a], product, found[a].most[g]);
        }
}
#endif

/* --- choosing --- */

fmi_scan_kernel fmi_scan_kernel_number(size_t number, const char **name)
{
    static const struct {
        fmi_scan_kernel kernel;
        const char *name;
        bool (*runs_here)(void);
    } all[] = {
#if defined(__x86_64__) && defined(__GNUC__)
        {scan_vnni, "AVX-512 VNNI", has_vnni},
        {scan_avx2, "AVX2", has_avx2},
#endif
#if defined(__aarch64__)
        {scan_neon, "NEON", NULL},
#endif
        {scan_portable, "portable", NULL},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if ((!all[i].runs_here || all[i].runs_here()) && number-- == 0) {
            *name = all[i].name;
            return all[i].kernel;
        }
    return NULL;
}

fmi_scan_kernel fmi_scan_kernel_best(void)
{
    const char *name;
    return fmi_scan_kernel_number(0, &name);
}
