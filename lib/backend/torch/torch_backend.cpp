// libtorch as the core sees it: archives, networks, and in learner.h training. Everything handed to
// the core is one call of the guard.
#include "backend/torch/guard.h"

#include "backend/torch/learner.h"
#include "backend/torch/net.h"
#ifdef FM_FUSE
#include "backend/torch/fuse.h"
#endif

#include <algorithm>
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/import.h>

namespace fm
{
namespace
{

using caffe2::serialize::PyTorchStreamReader;
using torch::jit::Module;

const char *version() noexcept
{
#define FM_TEXT(x)   #x
#define FM_NUMBER(x) FM_TEXT(x)
    return FM_NUMBER(TORCH_VERSION_MAJOR) "." FM_NUMBER(TORCH_VERSION_MINOR) "." FM_NUMBER(
        TORCH_VERSION_PATCH);
#undef FM_NUMBER
#undef FM_TEXT
}

// ---- archives

// libtorch finds a record by its name, so a second one of that name would escape the model id.
void check_names(const std::vector<std::string> &sorted)
{
    if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
        throw Failure(FM_E_CORRUPT, "the archive has two records of one name");
}

// What is no archive at all is told in words of ours: most often it is the wrong file.
std::unique_ptr<PyTorchStreamReader> open_archive(const void *bytes, size_t size)
{
    auto in = std::make_shared<MemoryReader>(bytes, size);
    try {
        return std::make_unique<PyTorchStreamReader>(std::move(in));
    } catch (const c10::Error &e) {
        if (is_out_of_memory(e.what()))
            throw;
        fmi_log(FM_LOG_DEBUG, "torch", "%s", e.what());
        throw Failure(FM_E_CORRUPT, "not a model file, or one that was cut short: there is no "
                                    "TorchScript archive in it");
    }
}

fm_status walk(const void *bytes, size_t size, fmi_record_fn fn, void *user, fm_error *err)
{
    const std::unique_ptr<PyTorchStreamReader> reader = open_archive(bytes, size);
    std::vector<std::string> names = reader->getAllRecords();
    std::sort(names.begin(), names.end());
    check_names(names);
    for (const std::string &name : names) {
        std::tuple<at::DataPtr, size_t> record = reader->getRecord(name);
        fm_status status =
            fn(user, name.c_str(), std::get<0>(record).get(), std::get<1>(record), err);
        if (status != FM_OK)
            return status;
    }
    return FM_OK;
}

fm_status records(const void *bytes, size_t size, fmi_record_fn fn, void *user,
                  fm_error *err) noexcept
{
    return guarded(err, Mode::prepare, FM_E_CORRUPT,
                   [&] { return walk(bytes, size, fn, user, err); });
}

fm_status load(fmi_net **out, const void *bytes, size_t size, fm_error *err) noexcept
{
    return guarded(err, Mode::prepare, FM_E_CORRUPT, [&] {
        auto net = std::make_unique<fmi_net>();
        net->module = torch::jit::load(std::make_shared<MemoryReader>(bytes, size), at::kCPU);
        net->module.eval();
        *out = net.release();
        return FM_OK;
    });
}

void free_net(fmi_net *net) noexcept
{
    (void)guarded(nullptr, Mode::prepare, FM_E_BACKEND, [&] {
        delete net;
        return FM_OK;
    });
}

// ---- bfloat16

// Without these instructions bfloat16 is emulated, and slower than float32. A CPU with AMX has them
// as well.
bool cpu_has_bfloat16() noexcept
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512bf16");
#else
    return false;
#endif
}

bool has_bfloat16() noexcept
{
    bool works = false;
    if (!cpu_has_bfloat16())
        return false;
    (void)guarded(nullptr, Mode::run, FM_E_BACKEND, [&] {
        at::Tensor x = at::ones({1, 16, 4, 4}, at::kBFloat16);
        at::Tensor w = at::ones({16, 16, 1, 1}, at::kBFloat16);
        works = at::conv2d(x, w).eq(16).all().item<bool>();
        return FM_OK;
    });
    return works;
}

// ---- preparing

// The weights in another type and layout, for as long as this lives: what is frozen meanwhile keeps
// them, and no second copy of the module is made.
class Recast
{
  public:
    Recast(const Module &module, const fmi_part_config &config)
    {
        for (const Module &child : module.modules()) {
            for (const auto &weight : child.named_parameters(false))
                replace(child, weight.name, weight.value, config);
            for (const auto &weight : child.named_buffers(false))
                replace(child, weight.name, weight.value, config);
        }
    }
    ~Recast()
    {
        for (Saved &saved : saved_)
            saved.owner.setattr(saved.name, saved.value);
    }
    Recast(const Recast &) = delete;
    Recast &operator=(const Recast &) = delete;

  private:
    struct Saved {
        Module owner;
        std::string name;
        at::Tensor value;
    };

    void replace(const Module &owner, const std::string &name, const at::Tensor &value,
                 const fmi_part_config &config)
    {
        at::Tensor other = value;
        if (config.precision == FM_PRECISION_BFLOAT16 && value.is_floating_point())
            other = other.to(at::kBFloat16);
        if (config.channels_last && value.dim() == 4)
            other = other.contiguous(at::MemoryFormat::ChannelsLast);
        saved_.push_back({owner, name, value});
        saved_.back().owner.setattr(name, other);
    }

    std::vector<Saved> saved_;
};

// The network with its weights as constants, in the form that oneDNN works in. Shapes of the input
// are not part of it. The net's mutex is held.
Module prepare_module(const Module &module, const fmi_part_config &config)
{
    Recast recast(module, config);
    Module frozen = torch::jit::freeze(module);
    Module prepared = torch::jit::optimize_for_inference(frozen);
#ifdef FM_FUSE
    fuse(*prepared.get_method("forward").graph());
#endif
    return prepared;
}

void check_precision(fm_precision precision)
{
    if (precision == FM_PRECISION_FLOAT32)
        return;
    if (precision != FM_PRECISION_BFLOAT16)
        throw Failure(FM_E_UNSUPPORTED, "precisions are float32 and bfloat16");
    if (!cpu_has_bfloat16())
        throw Failure(FM_E_UNSUPPORTED,
                      "bfloat16 needs a CPU with AVX512_BF16 or AMX: use float32");
    if (!has_bfloat16())
        throw Failure(FM_E_UNSUPPORTED, "this libtorch cannot compute in bfloat16: use float32");
}

fm_status prepare(fmi_net *net, const char *part, const fmi_part_config *config, fmi_part **out,
                  fm_error *err) noexcept
{
    return guarded(err, Mode::prepare, FM_E_BACKEND, [&] {
        check_precision(config->precision);
        std::lock_guard<std::mutex> lock(net->mutex);
        fmi_net::Key key(part, config->precision, config->channels_last);
        auto found = net->parts.find(key);
        if (found == net->parts.end()) {
            Module prepared = prepare_module(find_part(net->module, part), *config);
            auto entry = std::make_unique<fmi_part>(fmi_part{std::move(prepared), *config});
            found = net->parts.emplace(std::move(key), std::move(entry)).first;
        }
        *out = found->second.get();
        return FM_OK;
    });
}

// ---- running

// The caller's floats as the network wants them; without a copy where they are so already.
at::Tensor make_input(const fmi_part_config &config, const float *in, const int64_t shape[4])
{
    at::Tensor x = at::from_blob(const_cast<float *>(in), at::IntArrayRef(shape, 4), at::kFloat);
    auto layout =
        config.channels_last ? at::MemoryFormat::ChannelsLast : at::MemoryFormat::Contiguous;
    auto type = config.precision == FM_PRECISION_BFLOAT16 ? at::kBFloat16 : at::kFloat;
    return x.to(type, false, false, layout);
}

fm_status run(fmi_part *part, int32_t threads, const float *in, const int64_t shape[4], float *out,
              size_t out_len, fm_error *err) noexcept
{
    return guarded(err, Mode::run, FM_E_BACKEND, [&] {
        Threads cores(threads);
        const Wiped x(make_input(part->config, in, shape), in);
        const Wiped y(expect_tensor(part->module.forward({x.get()}), out_len));
        const Wiped result(y.get().to(at::kFloat).contiguous());
        std::memcpy(out, result.get().data_ptr(), out_len * sizeof(float));
        return FM_OK;
    });
}

} // namespace
} // namespace fm

extern "C" const fmi_backend *fmi_backend_get(void)
{
    static const fmi_backend torch = {
        "libtorch",
        fm::version,
        fm::has_bfloat16,
        fm::records,
        fm::load,
        fm::free_net,
        fm::prepare,
        fm::run,
        fm::learner_new,
        fm::learner_free,
        fm::learner_forward,
        fm::learner_step,
        fm::learner_run,
        fm::learner_extra,
        fm::learner_has_feature_max,
        fm::learner_set_feature_max,
        fm::learner_state,
        fm::learner_restore,
        fm::learner_archive,
    };
    return &torch;
}
