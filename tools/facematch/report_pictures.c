#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "page.h"
#include "report.h"

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

/* The library writes pictures to files only. */
static void put_picture(FILE *out, const report *r, const face_photo *photo, const char *folder)
{
    char *path = out_format("%s/crop.jpg", folder);
    fm_image *crop = crop_of(r, photo->path);
    FILE *file = NULL;
    if (crop && fm_image_save_file(crop, path, NULL) == FM_OK)
        file = fopen(path, "rb");
    fm_image_free(crop);
    fputs("<img alt=\"Face of ", out);
    page_text(out, r->f->people.items[photo->person]);
    fputs("\" width=\"112\" height=\"112\" src=\"data:image/jpeg;base64,", out);
    if (file) {
        put_base64(out, file);
        fclose(file);
        unlink(path);
    }
    fputs("\">", out);
    free(path);
}

static void put_name(FILE *out, const face_photo *photo)
{
    const char *name = strrchr(photo->path, '/');
    page_text(out, name ? name + 1 : photo->path);
}

static void put_pairs(FILE *out, const report *r, const worst_pair *pairs, size_t count,
                      const char *folder)
{
    fputs("<ul class=\"pairs\">\n", out);
    for (size_t i = 0; i < count; i++) {
        const face_photo *a = &r->f->photos[pairs[i].a], *b = &r->f->photos[pairs[i].b];
        fputs("<li><div>", out);
        put_picture(out, r, a, folder);
        put_picture(out, r, b, folder);
        fprintf(out, "</div><p><strong>%.3f</strong><br>", (double)pairs[i].score);
        put_name(out, a);
        fputs("<br>", out);
        put_name(out, b);
        fputs("</p></li>\n", out);
    }
    fputs("</ul>\n", out);
}

void report_pictures(FILE *out, const report *r)
{
    const char *place = getenv("TMPDIR");
    char *folder = out_format("%s/facematch-report-XXXXXX", place && place[0] ? place : "/tmp");
    if (mkdtemp(folder)) {
        fprintf(out,
                "<section aria-labelledby=\"worst\"><h2 id=\"worst\">Worst mistakes</h2>\n"
                "<h3>%s</h3>\n<p class=\"note\">The highest scores between two names. Some may be "
                "one person under two names: worth a look before the figures are believed.</p>\n",
                r->identification ? "Strangers most like someone enrolled"
                                  : "Strangers most alike");
        put_pairs(out, r, r->worst->impostor, r->worst->impostor_count, folder);
        fprintf(out, "<h3>%s</h3>\n<p class=\"note\">The lowest scores under one name.</p>\n",
                r->identification ? "Known people least like their templates"
                                  : "Photographs of one person least alike");
        put_pairs(out, r, r->worst->genuine, r->worst->genuine_count, folder);
        fputs("</section>\n", out);
        rmdir(folder);
    }
    free(folder);
}
