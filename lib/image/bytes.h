/* Numbers as file formats write them. */
#ifndef FMI_BYTES_H
#define FMI_BYTES_H

#include <stdint.h>

static inline uint32_t fmi_be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t fmi_be32(const uint8_t *p)
{
    return fmi_be16(p) << 16 | fmi_be16(p + 2);
}

static inline uint32_t fmi_le16(const uint8_t *p)
{
    return (uint32_t)p[1] << 8 | p[0];
}

static inline uint32_t fmi_le32(const uint8_t *p)
{
    return fmi_le16(p + 2) << 16 | fmi_le16(p);
}

static inline uint64_t fmi_le64(const uint8_t *p)
{
    return (uint64_t)fmi_le32(p + 4) << 32 | fmi_le32(p);
}

static inline void fmi_put_le64(uint8_t *p, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

#endif
