#include "backend/torch/optimizer.h"

#include <c10/core/GradMode.h>
#include <cmath>

namespace fm
{

Optimizer::Optimizer(const fmi_learner_config &config, const std::vector<at::Tensor> &weights)
    : kind_(config.optimizer), momentum_(config.momentum), decay_(config.weight_decay),
      steps_(at::zeros({1}, at::kLong))
{
    for (const at::Tensor &value : weights) {
        Weight weight{value, {}, {}};
        if (kind_ != FM_OPTIMIZER_SGD || momentum_ != 0)
            weight.first = at::zeros_like(value);
        if (kind_ == FM_OPTIMIZER_ADAM)
            weight.second = at::zeros_like(value);
        weights_.push_back(std::move(weight));
    }
}

void Optimizer::adam(Weight &weight, const at::Tensor &gradient, double rate, int64_t step) const
{
    const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, t = static_cast<double>(step);
    weight.first.mul_(beta1).add_(gradient, 1 - beta1);
    weight.second.mul_(beta2).addcmul_(gradient, gradient, 1 - beta2);
    at::Tensor size = weight.second.sqrt().div_(std::sqrt(1 - std::pow(beta2, t))).add_(epsilon);
    weight.value.addcdiv_(weight.first, size, -rate / (1 - std::pow(beta1, t)));
}

void Optimizer::sgd(Weight &weight, const at::Tensor &gradient, double rate) const
{
    if (weight.first.defined())
        weight.first.mul_(momentum_).add_(gradient);
    weight.value.add_(weight.first.defined() ? weight.first : gradient, -rate);
}

void Optimizer::adagrad(Weight &weight, const at::Tensor &gradient, double rate) const
{
    const double epsilon = 1e-10;
    weight.first.addcmul_(gradient, gradient);
    weight.value.addcdiv_(gradient, weight.first.sqrt().add_(epsilon), -rate);
}

void Optimizer::step(double rate)
{
    c10::NoGradGuard no_gradient;
    int64_t step = steps_.add_(1).item<int64_t>();
    for (Weight &weight : weights_) {
        at::Tensor gradient = weight.value.grad();
        if (!gradient.defined())
            continue;
        if (decay_ != 0)
            gradient = gradient.add(weight.value, decay_);
        if (kind_ == FM_OPTIMIZER_ADAM)
            adam(weight, gradient, rate, step);
        else if (kind_ == FM_OPTIMIZER_SGD)
            sgd(weight, gradient, rate);
        else
            adagrad(weight, gradient, rate);
        weight.value.mutable_grad().reset();
    }
}

void Optimizer::forget_gradients()
{
    for (Weight &weight : weights_)
        weight.value.mutable_grad().reset();
}

NamedTensors Optimizer::state() const
{
    static const char *const kinds[] = {"adam", "sgd", "adagrad"};
    const std::string kind = kinds[kind_ - FM_OPTIMIZER_ADAM];
    NamedTensors all = {{kind + ".steps", steps_}};
    for (size_t i = 0; i < weights_.size(); i++) {
        const Weight &weight = weights_[i];
        if (weight.first.defined())
            all.emplace_back(kind + ".first." + std::to_string(i), weight.first);
        if (weight.second.defined())
            all.emplace_back(kind + ".second." + std::to_string(i), weight.second);
    }
    return all;
}

} // namespace fm
