#include "core/random.h"

static const uint64_t GOLDEN = 0x9E3779B97F4A7C15u;

fmi_random fmi_random_at(uint64_t seed, uint64_t purpose, uint64_t first, uint64_t second)
{
    const uint64_t parts[] = {purpose, first, second};
    fmi_random random = {fmi_mix(seed + GOLDEN)};
    for (int i = 0; i < 3; i++)
        random.state = fmi_mix(random.state + fmi_mix(parts[i] + GOLDEN));
    return random;
}

uint64_t fmi_random_next(fmi_random *random)
{
    random->state += GOLDEN;
    return fmi_mix(random->state);
}

/* What would make the first numbers likelier is drawn again. */
size_t fmi_random_below(fmi_random *random, size_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n, value;
    do
        value = fmi_random_next(random);
    while (value >= limit);
    return (size_t)(value % n);
}

double fmi_random_unit(fmi_random *random)
{
    return (double)(fmi_random_next(random) >> 11) * 0x1p-53;
}

double fmi_random_spread(fmi_random *random, double most)
{
    return (2 * fmi_random_unit(random) - 1) * most;
}

void fmi_random_draw(fmi_random *random, int32_t *values, size_t n, size_t some)
{
    for (size_t i = 0; i < some && i + 1 < n; i++) {
        size_t k = i + fmi_random_below(random, n - i);
        int32_t kept = values[i];
        values[i] = values[k];
        values[k] = kept;
    }
}
