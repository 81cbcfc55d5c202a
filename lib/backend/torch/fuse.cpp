#include "backend/torch/fuse.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ideep.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/runtime/custom_operator.h>
#include <torch/csrc/jit/runtime/operator.h>
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
namespace
{

using dnnl::memory;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Stack;
using torch::jit::Symbol;
using torch::jit::Value;

constexpr size_t MOST_SIZES = 32; // of inputs that a convolution stays prepared for

Symbol kind_of(const char *name)
{
    return Symbol::fromQualString(name);
}

Symbol attribute(const char *name)
{
    return Symbol::attr(name);
}

// ---- running

// A convolution for inputs of one size.
struct Prepared {
    dnnl::convolution_forward::primitive_desc description;
    dnnl::convolution_forward primitive;
    memory weights;
};

memory in_form(const memory &from, const memory::desc &form, const dnnl::engine &engine)
{
    if (from.get_desc() == form)
        return from;
    memory to(form, engine), source = from;
    dnnl::stream stream(engine);
    dnnl::reorder(source, to).execute(stream, source, to);
    return to;
}

class Convolution
{
  public:
    explicit Convolution(const Node &node)
        : stride_(node.is(attribute("stride"))), padding_(node.is(attribute("padding"))),
          groups_(node.i(attribute("groups"))), relu_(node.i(attribute("relu")) != 0),
          in_place_(node.i(attribute("in_place")) != 0)
    {
    }

    at::Tensor run(const at::Tensor &input, const at::Tensor &weights,
                   const c10::optional<at::Tensor> &bias, const c10::optional<at::Tensor> &sum)
    {
        ideep::tensor &x = at::native::itensor_from_mkldnn(input);
        const ideep::tensor &w = at::native::itensor_from_mkldnn(weights);
        const memory *b = bias ? &at::native::itensor_from_mkldnn(*bias) : nullptr;
        std::shared_ptr<const Prepared> ready = prepared(x, w, b, sum.has_value());
        bool reuse = sum && in_place_ && form_of(*sum) == ready->description.dst_desc();
        ideep::tensor y;
        if (reuse)
            y = at::native::itensor_from_mkldnn(*sum);
        else
            y.init(ready->description.dst_desc(), x.get_engine());
        if (sum && !reuse)
            copy(at::native::itensor_from_mkldnn(*sum), y);
        execute(*ready, x, b, y);
        return reuse ? *sum
                     : at::native::new_with_itensor_mkldnn(std::move(y), input.scalar_type(),
                                                           input.device());
    }

  private:
    static memory::desc form_of(const at::Tensor &tensor)
    {
        const memory &raw = at::native::itensor_from_mkldnn(tensor);
        return raw.get_desc();
    }

    static void copy(memory &from, memory &to)
    {
        dnnl::stream stream(from.get_engine());
        dnnl::reorder(from, to).execute(stream, from, to);
    }

    static void execute(const Prepared &ready, const memory &x, const memory *bias, const memory &y)
    {
        dnnl::engine engine = x.get_engine();
        dnnl::stream stream(engine);
        std::unordered_map<int, memory> arguments = {
            {DNNL_ARG_SRC, in_form(x, ready.description.src_desc(), engine)},
            {DNNL_ARG_WEIGHTS, ready.weights},
            {DNNL_ARG_DST, y},
            {DNNL_ARG_SCRATCHPAD, memory(ready.description.scratchpad_desc(), engine)}};
        if (bias)
            arguments.insert({DNNL_ARG_BIAS, *bias});
        ready.primitive.execute(stream, arguments);
    }

    // oneDNN divides the work at this time, so the number of cores is part of the key.
    std::shared_ptr<const Prepared> prepared(const ideep::tensor &x, const ideep::tensor &w,
                                             const memory *bias, bool sum)
    {
        std::vector<int64_t> key = x.get_dims();
        key.push_back(at::get_num_threads());
        std::lock_guard<std::mutex> lock(mutex_);
        auto found = by_size_.find(key);
        if (found != by_size_.end())
            return found->second;
        if (by_size_.size() >= MOST_SIZES)
            by_size_.clear();
        return by_size_.emplace(key, prepare(x, w, bias, sum)).first->second;
    }

    std::shared_ptr<const Prepared> prepare(const ideep::tensor &x, const ideep::tensor &w,
                                            const memory *bias, bool sum) const
    {
        auto ready = std::make_shared<Prepared>();
        const memory weights = w.make_grouped_weights(static_cast<int>(groups_));
        const dnnl::engine engine = x.get_engine();
        const memory::dims in = x.get_dims(), kernel = weights.get_desc().dims();
        const memory::desc from(in, x.get_data_type(), memory::format_tag::any);
        const memory::desc to(output_of(in, kernel), x.get_data_type(), memory::format_tag::any);
        const memory::desc by(kernel, w.get_data_type(), memory::format_tag::any);
        // A description of no bias means that there is none. "forward" and "direct" as libtorch.
        ready->description = {{dnnl::prop_kind::forward, dnnl::algorithm::convolution_direct, from,
                               by, bias ? bias->get_desc() : memory::desc(), to, stride_, padding_,
                               padding_},
                              behind(sum),
                              engine};
        ready->primitive = dnnl::convolution_forward(ready->description);
        ready->weights = in_form(weights, ready->description.weights_desc(), engine);
        return ready;
    }

    memory::dims output_of(const memory::dims &in, const memory::dims &kernel) const
    {
        const size_t rows = kernel.size() - 2; // behind the channels: 2 of them, 3 with groups
        memory::dims out = {in[0], rows == 3 ? kernel[0] * kernel[1] : kernel[0], 0, 0};
        for (size_t i = 0; i < 2; i++)
            out[2 + i] = (in[2 + i] + 2 * padding_[i] - kernel[rows + i]) / stride_[i] + 1;
        return out;
    }

    // What happens to the sum of products before it is stored.
    dnnl::primitive_attr behind(bool sum) const
    {
        dnnl::post_ops steps;
        dnnl::primitive_attr attributes;
        if (sum)
            steps.append_sum(1);
        if (relu_)
            steps.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
        attributes.set_post_ops(steps);
        attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user); // one for each call
        return attributes;
    }

    memory::dims stride_, padding_;
    int64_t groups_;
    bool relu_, in_place_;
    std::mutex mutex_; // over by_size_
    std::map<std::vector<int64_t>, std::shared_ptr<const Prepared>> by_size_;
};

// Once for every node: the interpreter shares operations by their schema, but not this kind, which
// has none.
torch::jit::Operation make_operation(const Node *node)
{
    auto convolution = std::make_shared<Convolution>(*node);
    return [convolution](Stack &stack) {
        auto sum = torch::jit::pop(stack).toOptional<at::Tensor>();
        auto bias = torch::jit::pop(stack).toOptional<at::Tensor>();
        at::Tensor weights = torch::jit::pop(stack).toTensor();
        at::Tensor input = torch::jit::pop(stack).toTensor();
        torch::jit::push(stack, convolution->run(input, weights, bias, sum));
    };
}

void register_operation()
{
    static torch::jit::RegisterOperators registered({torch::jit::Operator(
        kind_of("facematch::convolution"), make_operation, c10::AliasAnalysisKind::CONSERVATIVE)});
}

// ---- rewriting

// A convolution and what is to become part of it.
struct Group {
    Node *convolution;
    Value *sum = nullptr; // what is added, or none
    bool relu = false;
    std::vector<Node *> nodes; // from the convolution on
};

Node *only_user(const Value *value)
{
    return value->uses().size() == 1 ? value->uses()[0].user : nullptr;
}

// libtorch adds two tensors of this layout by way of a node that brings both to one size. The sum's
// two outputs have no other user.
void take_sum(Group &group)
{
    Node *sizes = only_user(group.convolution->output());
    if (!sizes || sizes->kind() != kind_of("prim::BroadcastMKLDNNTensors"))
        return;
    Node *addition = only_user(sizes->output(0));
    if (!addition || addition != only_user(sizes->output(1)) ||
        addition->kind() != kind_of("aten::add_"))
        return;
    auto factor = torch::jit::toIValue(addition->input(2));
    if (!factor || !factor->isInt() || factor->toInt() != 1)
        return;
    group.sum = sizes->input(sizes->input(0) == group.convolution->output() ? 1 : 0);
    group.nodes.push_back(sizes);
    group.nodes.push_back(addition);
}

void take_relu(Group &group)
{
    Node *relu = only_user(group.nodes.back()->output(0));
    if (!relu || relu->kind() != kind_of("aten::relu_"))
        return;
    group.relu = true;
    group.nodes.push_back(relu);
}

bool is_pool(const Node *node)
{
    return node->kind() == kind_of("aten::max_pool2d") ||
           node->kind() == kind_of("aten::avg_pool2d");
}

bool is_convolution(const Node *node)
{
    return node->kind() == kind_of("facematch::convolution") ||
           node->kind() == kind_of("prim::mkldnn_convolution");
}

// Is this a tensor of its own, that only the users of this value see?
bool stands_alone(const Value *value)
{
    const Node *maker = value->node();
    if (maker->kind() == kind_of("aten::relu_")) // gives back the tensor that it was given
        return only_user(maker->input(0)) && stands_alone(maker->input(0));
    return is_convolution(maker) || is_pool(maker);
}

// May the result be written over what is added? Not when anyone needs that later, nor when another
// value may be the same tensor.
bool may_overwrite(const Group &group)
{
    if (!stands_alone(group.sum))
        return false;
    for (const torch::jit::Use &use : group.sum->uses()) {
        if (use.user == group.nodes[1])
            continue;
        bool only_reads = is_pool(use.user) || (is_convolution(use.user) && use.offset == 0);
        if (!only_reads || !use.user->isBefore(group.convolution))
            return false;
    }
    return true;
}

// Two numbers of a constant list, else none.
std::vector<int64_t> pair_of(const Value *value)
{
    auto constant = torch::jit::toIValue(value);
    if (!constant || !constant->isIntList())
        return {};
    std::vector<int64_t> numbers = constant->toIntVector();
    return numbers.size() == 2 ? numbers : std::vector<int64_t>();
}

// Inputs: 0 tensor, 1 weights, 2 bias, 3 stride, 4 padding, 5 dilation, 6 groups.
void replace(Graph &graph, Node *convolution)
{
    std::vector<int64_t> stride = pair_of(convolution->input(3));
    std::vector<int64_t> padding = pair_of(convolution->input(4));
    auto groups = torch::jit::toIValue(convolution->input(6));
    if (stride.empty() || padding.empty() || !groups ||
        pair_of(convolution->input(5)) != std::vector<int64_t>{1, 1})
        return;
    Group group{convolution, nullptr, false, {convolution}};
    take_sum(group);
    take_relu(group);
    torch::jit::WithInsertPoint here(group.nodes.back());
    Value *sum = group.sum ? group.sum : graph.insertConstant(c10::IValue());
    Node *fused =
        graph.create(kind_of("facematch::convolution"),
                     {convolution->input(0), convolution->input(1), convolution->input(2), sum});
    fused->is_(attribute("stride"), std::move(stride));
    fused->is_(attribute("padding"), std::move(padding));
    fused->i_(attribute("groups"), groups->toInt());
    fused->i_(attribute("relu"), group.relu);
    fused->i_(attribute("in_place"), group.sum && may_overwrite(group));
    graph.insertNode(fused);
    group.nodes.back()->output()->replaceAllUsesWith(fused->output());
    while (!group.nodes.empty()) {
        group.nodes.back()->destroy();
        group.nodes.pop_back();
    }
}

} // namespace

void fuse(Graph &graph)
{
    std::vector<Node *> convolutions;
    register_operation();
    for (Node *node : graph.nodes())
        if (node->kind() == kind_of("prim::mkldnn_convolution"))
            convolutions.push_back(node);
    for (Node *node : convolutions)
        replace(graph, node);
}

} // namespace fm
