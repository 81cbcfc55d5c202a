// How weights follow their gradients. PyTorch's own optimisers in the form that a run can be taken
// up again from: everything they remember is tensors.
#ifndef FMI_TORCH_OPTIMIZER_H
#define FMI_TORCH_OPTIMIZER_H

#include "backend/backend.h"

#include <ATen/ATen.h>
#include <string>
#include <utility>
#include <vector>

namespace fm
{

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

class Optimizer
{
  public:
    Optimizer() = default;
    // The weights are leaves; the config is not kept.
    Optimizer(const fmi_learner_config &config, const std::vector<at::Tensor> &weights);

    // By the weights' gradients, which are gone afterwards. A weight without one stays.
    void step(double rate);
    void forget_gradients();

    // All that it remembers, to be read and written.
    NamedTensors state() const;

  private:
    struct Weight {
        at::Tensor value;
        at::Tensor first;  // Adam: mean gradient; SGD: velocity; Adagrad: sum of squares
        at::Tensor second; // Adam: mean squared gradient
    };

    void adam(Weight &weight, const at::Tensor &gradient, double rate, int64_t step) const;
    void sgd(Weight &weight, const at::Tensor &gradient, double rate) const;
    void adagrad(Weight &weight, const at::Tensor &gradient, double rate) const;

    fm_optimizer kind_ = 0;
    double momentum_ = 0, decay_ = 0;
    at::Tensor steps_;
    std::vector<Weight> weights_;
};

} // namespace fm

#endif
