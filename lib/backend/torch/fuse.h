// Convolutions that add and rectify what they compute, for a network that libtorch has prepared.
#ifndef FMI_TORCH_FUSE_H
#define FMI_TORCH_FUSE_H

#include <torch/csrc/jit/ir/ir.h>

namespace fm
{

// Puts one call of oneDNN in the place of each convolution and of the sum and the relu behind it;
// what such a call prepares is kept, by the size of its input. The network computes the same:
// oneDNN has its kernels do all three. libtorch 1.13 has no such form for oneDNN's own layout, and
// prepares anew at every call.
void fuse(torch::jit::Graph &graph);

} // namespace fm

#endif
