#include "backend/torch/nodes.h"

#include <torch/csrc/jit/ir/constants.h>

namespace fm
{

using torch::jit::Node;
using torch::jit::Symbol;
using torch::jit::Value;

// ---- what a node holds

bool is(const Node &node, const char *kind)
{
    return node.kind() == Symbol::fromQualString(kind);
}

bool is_number(const Value *value, int64_t wanted)
{
    auto constant = torch::jit::toIValue(value);
    return constant && ((constant->isInt() && constant->toInt() == wanted) ||
                        (constant->isBool() && constant->toBool() == (wanted != 0)));
}

bool is_none(const Value *value)
{
    auto constant = torch::jit::toIValue(value);
    return constant && constant->isNone();
}

// Two numbers of a constant list, else none.
std::vector<int64_t> pair_of(const Value *value)
{
    auto constant = torch::jit::toIValue(value);
    if (!constant || !constant->isIntList())
        return {};
    std::vector<int64_t> numbers = constant->toIntVector();
    if (numbers.size() == 1)
        numbers.push_back(numbers[0]);
    return numbers.size() == 2 ? numbers : std::vector<int64_t>();
}

ideep::tensor weights_of(const Value *value)
{
    return at::native::itensor_from_mkldnn(value->node()->t(torch::jit::attr::value));
}

// No stride stands for the size.
std::vector<int64_t> stride_of(const Node &pool)
{
    auto constant = torch::jit::toIValue(pool.input(2));
    bool none = constant && constant->isIntList() && constant->toIntVector().empty();
    return pair_of(pool.input(none ? 1 : 2));
}

bool is_addition(const Node &node)
{
    return is(node, "aten::add_") || is(node, "aten::add");
}

bool is_relu(const Node &node)
{
    return is(node, "aten::relu_") || is(node, "aten::relu");
}

// ---- which nodes

namespace
{

bool is_pair(const Value *value)
{
    return !pair_of(value).empty();
}

bool is_weights(const Value *value)
{
    return is(*value->node(), "prim::ConstantMKLDNNTensor");
}

// Inputs: 0 tensor, 1 weights, 2 bias, 3 stride, 4 padding, 5 dilation, 6 groups.
bool takes_convolution(const Node &node)
{
    auto groups = torch::jit::toIValue(node.input(6));
    return is_weights(node.input(1)) && (is_none(node.input(2)) || is_weights(node.input(2))) &&
           is_pair(node.input(3)) && is_pair(node.input(4)) && groups && groups->isInt() &&
           pair_of(node.input(5)) == std::vector<int64_t>{1, 1};
}

bool takes_pool(const Node &node)
{
    return is_pair(node.input(1)) && !stride_of(node).empty() && is_pair(node.input(3));
}

// Inputs: 0 tensor, 1 size, 2 stride, 3 padding, 4 dilation, 5 ceil_mode.
bool takes_max_pool(const Node &node)
{
    return takes_pool(node) && pair_of(node.input(4)) == std::vector<int64_t>{1, 1} &&
           (is_number(node.input(5), 0) || is_number(node.input(5), 1));
}

// Inputs: 0 tensor, 1 size, 2 stride, 3 padding, 4 ceil_mode, 5 count_include_pad, 6 divisor.
bool takes_average_pool(const Node &node)
{
    return takes_pool(node) && is_number(node.input(4), 0) && is_none(node.input(6)) &&
           (is_number(node.input(5), 0) || is_number(node.input(5), 1));
}

// libtorch overwrites a value only where nobody needs it later. To make sure of it costs little.
bool overwrites_safely(const Node &node)
{
    for (const torch::jit::Use &use : node.input(0)->uses())
        if (use.user != &node && !use.user->isBefore(&node))
            return false;
    return true;
}

// libtorch adds two tensors of this layout by way of a node that brings both to one size.
const Node *sizes_of(const Node &addition)
{
    const Node *sizes = addition.input(0)->node();
    bool paired = is(*sizes, "prim::BroadcastMKLDNNTensors") &&
                  addition.input(1)->node() == sizes && addition.input(0) != addition.input(1) &&
                  addition.input(0)->uses().size() == 1 && addition.input(1)->uses().size() == 1;
    return paired ? sizes : nullptr;
}

bool takes_sum(const Node &addition)
{
    return sizes_of(addition) && is_number(addition.input(2), 1);
}

bool takes_sizes(const Node &node)
{
    if (node.output(0)->uses().size() != 1)
        return false;
    const Node *user = node.output(0)->uses()[0].user;
    return is_addition(*user) && sizes_of(*user) == &node && takes_sum(*user);
}

// Is this a tensor in oneDNN's layout, as far as chains go?
bool is_blocked(const Value *value)
{
    const Node &maker = *value->node();
    if (is_relu(maker) || is(maker, "aten::max_pool2d") || is(maker, "aten::avg_pool2d"))
        return is_blocked(maker.input(0));
    return is(maker, "prim::mkldnn_convolution") || is(maker, "aten::to_mkldnn") ||
           is(maker, "prim::BroadcastMKLDNNTensors") ||
           (is(maker, "aten::prelu") && is_weights(maker.input(1))) ||
           (is_addition(maker) && sizes_of(maker));
}

} // namespace

bool is_constant(const Node &node)
{
    return is(node, "prim::Constant") || is(node, "prim::ConstantMKLDNNTensor");
}

bool can_chain(const Node &node)
{
    if (is(node, "prim::mkldnn_convolution"))
        return takes_convolution(node);
    if (is(node, "prim::BroadcastMKLDNNTensors"))
        return takes_sizes(node);
    if (is_addition(node))
        return takes_sum(node);
    if (is(node, "aten::max_pool2d"))
        return is_blocked(node.input(0)) && takes_max_pool(node);
    if (is(node, "aten::avg_pool2d"))
        return is_blocked(node.input(0)) && takes_average_pool(node);
    if (is_relu(node))
        return is_blocked(node.input(0)) && (is(node, "aten::relu") || overwrites_safely(node));
    if (is(node, "aten::prelu"))
        return is_weights(node.input(1));
    if (is(node, "aten::to_dense"))
        return is_blocked(node.input(0)) && is_none(node.input(1));
    return is(node, "aten::to_mkldnn") && is_none(node.input(1));
}

} // namespace fm
