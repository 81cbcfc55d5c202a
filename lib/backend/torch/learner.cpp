// The steps of training.
#include "backend/torch/learner.h"

#include "backend/torch/guard.h"
#include "backend/torch/random.h"

#include <torch/csrc/autograd/autograd.h>

namespace fm
{
namespace
{

using torch::jit::Module;

void set_training(fmi_learner &learner, bool on)
{
    learner.module.train(on);
    if (!on)
        return;
    for (Module &layer : learner.frozen)
        layer.eval();
    for (Module &layer : learner.dividing)
        layer.setattr("training", false);
}

// The caller's numbers, in place where the device is the CPU.
at::Tensor borrow(const fmi_learner &learner, const float *in, at::IntArrayRef shape)
{
    return at::from_blob(const_cast<float *>(in), shape, at::kFloat).to(learner.device);
}

void give(float *out, const at::Tensor &tensor)
{
    const Wiped host(tensor.detach().to(at::kCPU, at::kFloat).contiguous());
    std::memcpy(out, host.get().data_ptr(), host.get().numel() * sizeof(float));
}

at::Tensor compute_features(fmi_learner &learner, size_t part, const at::Tensor &x)
{
    const int64_t n = x.size(0), shape[] = {n, learner.dim};
    c10::IValue base = x;
    if (!learner.skip_network)
        base = learner.parts.at(part).forward({x});
    at::Tensor features = expect_tensor(base, static_cast<size_t>(n * learner.dim)).reshape(shape);
    return learner.head.defined() ? at::linear(features, learner.head) : features;
}

// What is given up at the end, whatever happened.
class PassEnd
{
  public:
    explicit PassEnd(fmi_learner &learner) : learner_(learner)
    {
    }
    ~PassEnd()
    {
        forget_pass(learner_);
    }
    PassEnd(const PassEnd &) = delete;
    PassEnd &operator=(const PassEnd &) = delete;

  private:
    fmi_learner &learner_;
};

void forward(fmi_learner &learner, size_t part, uint64_t step, const at::Tensor &in)
{
    set_training(learner, true);
    learner.part = part;
    Chance chance(learner.device, mix_seed(learner.seed, Draw::step, step));
    // The backward pass reads it again, when the caller's may be gone.
    learner.input = in.to(at::kFloat, false, true);
    learner.features = compute_features(learner, part, learner.input);
    if (learner.classes.defined())
        learner.logits = at::linear(learner.features, learner.classes, learner.classes_bias);
}

void backward(fmi_learner &learner, const float *features_gradient, const float *logits_gradient)
{
    const at::Tensor outputs[] = {learner.features, learner.logits};
    const float *const given[] = {features_gradient, logits_gradient};
    std::vector<at::Tensor> roots, gradients;
    for (size_t i = 0; i < 2; i++) {
        if (!given[i])
            continue;
        if (!outputs[i].defined())
            throw Failure(FM_E_INTERNAL, "a gradient without a forward pass");
        if (!outputs[i].requires_grad()) // of what is behind it, nothing is trained
            continue;
        roots.push_back(outputs[i]);
        gradients.push_back(borrow(learner, given[i], outputs[i].sizes()));
    }
    if (!roots.empty())
        torch::autograd::backward(roots, gradients);
}

} // namespace

void forget_pass(fmi_learner &learner)
{
    learner.logits.reset();
    const Wiped features(std::move(learner.features));
    if (learner.input.defined())
        learner.input.detach().zero_(); // faces
    learner.input.reset();
    for (Optimizer &optimizer : learner.optimizers)
        optimizer.forget_gradients();
}

fm_status learner_forward(fmi_learner *learner, size_t part, uint64_t step, const float *in,
                          const int64_t shape[4], float *features, float *logits,
                          fm_error *err) noexcept
{
    return guarded(err, Mode::train, FM_E_BACKEND, [&] {
        Threads cores(learner->threads);
        forget_pass(*learner);
        forward(*learner, part, step, borrow(*learner, in, at::IntArrayRef(shape, 4)));
        give(features, learner->features);
        if (learner->logits.defined())
            give(logits, learner->logits);
        return FM_OK;
    });
}

fm_status learner_step(fmi_learner *learner, const float *features_gradient,
                       const float *logits_gradient, const float *extra_gradient, double rate,
                       fm_error *err) noexcept
{
    return guarded(err, Mode::train, FM_E_BACKEND, [&] {
        Threads cores(learner->threads);
        PassEnd end(*learner);
        backward(*learner, features_gradient, logits_gradient);
        if (extra_gradient)
            learner->extra.mutable_grad() =
                borrow(*learner, extra_gradient, learner->extra.sizes());
        learner->optimizers.at(learner->part).step(rate);
        return FM_OK;
    });
}

fm_status learner_run(fmi_learner *learner, size_t part, const float *in, const int64_t shape[4],
                      float *out, fm_error *err) noexcept
{
    return guarded(err, Mode::run, FM_E_BACKEND, [&] {
        Threads cores(learner->threads);
        set_training(*learner, false);
        at::Tensor x = borrow(*learner, in, at::IntArrayRef(shape, 4));
        const Wiped features(compute_features(*learner, part, x));
        give(out, features.get());
        return FM_OK;
    });
}

fm_status learner_extra(fmi_learner *learner, float *out, fm_error *err) noexcept
{
    return guarded(err, Mode::prepare, FM_E_BACKEND, [&] {
        if (learner->extra.defined())
            give(out, learner->extra);
        return FM_OK;
    });
}

bool learner_has_feature_max(const fmi_learner *learner) noexcept
{
    return learner->feature_max.defined();
}

fm_status learner_set_feature_max(fmi_learner *learner, const float *largest,
                                  fm_error *err) noexcept
{
    return guarded(err, Mode::prepare, FM_E_BACKEND, [&] {
        if (!learner->feature_max.defined())
            throw Failure(FM_E_UNSUPPORTED, "the network has no feature_max of its own");
        learner->feature_max.copy_(borrow(*learner, largest, learner->feature_max.sizes()));
        return FM_OK;
    });
}

} // namespace fm
