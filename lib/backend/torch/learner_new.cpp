// How a learner begins: a copy of the network, what of it is trained, and the layers behind it.
#include "backend/torch/guard.h"

#include "backend/torch/learner.h"
#include "backend/torch/random.h"

#include <algorithm>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <cstdlib>
#include <dlfcn.h>
#include <set>

namespace fm
{
namespace
{

using torch::jit::Module;

// ---- device

// libtorch's CUDA half is not linked, so that who does not ask for it needs neither it nor a
// driver.
int cuda_devices()
{
    if (!c10::impl::hasDeviceGuardImpl(at::kCUDA))
        (void)dlopen("libtorch_cuda.so", RTLD_NOW | RTLD_GLOBAL);
    if (!c10::impl::hasDeviceGuardImpl(at::kCUDA))
        return 0;
    return c10::impl::getDeviceGuardImpl(at::kCUDA)->deviceCount();
}

at::Device find_device(const char *name)
{
    static const char cuda[] = "cuda:";
    char text[FM_ERROR_MESSAGE_MAX], there[64] = "";
    if (std::strcmp(name, "cpu") == 0)
        return at::kCPU;
    int count = cuda_devices();
    if (std::strncmp(name, cuda, sizeof cuda - 1) == 0) {
        const char *digits = name + sizeof cuda - 1;
        char *end = nullptr;
        long index = *digits >= '0' && *digits <= '9' ? std::strtol(digits, &end, 10) : -1;
        if (end && !*end && index < count)
            return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
    }
    if (count == 1)
        std::snprintf(there, sizeof there, " and cuda:0");
    else if (count > 1)
        std::snprintf(there, sizeof there, " and cuda:0 to cuda:%d", count - 1);
    std::snprintf(text, sizeof text,
                  "there is no device \"%.64s\": this machine's libtorch has cpu%s", name, there);
    throw Failure(FM_E_DEVICE, text);
}

// ---- what is trained

bool lies_in(const std::string &name, const std::string &layer)
{
    return name.compare(0, layer.size(), layer) == 0 &&
           (name.size() == layer.size() || name[layer.size()] == '.');
}

// The layers that have parameters, as many as the message has room for.
[[noreturn]] void fail_unknown_layer(const Module &network, const char *layer)
{
    std::string text = std::string("no parameter is called \"") + layer + "\"; there are";
    std::set<std::string> told;
    for (const auto &weight : network.named_parameters()) {
        std::string name = weight.name.substr(0, weight.name.rfind('.'));
        if (!told.insert(name).second)
            continue;
        if (text.size() + name.size() + 8 > FM_ERROR_MESSAGE_MAX) {
            text += ", ...";
            break;
        }
        text += (told.size() == 1 ? " " : ", ") + name;
    }
    throw Failure(FM_E_INVALID_ARGUMENT,
                  told.empty() ? "the network has no parameters to freeze" : text.c_str());
}

// All of a network but the layer that comes last of those with parameters.
void freeze_body(fmi_learner &learner, const Module &part)
{
    std::string last;
    for (const auto &weight : part.named_parameters())
        last = weight.name.substr(0, weight.name.find_last_of('.') + 1);
    last.resize(last.empty() ? 0 : last.size() - 1);
    for (const auto &weight : part.named_parameters())
        if (!last.empty() && !lies_in(weight.name, last))
            weight.value.set_requires_grad(false);
    for (const auto &child : part.named_modules())
        if (!child.name.empty() && !lies_in(child.name, last) && !lies_in(last, child.name))
            learner.frozen.push_back(child.value);
}

void freeze_layers(fmi_learner &learner, const fmi_learner_config &config)
{
    for (size_t i = 0; config.last_only && i < learner.parts.size(); i++)
        freeze_body(learner, learner.parts[i]);
    for (size_t i = 0; i < config.freeze_count; i++) {
        bool found = false;
        for (const auto &weight : learner.network.named_parameters())
            if (lies_in(weight.name, config.freeze[i])) {
                weight.value.set_requires_grad(false);
                found = true;
            }
        if (!found)
            fail_unknown_layer(learner.network, config.freeze[i]);
        for (const auto &child : learner.network.named_modules())
            if (child.name == config.freeze[i])
                learner.frozen.push_back(child.value);
    }
}

// What is trained of a part. Each tensor once, though it may have two names.
std::vector<at::Tensor> choose_weights(const fmi_learner &learner, const Module &part)
{
    std::vector<at::Tensor> chosen;
    auto choose = [&](const at::Tensor &weight) {
        bool known = std::any_of(chosen.begin(), chosen.end(),
                                 [&](const at::Tensor &other) { return other.is_same(weight); });
        if (weight.defined() && weight.requires_grad() && !known)
            chosen.push_back(weight);
    };
    for (const at::Tensor &weight : part.parameters())
        choose(weight);
    for (const at::Tensor &weight :
         {learner.head, learner.classes, learner.classes_bias, learner.extra})
        choose(weight);
    return chosen;
}

void add_optimizers(fmi_learner &learner, const fmi_learner_config &config)
{
    bool any = false;
    for (const at::Tensor &weight : learner.network.parameters())
        weight.set_requires_grad(!config.skip_network && weight.is_floating_point());
    freeze_layers(learner, config);
    for (const Module &part : learner.parts) {
        std::vector<at::Tensor> chosen = choose_weights(learner, part);
        any = any || !chosen.empty();
        learner.optimizers.emplace_back(config, chosen);
    }
    if (!any)
        throw Failure(FM_E_INVALID_ARGUMENT, "nothing is left to train: all layers are frozen");
}

// ---- layers behind the network

at::Tensor make_weight(const fmi_learner &learner, const at::Tensor &value)
{
    return value.to(learner.device, at::kFloat).contiguous().set_requires_grad(true);
}

// The identity: fewer rows than columns are its first ones; further rows are those of orthogonal
// matrices.
at::Tensor draw_head(int64_t rows, int64_t columns)
{
    std::vector<at::Tensor> blocks = {at::eye(columns, at::kDouble)};
    for (int64_t n = columns; n < rows; n += columns)
        blocks.push_back(std::get<0>(at::linalg_qr(at::randn({columns, columns}, at::kDouble))));
    return at::cat(blocks).slice(0, 0, rows);
}

// A module of its own around the network, for the archive: an ordinary one to whoever loads it.
Module wrap(const Module &network, const at::Tensor &head)
{
    Module module(c10::QualifiedName("__torch__.facematch.Head"));
    module.register_attribute("training", c10::BoolType::get(), false);
    module.register_module("base", network);
    module.register_parameter("head", head, false);
    module.define(
        "def forward(self, x):\n    return torch.linear(self.base.forward(x), self.head)\n");
    return module;
}

void add_head(fmi_learner &learner, const fmi_learner_config &config)
{
    learner.module = learner.network;
    if (config.head_dim <= 0)
        return;
    Chance chance(at::kCPU, mix_seed(config.seed, Draw::head, 0));
    learner.head = make_weight(learner, draw_head(config.head_dim, config.dim));
    learner.module = wrap(learner.network, learner.head);
}

void add_classes(fmi_learner &learner, const fmi_learner_config &config)
{
    int64_t features = config.head_dim > 0 ? config.head_dim : config.dim;
    if (config.extra > 0)
        learner.extra =
            make_weight(learner, at::zeros({static_cast<int64_t>(config.extra)}, at::kFloat));
    if (config.classes <= 0)
        return;
    Chance chance(at::kCPU, mix_seed(config.seed, Draw::classes, 0));
    at::Tensor weight = at::empty({config.classes, features}, at::kFloat);
    learner.classes = make_weight(learner, weight.normal_(0, 0.01));
    learner.classes_bias = make_weight(learner, at::zeros({config.classes}, at::kFloat));
}

// ---- the network

Module copy_network(fmi_net &net)
{
    std::lock_guard<std::mutex> lock(net.mutex);
    return net.module.deepcopy();
}

void draw_weights(Module &network, uint64_t seed)
{
    auto initialize = network.find_method("initialize");
    if (!initialize)
        throw Failure(FM_E_UNSUPPORTED,
                      "the network cannot draw its weights anew: it has no method "
                      "initialize(), as architectures for training have");
    Chance chance(at::kCPU, mix_seed(seed, Draw::weights, 0));
    (*initialize)({});
}

// What divides by feature_max does not while it is being trained, for that is when the largest
// features are not known yet. What the head sees must be the same in training and afterwards: there
// the network divides by what it has.
void find_feature_max(fmi_learner &learner, const fmi_learner_config &config)
{
    for (const Module &child : learner.network.modules()) {
        c10::IValue value = child.attr("feature_max", c10::IValue());
        if (!value.isTensor())
            continue;
        bool own = child._ivalue() == learner.network._ivalue() && !learner.head.defined() &&
                   !learner.skip_network && value.toTensor().numel() == config.dim;
        if (own)
            learner.feature_max = value.toTensor();
        else if (child.hasattr("training"))
            learner.dividing.push_back(child);
    }
}

std::unique_ptr<fmi_learner> make(fmi_net &net, const fmi_learner_config &config)
{
    auto learner = std::make_unique<fmi_learner>();
    learner->device = find_device(config.device);
    learner->threads = config.threads;
    learner->seed = config.seed;
    learner->skip_network = config.skip_network;
    learner->dim = config.dim;
    learner->network = copy_network(net);
    if (config.fresh)
        draw_weights(learner->network, config.seed);
    learner->network.to(learner->device);
    for (size_t i = 0; i < config.part_count; i++)
        learner->parts.push_back(find_part(learner->network, config.parts[i]));
    if (config.part_count == 0)
        learner->parts.push_back(learner->network);
    add_head(*learner, config);
    add_classes(*learner, config);
    find_feature_max(*learner, config);
    add_optimizers(*learner, config);
    return learner;
}

} // namespace

fm_status learner_new(fmi_net *net, const fmi_learner_config *config, fmi_learner **out,
                      fm_error *err) noexcept
{
    return guarded(err, Mode::prepare, FM_E_BACKEND, [&] {
        Threads cores(config->threads);
        *out = make(*net, *config).release();
        return FM_OK;
    });
}

void learner_free(fmi_learner *learner) noexcept
{
    if (!learner)
        return;
    (void)guarded(nullptr, Mode::prepare, FM_E_BACKEND, [&] {
        std::unique_ptr<fmi_learner> owned(learner);
        forget_pass(*owned);
        return FM_OK;
    });
}

} // namespace fm
