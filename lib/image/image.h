/* What an fm_image is inside, and the pixel work shared by the modules above. */
#ifndef FMI_IMAGE_H
#define FMI_IMAGE_H

#include <facematch/face.h>

struct fm_image {
    const uint8_t *pixels; /* top row */
    int32_t width, height;
    size_t stride; /* bytes */
    fm_pixel_format format;
    int32_t orientation; /* EXIF orientation that was undone */
    uint8_t *owned;      /* NULL when borrowed */
    size_t owned_size;
};

/* pixels.c: a new zeroed RGB8 image that owns its pixels, writable through image->owned */
fm_status fmi_image_new(fm_image **out, int32_t width, int32_t height, fm_error *err);
void fmi_image_free(fm_image *image);
int32_t fmi_pixel_bytes(fm_pixel_format format); /* 0 for an unknown format */
/* n pixels of row y from column x as RGB8; the range must lie inside */
void fmi_image_row_rgb(const fm_image *image, int32_t y, int32_t x, int32_t n, uint8_t *rgb);

/* decode.c. options as fmi_image_options_read fills them: limits, no zeros */
fm_status fmi_image_options_read(fm_image_options *own, const fm_image_options *options,
                                 fm_error *err);
fm_status fmi_image_decode(fm_image **out, const uint8_t *data, size_t size,
                           const fm_image_options *options, fm_error *err);
/* orientation.c: EXIF orientation in a TIFF block, 1 when there is none or it makes no sense; 0
 * when there is no memory to look */
int32_t fmi_exif_orientation(const uint8_t *tiff, size_t size);
fm_status fmi_image_orient(fm_image **image, int32_t orientation, fm_error *err); /* in place */
/* encode.c */
fm_status fmi_image_save(const fm_image *image, const char *path, fm_error *err);

/* Float planes that networks read: value = (pixel - mean[c]) / std[c], channel c at
 * out + c * plane_stride, rows row_stride floats apart. order_bgr swaps the channels. */
typedef struct fmi_planes {
    float *out;
    size_t plane_stride, row_stride; /* floats */
    float mean[3], std[3];
    int32_t bgr;
} fmi_planes;

/* resize.c: the box [x0,x1) x [y0,y1) (pixels; outside the image is black) averaged into
 * width x height cells, cell i covering source [floor(i*n/m), ceil((i+1)*n/m)): area resampling as
 * PyTorch's adaptive average pooling has it, which the MTCNN port was trained and measured with. */
fm_status fmi_image_area_planes(const fm_image *image, int32_t x0, int32_t y0, int32_t x1,
                                int32_t y1, int32_t width, int32_t height, const fmi_planes *to,
                                fm_error *err);
/* stretch.c: a box (x0, y0, x1, y1, not empty, inside the image) bilinear and without a filter, in
 * whole grey levels: for networks whose training pictures were made so */
fm_status fmi_image_stretch_planes(const fm_image *image, const int32_t box[4], int32_t width,
                                   int32_t height, const fmi_planes *to, fm_error *err);
/* resize.c: bilinear with low-pass filtering where it shrinks; identity when the size is the same
 */
fm_status fmi_image_resize(fm_image **out, const fm_image *image, int32_t width, int32_t height,
                           fm_error *err);
/* resize.c: all of an image as planes, no resampling */
void fmi_image_to_planes(const fm_image *image, const fmi_planes *to);

/* warp.c: out(x,y) = image(m0*x + m1*y + m2, m3*x + m4*y + m5), bilinear; filtered first when the
 * map shrinks. Coordinates on both sides as in fm_face: the centre of the top left pixel is (0.5,
 * 0.5). replicate: beyond the edge the edge pixel, else black. */
fm_status fmi_image_warp(fm_image **out, const fm_image *image, const double m[6], int32_t width,
                         int32_t height, int32_t replicate, fm_error *err);

/* draw.c */
fm_status fmi_image_draw_faces(fm_image **out, const fm_image *image, const fm_face *faces,
                               size_t count, fm_error *err);

#endif
