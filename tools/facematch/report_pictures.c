#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "page.h"
#include "report.h"

enum { CUT_SIDE = 240 }; /* of a picture of one photograph */

static void put_base64(FILE *out, FILE *file)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char b[3];
    size_t n;
    while ((n = fread(b, 1, sizeof b, file)) > 0) {
        unsigned long bits = (unsigned long)b[0] << 16 | (n > 1 ? (unsigned long)b[1] << 8 : 0) |
                             (n > 2 ? b[2] : 0UL);
        fputc(DIGITS[bits >> 18 & 63], out);
        fputc(DIGITS[bits >> 12 & 63], out);
        fputc(n > 1 ? DIGITS[bits >> 6 & 63] : '=', out);
        fputc(n > 2 ? DIGITS[bits & 63] : '=', out);
    }
}

/* The crop the model saw; with --aligned, the photograph. */
static fm_image *crop_of(const report *r, const char *path)
{
    fm_image *image = ctx_photo(path), *crop = NULL;
    if (!image || r->ctx->opts->aligned)
        return image;
    fm_status status = fm_align(r->ctx->session, image, NULL, &crop, NULL);
    fm_image_free(image);
    return status == FM_OK ? crop : NULL;
}

/* The library writes pictures to files only. Frees the image, which may be NULL. */
static void put_picture(FILE *out, fm_image *image, const char *what, const char *who, int size,
                        const char *folder)
{
    char *path = out_format("%s/crop.jpg", folder);
    FILE *file = NULL;
    if (image && fm_image_save_file(image, path, NULL) == FM_OK)
        file = fopen(path, "rb");
    fm_image_free(image);
    fprintf(out, "<img alt=\"%s ", what);
    page_text(out, who);
    fprintf(out, "\" width=\"%d\" height=\"%d\" src=\"data:image/jpeg;base64,", size, size);
    if (file) {
        put_base64(out, file);
        fclose(file);
        unlink(path);
    }
    fputs("\">", out);
    free(path);
}

static void put_name(FILE *out, const char *path)
{
    const char *name = strrchr(path, '/');
    page_text(out, name ? name + 1 : path);
}

static void put_pairs(FILE *out, const report *r, const worst_pair *pairs, size_t count,
                      const char *folder)
{
    fputs("<ul class=\"pairs\">\n", out);
    for (size_t i = 0; i < count; i++) {
        const face_photo *a = &r->f->photos[pairs[i].a], *b = &r->f->photos[pairs[i].b];
        fputs("<li><div>", out);
        put_picture(out, crop_of(r, a->path), "Face of", r->f->people.items[a->person], 112,
                    folder);
        put_picture(out, crop_of(r, b->path), "Face of", r->f->people.items[b->person], 112,
                    folder);
        fprintf(out, "</div><p><strong>%.3f</strong><br>", (double)pairs[i].score);
        put_name(out, a->path);
        fputs("<br>", out);
        put_name(out, b->path);
        fputs("</p></li>\n", out);
    }
    fputs("</ul>\n", out);
}

/* --- single photographs --- */

/* The square around a face, twice its size, within the photograph. */
typedef struct square {
    size_t x, y, side;
} square;

static square around(const fm_face *face, const fm_image_info *info)
{
    double side = 2 * fmax(face->width, face->height), x = face->x + face->width / 2 - side / 2;
    double y = face->y + face->height / 2 - side / 2;
    side = fmax(1, fmin(side, fmin(info->width_px, info->height_px)));
    x = fmin(fmax(0, x), info->width_px - side);
    y = fmin(fmax(0, y), info->height_px - side);
    return (square){(size_t)x, (size_t)y, (size_t)side};
}

/* Every step-th pixel is enough for a small picture. In place: no pixel is read after its place
 * has been written. The side. */
static int32_t cut_out(uint8_t *rgb, size_t width, square s)
{
    size_t step = s.side / CUT_SIDE + 1, n = s.side / step;
    for (size_t y = 0; y < n; y++)
        for (size_t x = 0; x < n; x++)
            memmove(rgb + 3 * (y * n + x), rgb + 3 * ((s.y + y * step) * width + s.x + x * step),
                    3);
    return (int32_t)n;
}

static void put_surroundings(FILE *out, const pad_photo *photo, const char *what,
                             const char *folder)
{
    fm_image_info info = {.struct_size = sizeof info};
    fm_image *image = ctx_photo(photo->path), *cut = NULL;
    uint8_t *rgb = NULL;
    size_t size = 0;
    if (image && fm_image_describe(image, &info, NULL) == FM_OK) {
        size = 3 * (size_t)info.width_px * (size_t)info.height_px;
        rgb = out_alloc(size, 1);
        if (fm_image_copy_rgb(image, rgb, size, NULL, NULL) == FM_OK) {
            int32_t side = cut_out(rgb, (size_t)info.width_px, around(&photo->seen.face, &info));
            if (fm_image_from_pixels(&cut, rgb, size, side, side, 0, FM_PIXEL_RGB8, NULL) != FM_OK)
                cut = NULL;
        }
    }
    fm_image_free(image);
    put_picture(out, cut, "Photograph:", what, CUT_SIDE, folder);
    if (rgb)
        explicit_bzero(rgb, size);
    free(rgb);
}

static void put_photographs(FILE *out, const report *r, const worst_pair *list, size_t count,
                            const char *folder)
{
    fputs("<ul class=\"pairs single\">\n", out);
    for (size_t i = 0; i < count; i++) {
        const pad_photo *photo = &r->pad->photos[list[i].a];
        const char *kind = r->pad->kinds.items[photo->kind];
        fputs("<li><div>", out);
        put_surroundings(out, photo, kind, folder);
        fprintf(out, "</div><p><strong>%.4f, %s</strong><br>", (double)list[i].score,
                fm_liveness_verdict_name(pad_verdict(r->pad_figures, photo)));
        page_text(out, kind);
        fputs("<br>", out);
        put_name(out, photo->path);
        fputs("</p></li>\n", out);
    }
    fputs("</ul>\n", out);
}

/* --- all --- */

static void put_class(FILE *out, const report *r, bool genuine, const char *folder)
{
    const report_words *words = r->words;
    const worst_pair *list = genuine ? r->worst->genuine : r->worst->impostor;
    size_t count = genuine ? r->worst->genuine_count : r->worst->impostor_count;
    fprintf(out, "<h3>%s</h3>\n<p class=\"note\">%s</p>\n",
            genuine ? words->worst_positive : words->worst_negative,
            genuine ? words->worst_positive_note : words->worst_negative_note);
    if (r->pad)
        put_photographs(out, r, list, count, folder);
    else
        put_pairs(out, r, list, count, folder);
}

void report_pictures(FILE *out, const report *r)
{
    const char *place = getenv("TMPDIR");
    char *folder = out_format("%s/facematch-report-XXXXXX", place && place[0] ? place : "/tmp");
    if (mkdtemp(folder)) {
        fputs("<section aria-labelledby=\"worst\"><h2 id=\"worst\">Worst mistakes</h2>\n", out);
        put_class(out, r, false, folder);
        put_class(out, r, true, folder);
        fputs("</section>\n", out);
        rmdir(folder);
    }
    free(folder);
}
