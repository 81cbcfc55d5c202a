/* The markers of a JPEG file (ITU-T T.81, annex B). */
#include "core/error.h"
#include "image/bytes.h"
#include "image/container.h"
#include <string.h>

enum {
    DHT = 0xC4,
    EOI = 0xD9,
    SOS = 0xDA,
    APP1 = 0xE1,
    APP14 = 0xEE,
    MOST_SCANS = 500 /* a small file can ask for any number of passes over a large picture */
};

typedef struct segment {
    int marker;
    const uint8_t *payload;
    size_t length;
} segment;

static int stands_alone(int marker)
{
    return marker == 0x01 || (marker >= 0xD0 && marker <= EOI);
}

static int is_frame(int marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

/* The next marker from *at, entropy-coded data being skipped; 0 at the end of the bytes. */
static int next_segment(const fmi_container *jpeg, size_t *at, segment *out)
{
    const uint8_t *p = jpeg->data + *at, *end = jpeg->data + jpeg->size;
    while (p < end && (p = memchr(p, 0xFF, (size_t)(end - p))) != NULL) {
        while (p < end && *p == 0xFF)
            p++;
        if (p == end)
            return 0;
        out->marker = *p++;
        if (out->marker == 0 || (out->marker >= 0xD0 && out->marker <= 0xD7))
            continue; /* an escaped 0xFF, a restart */
        out->payload = p;
        out->length = 0;
        if (!stands_alone(out->marker)) {
            if (end - p < 2 || fmi_be16(p) < 2 || fmi_be16(p) > (size_t)(end - p))
                return 0;
            out->payload = p + 2;
            out->length = fmi_be16(p) - 2;
        }
        *at = (size_t)(out->payload - jpeg->data) + out->length;
        return 1;
    }
    return 0;
}

static fm_status read_frame(fmi_container *jpeg, const segment *s, fm_error *err)
{
    if (s->marker > 0xC2)
        return fmi_container_unsupported(jpeg, "lossless and arithmetic coding", err);
    if (s->length < 6)
        return fmi_container_corrupt(jpeg, "its frame header is too short", err);
    if (s->payload[0] != 8)
        return fmi_container_unsupported(jpeg, "samples that are not of 8 bits", err);
    jpeg->height = fmi_be16(s->payload + 1);
    jpeg->width = fmi_be16(s->payload + 3);
    jpeg->channels = s->payload[5];
    return FM_OK;
}

fm_status fmi_jpeg_open(fmi_container *jpeg, fm_error *err)
{
    size_t at = 2;
    segment s;
    while (next_segment(jpeg, &at, &s)) {
        if (is_frame(s.marker))
            return read_frame(jpeg, &s, err);
        if (s.marker == SOS || s.marker == EOI)
            return fmi_container_corrupt(jpeg, "it has no frame header", err);
    }
    return fmi_container_truncated(jpeg, err);
}

/* stb_image writes past its table when the counts of a Huffman table add up to more than 256. */
static int huffman_tables_fit(const segment *s)
{
    size_t at = 0;
    while (at < s->length) {
        size_t codes = 0;
        if (s->length - at < 17)
            return 0;
        for (int i = 1; i <= 16; i++)
            codes += s->payload[at + i];
        at += 17 + codes;
        if (codes > 256)
            return 0;
    }
    return at == s->length;
}

fm_status fmi_jpeg_check(const fmi_container *jpeg, fm_error *err)
{
    size_t at = 2, scans = 0;
    int adobe = 0;
    segment s;
    while (next_segment(jpeg, &at, &s)) {
        if (s.marker == APP14 && s.length >= 12 && memcmp(s.payload, "Adobe", 5) == 0)
            adobe = 1;
        if (s.marker == DHT && !huffman_tables_fit(&s))
            return fmi_container_corrupt(jpeg, "impossible Huffman table", err);
        if (s.marker == SOS && ++scans > MOST_SCANS)
            return fmi_fail(err, FM_E_LIMIT, "the JPEG picture has more than %d scans", MOST_SCANS);
        /* only Adobe's marker tells what four channels mean */
        if (s.marker == SOS && jpeg->channels == 4 && !adobe)
            return fmi_container_unsupported(jpeg, "four channels without Adobe's marker", err);
        if (s.marker == EOI)
            return scans ? FM_OK : fmi_container_corrupt(jpeg, "it holds no scan", err);
    }
    return fmi_container_truncated(jpeg, err);
}

const uint8_t *fmi_jpeg_exif(const fmi_container *jpeg, size_t *size)
{
    size_t at = 2;
    segment s;
    while (next_segment(jpeg, &at, &s) && s.marker != SOS) {
        if (s.marker == APP1 && s.length > 6 && memcmp(s.payload, "Exif\0", 5) == 0) {
            *size = s.length - 6;
            return s.payload + 6;
        }
    }
    return NULL;
}
