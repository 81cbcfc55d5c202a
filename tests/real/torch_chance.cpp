// The application's own use of libtorch's random numbers, for test_learner.c.
#include <ATen/ATen.h>

extern "C" void torch_seed(uint64_t seed)
{
    at::manual_seed(seed);
}

// Normal numbers, too, come in pairs of which one is kept.
extern "C" void torch_draw(float *out, int64_t n)
{
    at::from_blob(out, {n}, at::kFloat).normal_();
}
