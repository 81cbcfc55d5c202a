/* Structs that grow: option structs in, output structs out. docs/stability of the ABI rests here.
 *
 * A caller compiled against an older header passes a shorter struct: what is missing is zero, which
 * means default. One compiled against a newer header passes a longer one: its tail must be zero. */
#ifndef FMI_OPTIONS_H
#define FMI_OPTIONS_H

#include <facematch/status.h>

/* Copy the caller's options into `own` (own_size bytes, zeroed first). options NULL: all zero.
 * min_size is the size of the struct in the first release that had it. */
fm_status fmi_options_read(void *own, uint32_t own_size, const void *options, uint32_t min_size,
                           const char *name, fm_error *err);

/* Body of every fm_*_options_init: zero min(struct_size, own_size) bytes... and set struct_size. */
void fmi_options_init(void *options, uint32_t struct_size);

/* Flags are 0 or 1, so that other values stay free for later releases. */
fm_status fmi_flag_check(int32_t value, const char *name, fm_error *err);

/* Is this output struct there, and at least min_size long? */
fm_status fmi_output_check(const void *out, uint32_t min_size, const char *name, fm_error *err);

/* Copy `own` into the caller's struct, as much as it holds; its struct_size stays. */
void fmi_output_write(void *out, const void *own, uint32_t own_size);

#endif
