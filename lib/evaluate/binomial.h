/* The exact interval of a share, and what it is made of. */
#ifndef FMI_BINOMIAL_H
#define FMI_BINOMIAL_H

/* The regularised incomplete beta function I_x(a, b), a and b above 0, 0 <= x <= 1. */
double fmi_beta(double a, double b, double x);

/* The x with I_x(a, b) = share. */
double fmi_beta_quantile(double a, double b, double share);

/* The value that Student's t stays below in absolute terms with the given confidence; degrees may
 * be INFINITY. */
double fmi_student_quantile(double degrees, double confidence);

/* Clopper and Pearson's interval of hits of trials, which need not be whole. */
void fmi_binomial_interval(double hits, double trials, double confidence, double *low,
                           double *high);

#endif
