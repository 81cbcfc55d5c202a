// A network in training: what the table of the backend has of it.
#ifndef FMI_TORCH_LEARNER_H
#define FMI_TORCH_LEARNER_H

#include "backend/torch/net.h"
#include "backend/torch/optimizer.h"

#include <vector>

struct fmi_learner {
    // The archive's network, and what is saved: the same, or the network with its head.
    torch::jit::Module network, module;
    std::vector<torch::jit::Module> parts; // that are trained; without names, the network alone
    at::Device device = at::kCPU;
    int32_t threads = 1;
    uint64_t seed = 0;
    bool skip_network = false;
    int64_t dim = 0;                          // of the network's output
    std::vector<torch::jit::Module> frozen;   // stay in evaluation mode with all below them
    std::vector<torch::jit::Module> dividing; // stay in it, but not what is below them
    at::Tensor head, classes, classes_bias, extra, feature_max; // undefined: without
    std::vector<fm::Optimizer> optimizers;                      // of the parts

    // From forward until step.
    size_t part = 0;
    at::Tensor input, features, logits;
};

namespace fm
{

// learner.cpp
fm_status learner_new(fmi_net *net, const fmi_learner_config *config, fmi_learner **out,
                      fm_error *err) noexcept;
void learner_free(fmi_learner *learner) noexcept;
fm_status learner_forward(fmi_learner *learner, size_t part, uint64_t step, const float *in,
                          const int64_t shape[4], float *features, float *logits,
                          fm_error *err) noexcept;
fm_status learner_step(fmi_learner *learner, const float *features_gradient,
                       const float *logits_gradient, const float *extra_gradient, double rate,
                       fm_error *err) noexcept;
fm_status learner_run(fmi_learner *learner, size_t part, const float *in, const int64_t shape[4],
                      float *out, fm_error *err) noexcept;
fm_status learner_extra(fmi_learner *learner, float *out, fm_error *err) noexcept;
bool learner_has_feature_max(const fmi_learner *learner) noexcept;
fm_status learner_set_feature_max(fmi_learner *learner, const float *largest,
                                  fm_error *err) noexcept;

// The forward pass is given up, and with it the copy of what went in.
void forget_pass(fmi_learner &learner);

// learner_save.cpp
fm_status learner_state(const fmi_learner *learner, void **out, size_t *size,
                        fm_error *err) noexcept;
fm_status learner_restore(fmi_learner *learner, const void *bytes, size_t size,
                          fm_error *err) noexcept;
fm_status learner_archive(const fmi_learner *learner, const char *manifest, size_t length,
                          void **out, size_t *size, fm_error *err) noexcept;

} // namespace fm

#endif
