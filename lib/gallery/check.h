/* What a gallery takes: the same for an enrolment and for a line of a file that is imported. */
#ifndef FMI_CHECK_H
#define FMI_CHECK_H

#include "gallery/store.h"

/* FM_E_INVALID_ARGUMENT when a value is not finite; *zero: all of them are 0. */
fm_status fmi_check_vector(const float *v, size_t dim, const char *name, bool *zero, fm_error *err);
/* One that is stored: not all zero, too. */
fm_status fmi_check_stored_vector(const float *v, size_t dim, fm_error *err);
/* Display name, metadata, label and quality, as far as they are given. */
fm_status fmi_check_beside(const fmi_new_template *add, fm_error *err);

/* Values as they are stored: float32, little-endian. */
void fmi_vector_to_le(unsigned char *out, const float *values, size_t n);
void fmi_vector_from_le(float *out, const unsigned char *bytes, size_t n);

#endif
