/* The part of the enrolment gate that needs no gallery. */
#ifndef FMI_GATE_H
#define FMI_GATE_H

#include "face/session.h"
#include <facematch/quality.h>

/* The caller's options, checked; what is 0 is filled in where the default is one number, and with
 * `off` all is negative. NULL: the defaults. */
fm_status fmi_gate_options_read(fm_gate_options *own, const fm_gate_options *options,
                                fm_error *err);

void fmi_gate_report_clear(fm_gate_report *report); /* of a photograph that is let through */

/* Refuse: the report gets reason, value and limit, err the text. Always FM_E_REFUSED. */
fm_status fmi_gate_refuse(fm_gate_report *report, fm_refusal reason, double value, double limit,
                          fm_error *err, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* Hold report->quality against the limits; what is NaN passes. */
fm_status fmi_gate_figures(const fm_gate_options *limits, fm_gate_report *report, fm_error *err);

/* Find the face that is meant, measure it, and hold the figures against the limits. FM_E_NOT_FOUND
 * and FM_REFUSAL_NO_FACE where there is none. With FM_OK, FM_E_REFUSED and FM_E_NOT_FOUND the
 * report is complete. */
fm_status fmi_gate_photograph(fm_session *session, const fm_image *image, bool aligned,
                              const fm_gate_options *limits, fm_gate_report *report, fm_error *err);

#endif
