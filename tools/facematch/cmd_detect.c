#include <stdlib.h>

#include "commands.h"
#include "context.h"
#include "output.h"

typedef struct detection {
    fm_image_info image;
    fm_face faces[MAX_FACES];
    fm_face_quality qualities[MAX_FACES]; /* with --quality */
    size_t count;
} detection;

static bool save_drawing(const char *out_path, const char *path, const fm_image *image,
                         const detection *found)
{
    fm_error err = {sizeof err, 0, ""};
    fm_image *drawing = NULL;
    if (fm_image_draw_faces(&drawing, image, found->faces, found->count, &err) != FM_OK) {
        out_image_error(path, &err);
        return false;
    }
    fm_status status = fm_image_save_file(drawing, out_path, &err);
    fm_image_free(drawing);
    if (status != FM_OK)
        out_library_error(out_path, &err);
    return status == FM_OK;
}

static fm_status measure(const context *ctx, const fm_image *image, detection *found, fm_error *err)
{
    fm_status status = FM_OK;
    for (size_t i = 0; i < found->count && ctx->opts->quality && status == FM_OK; i++)
        status = fm_quality(ctx->session, image, &found->faces[i], &found->qualities[i], err);
    return status;
}

static bool find(const context *ctx, const char *path, detection *out)
{
    fm_error err = {sizeof err, 0, ""};
    fm_image *image = ctx_photo(path);
    if (!image)
        return false;
    out->image.struct_size = sizeof out->image;
    bool ok = fm_image_describe(image, &out->image, &err) == FM_OK &&
              fm_detect(ctx->session, image, out->faces, MAX_FACES, &out->count, &err) == FM_OK &&
              measure(ctx, image, out, &err) == FM_OK;
    if (!ok)
        out_image_error(path, &err);
    else if (ctx->opts->draw)
        ok = save_drawing(ctx->opts->draw, path, image, out);
    fm_image_free(image);
    return ok;
}

static void print_json(const context *ctx, const char *path, const detection *found)
{
    json_t *faces = json_array();
    for (size_t i = 0; i < found->count; i++) {
        json_t *face = out_face(&found->faces[i]);
        if (ctx->opts->quality)
            json_object_set_new(face, "quality", out_quality(&found->qualities[i]));
        json_array_append_new(faces, face);
    }
    out_json(json_pack("{s:o,s:i,s:i,s:I,s:o}", "image", out_text(path), "width",
                       found->image.width_px, "height", found->image.height_px, "count",
                       (json_int_t)found->count, "faces", faces));
}

static void print_quality(const fm_face_quality *q)
{
    out_line(
        "     quality %.2f: %.0f pixels, sharpness %.3f, brightness %.0f, yaw %.0f, pitch %.0f, "
        "roll %.0f degrees",
        q->quality, q->size_px, q->sharpness, q->brightness, q->yaw_deg, q->pitch_deg, q->roll_deg);
}

static void print_text(const context *ctx, const char *path, const detection *found)
{
    out_line("%s: %d x %d pixels, %zu face%s", path, found->image.width_px, found->image.height_px,
             found->count, found->count == 1 ? "" : "s");
    for (size_t i = 0; i < found->count; i++) {
        const fm_face *face = &found->faces[i];
        out_line("  %zu. %.0f x %.0f pixels at %.0f, %.0f, score %.3f", i + 1, face->width,
                 face->height, face->x, face->y, face->score);
        if (ctx->opts->quality)
            print_quality(&found->qualities[i]);
    }
}

static int detect_one(void *data, const char *path)
{
    const context *ctx = data;
    detection *found = out_alloc(1, sizeof *found);
    int answer = ANSWER_ERROR;
    if (find(ctx, path, found)) {
        answer = found->count ? ANSWER_YES : ANSWER_NO;
        if (ctx->opts->json)
            print_json(ctx, path, found);
        else
            print_text(ctx, path, found);
    }
    free(found);
    return answer;
}

int cmd_detect(const options *opts)
{
    context ctx;
    if (opts->draw && opts->args_count > 1)
        return options_misuse(opts, "--draw takes one photograph, not %zu", opts->args_count);
    if (!ctx_open(&ctx, opts, NEEDS_DETECTOR))
        return ANSWER_ERROR;
    int answer = ctx_each("detecting", opts->args, opts->args_count, detect_one, &ctx);
    ctx_close(&ctx);
    return answer;
}
