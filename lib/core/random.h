/* Numbers that follow from a seed and a place, the same on every machine. Not for secrets. */
#ifndef FMI_RANDOM_H
#define FMI_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* A sequence: splitmix64 (Steele, Lea & Flood 2014), whose state counts. */
typedef struct fmi_random {
    uint64_t state;
} fmi_random;

/* The bits of a number mixed: the output function of splitmix64. */
static inline uint64_t fmi_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Another sequence for every purpose, and every place in its work. */
fmi_random fmi_random_at(uint64_t seed, uint64_t purpose, uint64_t first, uint64_t second);

uint64_t fmi_random_next(fmi_random *random);
size_t fmi_random_below(fmi_random *random, size_t n);     /* 0..n-1, n > 0 */
double fmi_random_unit(fmi_random *random);                /* 0 <= x < 1 */
double fmi_random_spread(fmi_random *random, double most); /* -most <= x < most */

/* The first `some` of n values become a draw without replacement, in random order. */
void fmi_random_draw(fmi_random *random, int32_t *values, size_t n, size_t some);

#endif
