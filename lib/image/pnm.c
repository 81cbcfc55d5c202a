/* Binary PGM and PPM. Decoded here: stb_image neither scales to a maximum other than 255 nor minds
 * the order of 16-bit samples. */
#include "image/bytes.h"
#include "image/container.h"

static int is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

/* A number and the one byte behind it; -1 when it is cut off, -2 when it is none. */
static int64_t read_number(const fmi_container *pnm, size_t *at)
{
    int64_t value = 0;
    size_t first;
    while (*at < pnm->size && (is_space(pnm->data[*at]) || pnm->data[*at] == '#')) {
        if (pnm->data[*at] == '#')
            while (*at < pnm->size && pnm->data[*at] != '\n')
                ++*at;
        else
            ++*at;
    }
    first = *at;
    while (*at < pnm->size && pnm->data[*at] >= '0' && pnm->data[*at] <= '9') {
        value = value * 10 + (pnm->data[(*at)++] - '0');
        if (value > INT32_MAX)
            return -2;
    }
    if (*at >= pnm->size)
        return -1;
    if (*at == first || !is_space(pnm->data[*at]))
        return -2;
    ++*at;
    return value;
}

fm_status fmi_pnm_open(fmi_container *pnm, fm_error *err)
{
    size_t at = 2;
    int64_t number[3];
    pnm->channels = pnm->data[1] == '6' ? 3 : 1;
    for (int i = 0; i < 3; i++) {
        number[i] = read_number(pnm, &at);
        if (number[i] == -1)
            return fmi_container_truncated(pnm, err);
        if (number[i] < 0)
            return fmi_container_corrupt(pnm, "its header is not three numbers", err);
    }
    if (number[2] < 1 || number[2] > 65535)
        return fmi_container_corrupt(pnm, "its maximum is not 1 to 65535", err);
    pnm->width = (uint32_t)number[0];
    pnm->height = (uint32_t)number[1];
    pnm->max = (uint32_t)number[2];
    pnm->pixels_at = at;
    return FM_OK;
}

fm_status fmi_pnm_check(const fmi_container *pnm, fm_error *err)
{
    uint64_t row = (uint64_t)pnm->width * pnm->channels * (pnm->max > 255 ? 2 : 1);
    return (pnm->size - pnm->pixels_at) / row < pnm->height ? fmi_container_truncated(pnm, err)
                                                            : FM_OK;
}

static uint8_t to_8_bits(uint32_t value, uint32_t max)
{
    return (uint8_t)(((value < max ? value : max) * 255u + max / 2) / max);
}

void fmi_pnm_decode(const fmi_container *pnm, uint8_t *rgb)
{
    const uint8_t *p = pnm->data + pnm->pixels_at;
    size_t pixels = (size_t)pnm->width * pnm->height, step = pnm->max > 255 ? 2 : 1;
    for (size_t i = 0; i < pixels; i++)
        for (uint32_t c = 0; c < 3; c++) {
            const uint8_t *sample = p + step * (i * pnm->channels + (pnm->channels == 3 ? c : 0));
            *rgb++ = to_8_bits(step == 2 ? fmi_be16(sample) : *sample, pnm->max);
        }
}
