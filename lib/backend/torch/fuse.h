// Networks that libtorch has prepared, with oneDNN's part of them run by oneDNN alone.
#ifndef FMI_TORCH_FUSE_H
#define FMI_TORCH_FUSE_H

#include <torch/csrc/jit/ir/ir.h>

namespace fm
{

// Puts one chain (chain.h) in the place of each stretch of convolutions, pools, sums and
// rectifiers. The network computes the same. libtorch 1.13 prepares every one of them anew at every
// call, which takes a network a seventh of its time or more, and has no form of a convolution that
// also adds and rectifies for oneDNN's own layout.
void fuse(torch::jit::Graph &graph);

} // namespace fm

#endif
