#include "backend/torch/chain.h"

#include "backend/torch/nodes.h"

extern "C" {
#include "core/memory.h"
}

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <algorithm>
#include <stdexcept>

namespace fm
{

using dims = dnnl::memory::dims;
using dnnl::memory;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

namespace
{

constexpr size_t MOST_SIZES = 32;      // of inputs that a chain stays prepared for
constexpr size_t MOST_KEPT = 64 << 20; // bytes of a work space

} // namespace

bool Chain::Step::is_convolution() const
{
    return is(*node, "prim::mkldnn_convolution");
}

// ---- reading

Chain::Chain(std::shared_ptr<Graph> graph) : graph_(std::move(graph))
{
    for (const Node *node : graph_->nodes())
        if (!is_constant(*node))
            read(*node);
    for (const Value *value : graph_->outputs()) {
        outputs_.push_back({same(value), is(*value->node(), "aten::to_dense")});
        uses_[same(value)]++;
    }
    merge();
}

const Value *Chain::same(const Value *value) const
{
    auto found = same_.find(value);
    return found == same_.end() ? value : found->second;
}

void Chain::read(const Node &node)
{
    Step step = {&node, same(node.input(0)), nullptr, node.output(0), false, {}, {}};
    if (is(node, "aten::to_mkldnn") || is(node, "aten::to_dense") ||
        is(node, "prim::BroadcastMKLDNNTensors")) { // other names: forms are the plan's
        for (size_t i = 0; i < node.outputs().size(); i++)
            same_[node.output(i)] = same(node.input(i));
        return;
    }
    if (is_addition(node))
        step.other = same(node.input(1));
    else if (is(node, "prim::mkldnn_convolution"))
        read_convolution(step);
    else if (is(node, "aten::prelu"))
        read_slope(step);
    uses_[step.x]++;
    uses_[step.other]++;
    steps_.push_back(std::move(step));
}

void Chain::read_convolution(Step &step)
{
    const Node &node = *step.node;
    ideep::tensor weights = weights_of(node.input(1));
    const int64_t groups = torch::jit::toIValue(node.input(6))->toInt();
    engine_ = weights.get_engine();
    step.weights = std::make_shared<Constant>(weights.make_grouped_weights(groups));
    if (!is_none(node.input(2)))
        step.bias = std::make_shared<Constant>(weights_of(node.input(2)));
}

void Chain::read_slope(Step &step)
{
    ideep::tensor slope = weights_of(step.node->input(1));
    slope.reshape({1, slope.get_dim(0), 1, 1});
    step.weights = std::make_shared<Constant>(slope);
}

// ---- merging

// Where a convolution makes this value, and only one step sees it; else the end.
std::vector<Chain::Step>::iterator Chain::convolution_for(const Value *value)
{
    auto found = std::find_if(steps_.begin(), steps_.end(),
                              [&](const Step &step) { return step.y == value; });
    bool only =
        found != steps_.end() && uses_[value] == 1 && found->is_convolution() && !found->relu;
    return only ? found : steps_.end();
}

// A sum becomes part of the convolution that makes one of the two, which then has to wait for the
// other.
bool Chain::merge_sum(const Step &sum)
{
    for (auto [made, other] : {std::pair(sum.x, sum.other), std::pair(sum.other, sum.x)}) {
        auto convolution = convolution_for(made);
        if (convolution == steps_.end() || convolution->other)
            continue;
        Step both = std::move(*convolution);
        steps_.erase(convolution);
        both.other = other;
        both.y = sum.y;
        steps_.push_back(std::move(both));
        return true;
    }
    return false;
}

bool Chain::merge_relu(const Step &relu)
{
    auto convolution = convolution_for(relu.x);
    if (convolution == steps_.end())
        return false;
    convolution->relu = true;
    convolution->y = relu.y;
    return true;
}

void Chain::merge()
{
    std::vector<Step> given = std::move(steps_);
    steps_.clear();
    for (Step &step : given) {
        bool merged = (is_addition(*step.node) && merge_sum(step)) ||
                      (is_relu(*step.node) && merge_relu(step));
        if (!merged)
            steps_.push_back(std::move(step));
    }
}

// ---- preparing

namespace
{

// Where a window begins and ends. With ceil_mode, an end that does not fill a window has one, too,
// unless it would begin in the padding.
Window window_of(const Node &node, const dims &in)
{
    Window window = {pair_of(node.input(1)), stride_of(node), pair_of(node.input(3)), {}};
    window.after = window.before;
    if (!is(node, "aten::max_pool2d") || !is_number(node.input(5), 1))
        return window;
    for (size_t i = 0; i < 2; i++) {
        const int64_t room = in.at(2 + i) + 2 * window.before[i] - window.size[i];
        const int64_t missing = (window.stride[i] - room % window.stride[i]) % window.stride[i];
        const int64_t last = room + missing; // where the last window begins
        if (last < in[2 + i] + window.before[i])
            window.after[i] += missing;
    }
    return window;
}

} // namespace

Plan::Id Chain::plan_step(Plan &plan, const Step &step, Ids &ids)
{
    const Node &node = *step.node;
    const Plan::Id x = ids.at(step.x), other = step.other ? ids.at(step.other) : Plan::NONE;
    if (step.is_convolution()) {
        const dims kernel = step.weights->form().dims();
        Window window = {{kernel.end() - 2, kernel.end()}, pair_of(node.input(3)), {}, {}};
        window.before = window.after = pair_of(node.input(4));
        return plan.convolution(x, window, *step.weights, step.bias.get(), other, step.relu);
    }
    if (is_addition(node))
        return plan.add(x, other);
    if (is_relu(node))
        return plan.relu(x);
    if (is(node, "aten::prelu"))
        return plan.prelu(x, *step.weights);
    const Window window = window_of(node, plan.form(x).dims());
    if (is(node, "aten::max_pool2d"))
        return plan.pool(x, window, dnnl::algorithm::pooling_max);
    return plan.pool(x, window,
                     is_number(node.input(5), 1) ? dnnl::algorithm::pooling_avg_include_padding
                                                 : dnnl::algorithm::pooling_avg_exclude_padding);
}

std::shared_ptr<const Chain::Prepared> Chain::prepare(const Forms &inputs)
{
    auto ready = std::make_shared<Prepared>(at::get_num_threads(), inputs, engine_);
    Ids ids;
    for (size_t i = 0; i < inputs.size(); i++)
        ids[same(graph_->inputs()[i])] = ready->plan.input(inputs[i]);
    for (const Step &step : steps_)
        ids[step.y] = plan_step(ready->plan, step, ids);
    for (const Output &output : outputs_)
        ready->outputs.push_back(
            ready->plan.form(ready->plan.output(ids.at(output.value), output.dense)));
    ready->plan.finish();
    return ready;
}

// oneDNN divides the work at this time, so the number of cores is part of the key.
std::shared_ptr<const Chain::Prepared> Chain::prepared(const Forms &inputs)
{
    std::lock_guard<std::mutex> lock(mutex_);
    for (const auto &ready : prepared_)
        if (ready->threads == at::get_num_threads() && ready->inputs == inputs)
            return ready;
    if (prepared_.size() >= MOST_SIZES)
        prepared_.clear();
    prepared_.push_back(prepare(inputs));
    return prepared_.back();
}

// ---- running

namespace
{

// oneDNN takes any order of the dimensions, but nothing that overlaps or has gaps.
at::Tensor dense(const at::Tensor &tensor)
{
    return tensor.is_mkldnn() || tensor.is_non_overlapping_and_dense() ? tensor
                                                                       : tensor.contiguous();
}

memory::desc form_of(const at::Tensor &tensor)
{
    if (tensor.is_mkldnn()) {
        const memory &raw = at::native::itensor_from_mkldnn(tensor);
        return raw.get_desc();
    }
    if (tensor.scalar_type() != at::kFloat && tensor.scalar_type() != at::kBFloat16)
        throw std::runtime_error("this network takes floats");
    return {tensor.sizes().vec(),
            tensor.scalar_type() == at::kFloat ? memory::data_type::f32 : memory::data_type::bf16,
            tensor.strides().vec()};
}

void *address_of(const at::Tensor &tensor)
{
    return tensor.is_mkldnn() ? at::native::itensor_from_mkldnn(tensor).get_data_handle()
                              : tensor.data_ptr();
}

at::Tensor make_output(const memory::desc &form, bool dense)
{
    const auto type = form.data_type() == memory::data_type::f32 ? at::kFloat : at::kBFloat16;
    if (dense)
        return at::empty(form.dims(), type);
    return at::native::new_with_itensor_mkldnn(ideep::tensor(ideep::tensor::desc(form)), type,
                                               at::kCPU);
}

} // namespace

Spaces::Space::Space(size_t size)
    : size_(size), bytes_(c10::GetAllocator(c10::kCPU)->allocate(size))
{
}

Spaces::Space::~Space()
{
    if (size_ > 0)
        fmi_wipe(bytes_.get(), size_);
}

Spaces::Space Spaces::take(size_t size)
{
    std::unique_lock<std::mutex> lock(mutex_);
    if (!idle_.empty()) {
        Space last = std::move(idle_.back());
        idle_.pop_back();
        if (last.size() >= size)
            return last;
    }
    lock.unlock();
    return Space(size);
}

void Spaces::give_back(Space space)
{
    std::lock_guard<std::mutex> lock(mutex_);
    if (space.size() <= MOST_KEPT)
        idle_.push_back(std::move(space));
}

std::vector<at::Tensor> Chain::run(const std::vector<at::Tensor> &inputs)
{
    std::vector<at::Tensor> given, outputs;
    std::vector<void *> from, to;
    Forms forms;
    for (const at::Tensor &input : inputs) {
        given.push_back(dense(input));
        forms.push_back(form_of(given.back()));
        from.push_back(address_of(given.back()));
    }
    const std::shared_ptr<const Prepared> ready = prepared(forms);
    for (size_t i = 0; i < outputs_.size(); i++) {
        outputs.push_back(make_output(ready->outputs[i], outputs_[i].dense));
        to.push_back(address_of(outputs.back()));
    }
    Spaces::Space space = spaces_.take(ready->plan.space());
    ready->plan.run(from, to, space.bytes());
    spaces_.give_back(std::move(space));
    return outputs;
}

} // namespace fm
