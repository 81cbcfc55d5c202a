/* Operating points, and the decision that follows from a score. */
#ifndef FMI_VERIFY_H
#define FMI_VERIFY_H

#include "backend/manifest.h"
#include <facematch/gallery.h>

/* The least score that is a match, 1:1. options as read by fmi_options_read. */
fm_status fmi_verify_threshold(const fmi_manifest *manifest, const fm_verify_options *options,
                               float *threshold, fm_error *err);
/* Fill everything but struct_size. */
void fmi_verify_decide(const fmi_manifest *manifest, float score, float threshold,
                       fm_verification *out);

/* The least score that is a match among `identities` people; an empty gallery counts as one. */
fm_status fmi_identify_threshold(const fmi_manifest *manifest, const fm_identify_options *options,
                                 size_t identities, float *threshold, fm_error *err);

/* All that can be said about the options without a model: FM_E_INVALID_ARGUMENT. */
fm_status fmi_verify_options_check(const fm_verify_options *options, fm_error *err);
fm_status fmi_identify_options_check(const fm_identify_options *options, fm_error *err);

#endif
