/* The incomplete beta function by its continued fraction (DLMF 8.17.22), evaluated by the modified
 * method of Lentz; its quantiles by halving, which cannot go astray. */
#include "evaluate/binomial.h"
#include <float.h>
#include <math.h>

enum { MOST_TERMS = 100000, HALVINGS = 200 };

/* lgamma would write to a variable that all threads share. */
static double log_gamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

static double not_zero(double value)
{
    static const double TINY = 1e-300;
    return fabs(value) < TINY ? TINY : value;
}

/* Converges quickly for x < (a + 1) / (a + b + 2). */
static double continued_fraction(double a, double b, double x)
{
    double c = 1, d = 1 / not_zero(1 - (a + b) * x / (a + 1)), value = d;
    for (int m = 1; m < MOST_TERMS; m++) {
        double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), step;
        d = 1 / not_zero(1 + even * d);
        c = not_zero(1 + even / c);
        value *= c * d;
        d = 1 / not_zero(1 + odd * d);
        c = not_zero(1 + odd / c);
        step = c * d;
        value *= step;
        if (fabs(step - 1) < 4 * DBL_EPSILON)
            break;
    }
    return value;
}

double fmi_beta(double a, double b, double x)
{
    double front;
    if (!(x > 0))
        return 0;
    if (x >= 1)
        return 1;
    front = exp(log_gamma(a + b) - log_gamma(a) - log_gamma(b) + a * log(x) + b * log1p(-x));
    if (x < (a + 1) / (a + b + 2))
        return front * continued_fraction(a, b, x) / a;
    return 1 - front * continued_fraction(b, a, 1 - x) / b;
}

double fmi_beta_quantile(double a, double b, double share)
{
    double low = 0, high = 1;
    for (int i = 0; i < HALVINGS && high - low > DBL_EPSILON * high; i++) {
        /* the root may be many powers of ten below 1 */
        double middle = low > 0 || high < 1e-300 ? low + (high - low) / 2 : high / 16;
        if (fmi_beta(a, b, middle) < share)
            low = middle;
        else
            high = middle;
    }
    return low + (high - low) / 2;
}

/* From P(|T| > t) = I_x(degrees / 2, 1 / 2) with x = degrees / (degrees + t^2). */
double fmi_student_quantile(double degrees, double confidence)
{
    static const double NEARLY_NORMAL = 1e7;
    double x;
    if (degrees > NEARLY_NORMAL)
        degrees = NEARLY_NORMAL;
    x = fmi_beta_quantile(0.5, degrees / 2, confidence); /* t^2 / (degrees + t^2) */
    return sqrt(degrees * x / (1 - x));
}

void fmi_binomial_interval(double hits, double trials, double confidence, double *low, double *high)
{
    double tail = (1 - confidence) / 2;
    *low = hits > 0 ? fmi_beta_quantile(hits, trials - hits + 1, tail) : 0;
    *high = hits < trials ? fmi_beta_quantile(hits + 1, trials - hits, 1 - tail) : 1;
}
