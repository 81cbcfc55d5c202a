// A loaded archive, and how bytes and numbers pass between it and the caller.
#ifndef FMI_TORCH_NET_H
#define FMI_TORCH_NET_H

#include "backend/backend.h"
#include "backend/torch/guard.h"

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

} // namespace fm

#endif
