// A loaded archive, and how bytes and numbers pass between it and the caller.
#ifndef FMI_TORCH_NET_H
#define FMI_TORCH_NET_H

#include "backend/backend.h"
#include "backend/torch/guard.h"

extern "C" {
#include "core/memory.h"
}

#include <ATen/ATen.h>
#include <algorithm>
#include <caffe2/serialize/read_adapter_interface.h>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <torch/csrc/jit/api/module.h>
#include <tuple>

struct fmi_part {
    torch::jit::Module module;
    fmi_part_config config;
};

struct fmi_net {
    using Key = std::tuple<std::string, fm_precision, bool>;

    torch::jit::Module module;
    std::mutex mutex; // over parts, and over the module's weights while one is prepared
    std::map<Key, std::unique_ptr<fmi_part>> parts;
};

namespace fm
{

// Bytes of the caller, read in place.
class MemoryReader final : public caffe2::serialize::ReadAdapterInterface
{
  public:
    MemoryReader(const void *bytes, size_t size)
        : bytes_(static_cast<const char *>(bytes)), size_(size)
    {
    }
    size_t size() const override
    {
        return size_;
    }
    size_t read(uint64_t pos, void *buf, size_t n, const char *) const override
    {
        if (pos >= size_)
            return 0;
        n = std::min<uint64_t>(n, size_ - pos);
        std::memcpy(buf, bytes_ + pos, n);
        return n;
    }

  private:
    const char *bytes_;
    size_t size_;
};

// A network of an archive by its name; "": the archive's own.
inline torch::jit::Module find_part(const torch::jit::Module &module, const char *part)
{
    if (!*part)
        return module;
    if (module.hasattr(part)) {
        c10::IValue value = module.attr(part);
        if (value.isModule())
            return value.toModule();
    }
    throw Failure(FM_E_CORRUPT,
                  (std::string("the archive has no network \"") + part + '"').c_str());
}

// A network's one output, with as many numbers as there should be.
inline at::Tensor expect_tensor(const c10::IValue &value, size_t count)
{
    char text[FM_ERROR_MESSAGE_MAX];
    if (!value.isTensor())
        throw Failure(FM_E_BACKEND, "the network does not give one tensor");
    if (static_cast<uint64_t>(value.toTensor().numel()) != count) {
        std::snprintf(text, sizeof text, "the network gives %lld numbers where %zu are expected",
                      static_cast<long long>(value.toTensor().numel()), count);
        throw Failure(FM_E_BACKEND, text);
    }
    return value.toTensor();
}

// A face, or what was computed of one: wiped when it goes, unless somebody else has it still, the
// network or the caller, who lent the memory. In the processor's memory; a device's is not reached.
class Wiped
{
  public:
    explicit Wiped(at::Tensor tensor, const void *lent = nullptr)
        : tensor_(std::move(tensor)), lent_(lent)
    {
    }
    ~Wiped()
    {
        if (tensor_.use_count() == 1 && tensor_.is_cpu() && tensor_.has_storage() &&
            tensor_.storage().use_count() == 1 && tensor_.data_ptr() != lent_ &&
            tensor_.is_non_overlapping_and_dense())
            fmi_wipe(tensor_.data_ptr(), tensor_.nbytes());
    }
    Wiped(const Wiped &) = delete;
    Wiped &operator=(const Wiped &) = delete;
    const at::Tensor &get() const
    {
        return tensor_;
    }

  private:
    at::Tensor tensor_;
    const void *lent_;
};

} // namespace fm

#endif
