#include "core/options.h"
#include "core/error.h"
#include <string.h>

enum { LARGEST_STRUCT = 4096 }; /* a struct_size above it was never set, or is no size at all */

static uint32_t size_of(const void *object)
{
    uint32_t size;
    memcpy(&size, object, sizeof size);
    return size;
}

static int tail_is_zero(const void *object, uint32_t from, uint32_t to)
{
    const unsigned char *bytes = object;
    for (uint32_t i = from; i < to; i++)
        if (bytes[i])
            return 0;
    return 1;
}

fm_status fmi_options_read(void *own, uint32_t own_size, const void *options, uint32_t min_size,
                           const char *name, fm_error *err)
{
    uint32_t size = options ? size_of(options) : 0;
    if (options && (size < min_size || size > LARGEST_STRUCT))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "%s.struct_size is %u, expected at least %u: call %s_init first", name,
                        (unsigned)size, (unsigned)min_size, name);
    if (size > own_size && !tail_is_zero(options, own_size, size))
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "%s uses fields of a newer libfacematch (%u bytes, this one knows %u)",
                        name, (unsigned)size, (unsigned)own_size);
    memset(own, 0, own_size);
    if (options)
        memcpy(own, options, size < own_size ? size : own_size);
    memcpy(own, &own_size, sizeof own_size);
    return FM_OK;
}

void fmi_options_init(void *options, uint32_t struct_size)
{
    if (!options || struct_size < sizeof struct_size || struct_size > LARGEST_STRUCT)
        return;
    memset(options, 0, struct_size);
    memcpy(options, &struct_size, sizeof struct_size);
}

fm_status fmi_flag_check(int32_t value, const char *name, fm_error *err)
{
    if (value == 0 || value == 1)
        return FM_OK;
    return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is %d, expected 0 or 1", name, (int)value);
}

fm_status fmi_output_check(const void *out, uint32_t min_size, const char *name, fm_error *err)
{
    if (!out)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT, "%s is NULL", name);
    if (size_of(out) < min_size)
        return fmi_fail(err, FM_E_INVALID_ARGUMENT,
                        "%s.struct_size is %u, expected at least %u: set it to sizeof(%s)", name,
                        (unsigned)size_of(out), (unsigned)min_size, name);
    return FM_OK;
}

void fmi_output_write(void *out, const void *own, uint32_t own_size)
{
    uint32_t size = size_of(out);
    const size_t head = sizeof size;
    size_t end = size < own_size ? size : own_size;
    if (end > head)
        memcpy((char *)out + head, (const char *)own + head, end - head);
}
