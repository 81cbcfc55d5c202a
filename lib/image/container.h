/* What an encoded picture says of itself, read without decoding it: so that limits hold before
 * anything is allocated, and a picture that was cut off is seen, which stb_image does not do. */
#ifndef FMI_CONTAINER_H
#define FMI_CONTAINER_H

#include <facematch/status.h>

typedef enum fmi_container_kind {
    FMI_CONTAINER_JPEG,
    FMI_CONTAINER_PNG,
    FMI_CONTAINER_GIF,
    FMI_CONTAINER_BMP,
    FMI_CONTAINER_PNM,
    FMI_CONTAINER_TGA
} fmi_container_kind;

typedef struct fmi_container {
    fmi_container_kind kind;
    const char *name; /* "JPEG" */
    const uint8_t *data;
    size_t size;
    uint32_t width, height; /* as stored, before orientation; > 0 */
    uint32_t bits;          /* BMP, TGA: per pixel */
    size_t pixels_at;       /* BMP, PNM, TGA: offset of the pixels */
    uint32_t channels, max; /* PNM: 1 or 3; the value of white */
} fmi_container;

/* Kind and size, from the header alone. FM_E_UNSUPPORTED for a format or variant that is not read,
 * FM_E_CORRUPT for what is no picture at all or ends within its header. */
fm_status fmi_container_open(fmi_container *out, const uint8_t *data, size_t size, fm_error *err);

/* Is all of it there? FM_E_CORRUPT "... is truncated". */
fm_status fmi_container_check(const fmi_container *container, fm_error *err);

/* The TIFF block of its EXIF data, and how many bytes of it; NULL when there is none. */
const uint8_t *fmi_container_exif(const fmi_container *container, size_t *size);

fm_status fmi_container_truncated(const fmi_container *container, fm_error *err);
fm_status fmi_container_corrupt(const fmi_container *container, const char *why, fm_error *err);
fm_status fmi_container_unsupported(const fmi_container *container, const char *why, fm_error *err);

/* jpeg.c */
fm_status fmi_jpeg_open(fmi_container *jpeg, fm_error *err);
fm_status fmi_jpeg_check(const fmi_container *jpeg, fm_error *err);
const uint8_t *fmi_jpeg_exif(const fmi_container *jpeg, size_t *size);
/* png.c */
fm_status fmi_png_open(fmi_container *png, fm_error *err);
fm_status fmi_png_check(const fmi_container *png, fm_error *err);
const uint8_t *fmi_png_exif(const fmi_container *png, size_t *size);
/* pnm.c */
fm_status fmi_pnm_open(fmi_container *pnm, fm_error *err);
fm_status fmi_pnm_check(const fmi_container *pnm, fm_error *err);
void fmi_pnm_decode(const fmi_container *pnm, uint8_t *rgb); /* after the check */
/* tga.c */
int fmi_tga_plausible(const uint8_t *data, size_t size);
fm_status fmi_tga_open(fmi_container *tga, fm_error *err);
fm_status fmi_tga_check(const fmi_container *tga, fm_error *err);

#endif
