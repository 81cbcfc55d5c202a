// Nodes of a network that libtorch has prepared for oneDNN: what they are, and which a chain takes.
#ifndef FMI_TORCH_NODES_H
#define FMI_TORCH_NODES_H

#include <ATen/ATen.h>
#include <ideep.hpp>
#include <torch/csrc/jit/ir/ir.h>
#include <vector>

// libtorch exports these two, in a header that is not installed.
namespace at
{
namespace native
{
ideep::tensor &itensor_from_mkldnn(const Tensor &tensor);
Tensor new_with_itensor_mkldnn(ideep::tensor &&tensor, c10::optional<ScalarType> dtype,
                               c10::optional<Device> device);
} // namespace native
} // namespace at

namespace fm
{

bool is(const torch::jit::Node &node, const char *kind);
bool is_addition(const torch::jit::Node &node);
bool is_relu(const torch::jit::Node &node);

// Of constants; none of them is true of what a network computes.
bool is_none(const torch::jit::Value *value);
bool is_number(const torch::jit::Value *value, int64_t wanted);
// Two numbers of a list, else none.
std::vector<int64_t> pair_of(const torch::jit::Value *value);
std::vector<int64_t> stride_of(const torch::jit::Node &pool);
ideep::tensor weights_of(const torch::jit::Value *value);

// Can this node be part of a chain?
bool can_chain(const torch::jit::Node &node);
// Can it, as well, be anywhere?
bool is_constant(const torch::jit::Node &node);

} // namespace fm

#endif
