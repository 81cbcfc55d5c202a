#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "commands.h"
#include "context.h"
#include "output.h"
#include "progress.h"

enum { DEFAULT_ROUNDS = 5 };

typedef struct series {
    const char *step, *model;
    double *ms;
    size_t count;
} series;

typedef struct bench {
    context ctx;
    fm_image **images;
    size_t count, rounds;
    series detect, embed;
} bench;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The nearest of the sorted values. */
static double percentile(const series *s, double share)
{
    return s->ms[(size_t)(share * (double)(s->count - 1) + 0.5)];
}

static void add(series *s, double started, bool counted)
{
    if (counted)
        s->ms[s->count++] = (clock_seconds() - started) * 1e3;
}

static fm_status time_image(bench *b, const fm_image *image, embedding *vector, bool counted,
                            fm_error *err)
{
    size_t faces = 1;
    double started = clock_seconds();
    fm_status status = FM_OK;
    if (!b->ctx.opts->aligned) {
        status = fm_detect(b->ctx.session, image, &vector->face, 1, &faces, err);
        if (status != FM_OK)
            return status;
        add(&b->detect, started, counted);
    }
    if (faces == 0)
        return FM_OK;
    started = clock_seconds();
    status = b->ctx.opts->aligned
                 ? fm_embed_aligned(b->ctx.session, &image, 1, vector->values, vector->dim, err)
                 : fm_embed(b->ctx.session, image, &vector->face, vector->values, vector->dim, NULL,
                            NULL, err);
    if (status == FM_OK)
        add(&b->embed, started, counted);
    return status;
}

static bool time_all(bench *b)
{
    fm_error err = {sizeof err, 0, ""};
    fm_status status = FM_OK;
    embedding vector = embedding_new(&b->ctx);
    bar_begin("timing", (b->rounds + 1) * b->count);
    for (size_t round = 0; round <= b->rounds && status == FM_OK; round++)
        for (size_t i = 0; i < b->count && status == FM_OK; i++) {
            status = time_image(b, b->images[i], &vector, round > 0, &err);
            if (status != FM_OK)
                out_image_error(b->ctx.opts->args[i], &err);
            bar_step();
        }
    bar_end();
    embedding_free(&vector);
    return status == FM_OK;
}

static void tell(const bench *b, series *s)
{
    const options *opts = b->ctx.opts;
    fm_build_info build = {.struct_size = sizeof build};
    if (s->count == 0 || fm_build_info_get(&build, NULL) != FM_OK)
        return;
    qsort(s->ms, s->count, sizeof *s->ms, by_value);
    double median = percentile(s, 0.5), p95 = percentile(s, 0.95);
    if (!opts->json) {
        out_line("%-6s  median %.2f ms, 95th percentile %.2f ms, n %zu (%s)", s->step, median, p95,
                 s->count, s->model);
        return;
    }
    /* The detector always computes in float32. */
    bool bfloat16 = s == &b->embed && opts->precision == FM_PRECISION_BFLOAT16;
    out_json(json_pack(
        "{s:s,s:o,s:o,s:I,s:o,s:s,s:I,s:s,s:s,s:s,s:s}", "step", s->step, "median_ms",
        out_real(median), "p95_ms", out_real(p95), "n", (json_int_t)s->count, "model",
        out_text(s->model), "precision", bfloat16 ? "bfloat16" : "float32", "threads",
        (json_int_t)(opts->threads ? opts->threads : 1), "version", build.version, "backend",
        build.backend, "backend_version", build.backend_version, "git_id", build.git_id));
}

static bool load(bench *b)
{
    bool ok = true;
    size_t rounds = b->ctx.opts->rounds ? (size_t)b->ctx.opts->rounds : DEFAULT_ROUNDS;
    b->rounds = rounds;
    b->count = b->ctx.opts->args_count;
    b->images = out_alloc(b->count, sizeof(fm_image *));
    b->detect.ms = out_alloc(b->count * rounds, sizeof(double));
    b->embed.ms = out_alloc(b->count * rounds, sizeof(double));
    for (size_t i = 0; i < b->count; i++)
        ok &= (b->images[i] = ctx_photo(b->ctx.opts->args[i])) != NULL;
    return ok;
}

static void describe(bench *b)
{
    fm_model_info info = {.struct_size = sizeof info};
    b->embed.model = b->ctx.model.name;
    b->detect.model = "";
    if (b->ctx.detector && fm_model_describe(b->ctx.detector, &info, NULL) == FM_OK)
        b->detect.model = info.name; /* lives as long as the model */
}

static void release(bench *b)
{
    for (size_t i = 0; i < b->count; i++)
        fm_image_free(b->images[i]);
    free(b->images);
    free(b->detect.ms);
    free(b->embed.ms);
    ctx_close(&b->ctx);
}

int cmd_bench(const options *opts)
{
    bench b = {.detect = {.step = "detect"}, .embed = {.step = "embed"}};
    if (!ctx_open(&b.ctx, opts, NEEDS_EMBEDDER | NEEDS_DETECTOR))
        return ANSWER_ERROR;
    describe(&b);
    bool ok = load(&b) && time_all(&b);
    if (ok) {
        tell(&b, &b.detect);
        tell(&b, &b.embed);
    }
    if (ok && b.embed.count == 0)
        out_note("no face in any photograph: embedding was not timed");
    release(&b);
    return ok ? ANSWER_YES : ANSWER_ERROR;
}
