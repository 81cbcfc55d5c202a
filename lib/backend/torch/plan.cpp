#include "backend/torch/plan.h"

extern "C" {
#include "core/memory.h"
}

#include <algorithm>
#include <stdexcept>

namespace fm
{

using dnnl::algorithm;
using dnnl::memory;
using dnnl::prop_kind;
using dims = memory::dims;

namespace
{

constexpr size_t ALIGNMENT = 64;

memory::desc any_form(const dims &size, memory::data_type type)
{
    return {size, type, memory::format_tag::any};
}

memory::data_type type_of(const memory::desc &form)
{
    return form.data_type();
}

dnnl::primitive_attr attributes(const dnnl::post_ops &behind = {})
{
    dnnl::primitive_attr made;
    made.set_post_ops(behind);
    made.set_scratchpad_mode(dnnl::scratchpad_mode::user); // in the space of the call
    return made;
}

} // namespace

const ideep::tensor &Constant::in(const memory::desc &form)
{
    for (const ideep::tensor &made : forms_)
        if (made.get_desc() == form)
            return made;
    ideep::tensor made(ideep::tensor::desc(form), forms_.front().get_engine()),
        original = forms_.front();
    dnnl::stream stream(original.get_engine());
    dnnl::reorder(original, made).execute(stream, original, made);
    stream.wait();
    forms_.push_back(std::move(made));
    return forms_.back();
}

// ---- building

Plan::Id Plan::input(const memory::desc &form)
{
    tensors_.push_back({form, Tensor::INPUT, inputs_++, {}, 0});
    return tensors_.size() - 1;
}

Plan::Id Plan::constant(Constant &constant, const memory::desc &form)
{
    tensors_.push_back({form, Tensor::CONSTANT, 0, constant.in(form), 0});
    return tensors_.size() - 1;
}

Plan::Id Plan::working(const memory::desc &form)
{
    tensors_.push_back({form, Tensor::SPACE, SIZE_MAX, {}, 0});
    return tensors_.size() - 1;
}

Plan::Id Plan::step(const dnnl::primitive_desc_base &description, dnnl::primitive primitive,
                    std::vector<std::pair<int, Id>> arguments, Id begin, bool in_place)
{
    const memory::desc scratch = description.scratchpad_desc();
    const Id result = working(description.dst_desc());
    arguments.push_back({DNNL_ARG_DST, result});
    if (scratch.get_size() > 0)
        arguments.push_back({DNNL_ARG_SCRATCHPAD, working(scratch)});
    steps_.push_back({std::move(primitive), std::move(arguments), result, begin, in_place});
    return result;
}

Plan::Id Plan::as(Id x, const memory::desc &form)
{
    if (tensors_[x].form == form)
        return x;
    dnnl::reorder::primitive_desc description(engine_, tensors_[x].form, engine_, form,
                                              attributes());
    return step(description, dnnl::reorder(description), {{DNNL_ARG_FROM, x}});
}

dims Plan::size_behind(const dims &in, int64_t channels, const Window &window)
{
    dims out = {in.at(0), channels};
    for (size_t i = 0; i < 2; i++) {
        int64_t room = in.at(2 + i) + window.before[i] + window.after[i] - window.size[i];
        if (in[2 + i] < 1 || room < 0)
            throw std::runtime_error("the input is too small for this network");
        out.push_back(room / window.stride[i] + 1);
    }
    return out;
}

Plan::Id Plan::convolution(Id x, const Window &window, Constant &weights, Constant *bias, Id sum,
                           bool relu)
{
    const memory::desc from = form(x), by = weights.form();
    const dims kernel = by.dims();
    const dims out =
        size_behind(from.dims(), kernel.size() == 5 ? kernel[0] * kernel[1] : kernel[0], window);
    if (sum != NONE && form(sum).dims() != out) { // of another size: not as part of the convolution
        Id both = add(convolution(x, window, weights, bias, NONE, false), sum);
        return relu ? this->relu(both) : both;
    }
    dnnl::post_ops behind;
    if (sum != NONE)
        behind.append_sum(1);
    if (relu)
        behind.append_eltwise(1, algorithm::eltwise_relu, 0, 0);
    // A description of no bias means that there is none. "forward_inference" would get other
    // kernels, which are no faster for one face, and take a seventh longer for eight.
    const dnnl::convolution_forward::primitive_desc description(
        {prop_kind::forward, algorithm::convolution_direct, any_form(from.dims(), type_of(from)),
         any_form(kernel, type_of(by)), bias ? bias->form() : memory::desc(),
         any_form(out, type_of(from)), window.stride, window.before, window.after},
        attributes(behind), engine_);
    std::vector<std::pair<int, Id>> arguments = {
        {DNNL_ARG_SRC, as(x, description.src_desc())},
        {DNNL_ARG_WEIGHTS, constant(weights, description.weights_desc())}};
    if (bias)
        arguments.push_back({DNNL_ARG_BIAS, constant(*bias, description.bias_desc())});
    Id begin = sum == NONE ? NONE : as(sum, description.dst_desc());
    return step(description, dnnl::convolution_forward(description), std::move(arguments), begin);
}

Plan::Id Plan::pool(Id x, const Window &window, algorithm algorithm)
{
    const memory::desc from = form(x);
    const dims out = size_behind(from.dims(), from.dims().at(1), window);
    const dnnl::pooling_forward::primitive_desc description(
        {prop_kind::forward_inference, algorithm, from, any_form(out, type_of(from)), window.stride,
         window.size, window.before, window.after},
        attributes(), engine_);
    return step(description, dnnl::pooling_forward(description), {{DNNL_ARG_SRC, x}});
}

Plan::Id Plan::add(Id a, Id b)
{
    if (form(a).get_size() < form(b).get_size()) // the second is the one that is repeated
        std::swap(a, b);
    const memory::desc to = form(a);
    const dnnl::binary::primitive_desc description({algorithm::binary_add, to, form(b), to},
                                                   attributes(), engine_);
    return step(description, dnnl::binary(description), {{DNNL_ARG_SRC_0, a}, {DNNL_ARG_SRC_1, b}});
}

Plan::Id Plan::relu(Id x)
{
    const dnnl::eltwise_forward::primitive_desc description(
        {prop_kind::forward_inference, algorithm::eltwise_relu, form(x), 0, 0}, attributes(),
        engine_);
    return step(description, dnnl::eltwise_forward(description), {{DNNL_ARG_SRC, x}}, x, true);
}

Plan::Id Plan::prelu(Id x, Constant &slope)
{
    const memory::desc given = slope.form();
    const dnnl::prelu_forward::primitive_desc description(
        {prop_kind::forward_inference, form(x), any_form(given.dims(), type_of(given))},
        attributes(), engine_);
    return step(
        description, dnnl::prelu_forward(description),
        {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, constant(slope, description.weights_desc())}}, x,
        true);
}

Plan::Id Plan::output(Id x, bool plain)
{
    memory::desc to = form(x);
    if (plain)
        to = {to.dims(), type_of(to), memory::format_tag::nchw};
    Id made = as(x, to);
    if (tensors_[made].where != Tensor::SPACE) { // an input, or an output twice
        const dnnl::reorder::primitive_desc copy(engine_, to, engine_, to, attributes());
        made = step(copy, dnnl::reorder(copy), {{DNNL_ARG_FROM, made}});
    }
    tensors_[made].where = Tensor::OUTPUT;
    tensors_[made].at = outputs_++;
    return made;
}

// ---- finding room

// Hands out parts of the work space, and again what came back.
class Plan::Space
{
  public:
    size_t take(size_t size)
    {
        Part *best = nullptr;
        for (Part &part : parts_)
            if (part.free && part.size >= size && (!best || part.size < best->size))
                best = &part;
        if (!best) {
            size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
            parts_.push_back({all_, size, true});
            all_ += size;
            best = &parts_.back();
        }
        best->free = false;
        return best->at;
    }
    void give_back(size_t at)
    {
        for (Part &part : parts_)
            if (part.at == at)
                part.free = true;
    }
    size_t all() const
    {
        return all_;
    }

  private:
    struct Part {
        size_t at, size;
        bool free;
    };
    std::vector<Part> parts_;
    size_t all_ = 0;
};

void Plan::note_last_uses()
{
    for (size_t i = 0; i < steps_.size(); i++) {
        for (const auto &argument : steps_[i].arguments)
            tensors_[argument.second].last_use = i;
        if (steps_[i].begin != NONE)
            tensors_[steps_[i].begin].last_use = i;
    }
}

// May the step write over what its result begins with? Not if that is needed later, or is read by
// a step that cannot work in place.
bool Plan::takes_over(const Step &step, size_t number) const
{
    if (step.begin == NONE)
        return false;
    const Tensor &begin = tensors_[step.begin];
    if (begin.where != Tensor::SPACE || begin.last_use > number ||
        tensors_[step.result].where != Tensor::SPACE || begin.form != tensors_[step.result].form)
        return false;
    if (step.in_place)
        return true;
    for (const auto &argument : step.arguments)
        if (argument.second == step.begin)
            return false;
    return true;
}

void Plan::place(const Step &step, size_t number, Space &space)
{
    const bool over = takes_over(step, number);
    std::vector<Id> used = {step.result};
    if (over)
        tensors_[step.result].at = tensors_[step.begin].at;
    else if (step.begin != NONE)
        used.push_back(step.begin);
    for (const auto &argument : step.arguments)
        if (!(over && argument.second == step.begin))
            used.push_back(argument.second);
    for (Id id : used)
        if (tensors_[id].where == Tensor::SPACE && tensors_[id].at == SIZE_MAX)
            tensors_[id].at = space.take(tensors_[id].form.get_size());
    for (Id id : used)
        if (tensors_[id].where == Tensor::SPACE && tensors_[id].last_use <= number)
            space.give_back(tensors_[id].at);
}

void Plan::note_behind_outputs()
{
    for (const Step &step : steps_)
        for (const auto &argument : step.arguments)
            if (tensors_[step.result].where == Tensor::OUTPUT &&
                tensors_[argument.second].where == Tensor::SPACE)
                behind_outputs_.push_back(argument.second);
}

void Plan::finish()
{
    Space space;
    std::vector<Step> steps;
    note_last_uses();
    for (size_t i = 0; i < steps_.size(); i++) {
        Step &step = steps_[i];
        place(step, i, space);
        if (step.begin != NONE && !step.in_place && !takes_over(step, i)) {
            const memory::desc &form = tensors_[step.begin].form;
            const dnnl::reorder::primitive_desc copy(engine_, form, engine_, form, attributes());
            steps.push_back({dnnl::reorder(copy),
                             {{DNNL_ARG_FROM, step.begin}, {DNNL_ARG_TO, step.result}},
                             step.result,
                             NONE,
                             false});
        }
        steps.push_back(std::move(step));
    }
    steps_ = std::move(steps);
    space_ = space.all();
    note_behind_outputs();
}

// ---- running

std::unique_ptr<Plan::Call> Plan::make_call() const
{
    auto call = std::make_unique<Call>();
    for (const Tensor &tensor : tensors_)
        call->tensors.push_back(tensor.where == Tensor::CONSTANT
                                    ? static_cast<const memory &>(tensor.value)
                                    : memory(tensor.form, engine_, nullptr));
    for (const Step &step : steps_) {
        call->arguments.emplace_back();
        for (const auto &argument : step.arguments)
            call->arguments.back().push_back(
                {argument.first, call->tensors[argument.second].get()});
    }
    return call;
}

std::unique_ptr<Plan::Call> Plan::take_call() const
{
    std::lock_guard<std::mutex> lock(mutex_);
    if (idle_.empty())
        return make_call();
    std::unique_ptr<Call> call = std::move(idle_.back());
    idle_.pop_back();
    return call;
}

void Plan::run(const std::vector<void *> &inputs, const std::vector<void *> &outputs,
               void *space) const
{
    std::unique_ptr<Call> call = take_call();
    for (size_t i = 0; i < tensors_.size(); i++) {
        const Tensor &tensor = tensors_[i];
        if (tensor.where == Tensor::INPUT)
            call->tensors[i].set_data_handle(inputs[tensor.at]);
        else if (tensor.where == Tensor::OUTPUT)
            call->tensors[i].set_data_handle(outputs[tensor.at]);
        else if (tensor.where == Tensor::SPACE && call->space != space)
            call->tensors[i].set_data_handle(static_cast<char *>(space) + tensor.at);
    }
    call->space = space;
    dnnl::stream stream(engine_);
    for (size_t i = 0; i < steps_.size(); i++)
        dnnl::error::wrap_c_api(dnnl_primitive_execute(steps_[i].primitive.get(), stream.get(),
                                                       static_cast<int>(call->arguments[i].size()),
                                                       call->arguments[i].data()),
                                "could not compute a step of the network");
    stream.wait();
    for (Id id : behind_outputs_)
        fmi_wipe(static_cast<char *>(space) + tensors_[id].at, tensors_[id].form.get_size());
    std::lock_guard<std::mutex> lock(mutex_);
    idle_.push_back(std::move(call));
}

} // namespace fm
