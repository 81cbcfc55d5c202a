// What a learner leaves behind: the state to go on from, and the archive.
//
// A state is a text that names its tensors with their types and shapes, then their numbers as they
// lie in memory, then a hash over both. Another learner's has another text.
#include "backend/torch/learner.h"

#include "backend/torch/guard.h"
extern "C" {
#include "core/memory.h"
}

#include <caffe2/serialize/inline_container.h>
#include <sodium.h>
#include <torch/csrc/jit/serialization/export.h>

namespace fm
{
namespace
{

using caffe2::serialize::PyTorchStreamReader;
using caffe2::serialize::PyTorchStreamWriter;
using torch::jit::Module;

// Bytes for the caller. libtorch's writer must not be stopped by an exception, so a lack of memory
// is told at the end.
class Bytes
{
  public:
    Bytes() = default;
    ~Bytes()
    {
        fmi_free(bytes_);
    }
    Bytes(const Bytes &) = delete;
    Bytes &operator=(const Bytes &) = delete;

    void reserve(size_t room) noexcept
    {
        if (room <= room_ || failed_)
            return;
        void *more = fmi_realloc(bytes_, room);
        if (!more) {
            failed_ = true;
            return;
        }
        bytes_ = static_cast<unsigned char *>(more);
        room_ = room;
    }
    size_t append(const void *bytes, size_t size) noexcept
    {
        if (size > room_ - size_)
            reserve(std::max(room_ + room_ / 2, size_ + size));
        if (!failed_ && size > 0) {
            std::memcpy(bytes_ + size_, bytes, size);
            size_ += size;
        }
        return size;
    }
    std::function<size_t(const void *, size_t)> writer()
    {
        return [this](const void *bytes, size_t size) { return append(bytes, size); };
    }
    const unsigned char *data() const
    {
        check();
        return bytes_;
    }
    size_t size() const
    {
        return size_;
    }
    void release(void **out, size_t *size)
    {
        check();
        *out = bytes_;
        *size = size_;
        bytes_ = nullptr;
    }

  private:
    void check() const
    {
        if (failed_)
            throw std::bad_alloc();
    }

    unsigned char *bytes_ = nullptr;
    size_t size_ = 0, room_ = 0;
    bool failed_ = false;
};

// ---- state

const size_t HASH = crypto_generichash_BYTES;

// All tensors of the network, whatever it calls them; none of one that is left out.
NamedTensors everything(const fmi_learner &learner)
{
    NamedTensors all;
    if (!learner.skip_network)
        for (const auto &attribute : learner.network.named_attributes())
            if (attribute.value.isTensor() && attribute.value.toTensor().defined())
                all.emplace_back("network." + attribute.name, attribute.value.toTensor());
    const NamedTensors further = {{"head", learner.head},
                                  {"classes", learner.classes},
                                  {"classes.bias", learner.classes_bias},
                                  {"extra", learner.extra}};
    for (const auto &one : further)
        if (one.second.defined())
            all.push_back(one);
    for (size_t i = 0; i < learner.optimizers.size(); i++)
        for (auto &one : learner.optimizers[i].state())
            all.emplace_back((i ? std::to_string(i) + '.' : "") + one.first, std::move(one.second));
    return all;
}

std::string describe(const NamedTensors &tensors)
{
    std::string text = "facematch learner 1\n";
    for (const auto &one : tensors) {
        text += one.first + ' ' + c10::toString(one.second.scalar_type());
        for (int64_t size : one.second.sizes())
            text += ' ' + std::to_string(size);
        text += '\n';
    }
    return text + '\n';
}

void hash(const void *bytes, size_t size, unsigned char out[HASH])
{
    crypto_generichash(out, HASH, static_cast<const unsigned char *>(bytes), size, nullptr, 0);
}

void write_state(const fmi_learner &learner, Bytes &bytes)
{
    NamedTensors tensors = everything(learner);
    std::string text = describe(tensors);
    size_t total = text.size() + HASH;
    unsigned char digest[HASH];
    for (const auto &one : tensors)
        total += one.second.nbytes();
    bytes.reserve(total);
    bytes.append(text.data(), text.size());
    for (const auto &one : tensors) {
        at::Tensor host = one.second.detach().to(at::kCPU).contiguous();
        bytes.append(host.data_ptr(), host.nbytes());
    }
    hash(bytes.data(), bytes.size(), digest);
    bytes.append(digest, HASH);
}

void check_state(const NamedTensors &tensors, const std::string &text, const unsigned char *bytes,
                 size_t size)
{
    size_t total = text.size() + HASH;
    unsigned char digest[HASH];
    for (const auto &one : tensors)
        total += one.second.nbytes();
    if (size < text.size() || std::memcmp(bytes, text.data(), text.size()) != 0)
        throw Failure(FM_E_CORRUPT, "the state is that of another network or other options");
    if (size == total)
        hash(bytes, size - HASH, digest);
    if (size != total || std::memcmp(digest, bytes + size - HASH, HASH) != 0)
        throw Failure(FM_E_CORRUPT, "the state is damaged");
}

void read_state(fmi_learner &learner, const unsigned char *bytes, size_t size)
{
    NamedTensors tensors = everything(learner);
    std::string text = describe(tensors);
    check_state(tensors, text, bytes, size);
    bytes += text.size();
    for (auto &one : tensors) {
        // Not in place: where it lies, it need not be aligned.
        at::Tensor host = at::empty(one.second.sizes(), one.second.scalar_type());
        std::memcpy(host.data_ptr(), bytes, host.nbytes());
        one.second.copy_(host);
        bytes += host.nbytes();
    }
    forget_pass(learner);
}

// ---- archive

// As others save a network that can be trained.
Module make_saved(const fmi_learner &learner)
{
    Module saved = learner.module.deepcopy();
    saved.to(at::kCPU);
    saved.eval();
    for (const at::Tensor &weight : saved.parameters())
        if (weight.is_floating_point())
            weight.set_requires_grad(true);
    return saved;
}

// Of libtorch's own records those are left out that say where on which machine the code was
// written, and the one that the writer makes anew.
bool is_kept(const std::string &name)
{
    static const std::string debug = ".debug_pkl";
    bool is_debug = name.size() >= debug.size() &&
                    name.compare(name.size() - debug.size(), debug.size(), debug) == 0;
    return !is_debug && name != FMI_MANIFEST_RECORD && name != ".data/serialization_id";
}

void write_archive(const fmi_learner &learner, const char *manifest, size_t length, Bytes &bytes)
{
    Bytes first;
    torch::jit::ExportModule(make_saved(learner), first.writer());
    PyTorchStreamReader reader(std::make_shared<MemoryReader>(first.data(), first.size()));
    std::vector<std::string> names = reader.getAllRecords();
    names.push_back(FMI_MANIFEST_RECORD);
    std::sort(names.begin(), names.end());
    bytes.reserve(first.size() + length + 4096);
    PyTorchStreamWriter writer(bytes.writer());
    writer.setMinVersion(reader.version());
    for (const std::string &name : names) {
        if (name == FMI_MANIFEST_RECORD) {
            writer.writeRecord(name, manifest, length);
        } else if (is_kept(name)) {
            auto record = reader.getRecord(name);
            writer.writeRecord(name, std::get<0>(record).get(), std::get<1>(record));
        }
    }
    writer.writeEndOfFile();
}

} // namespace

fm_status learner_state(const fmi_learner *learner, void **out, size_t *size,
                        fm_error *err) noexcept
{
    return guarded(err, Mode::prepare, FM_E_BACKEND, [&] {
        Bytes bytes;
        write_state(*learner, bytes);
        bytes.release(out, size);
        return FM_OK;
    });
}

fm_status learner_restore(fmi_learner *learner, const void *bytes, size_t size,
                          fm_error *err) noexcept
{
    return guarded(err, Mode::prepare, FM_E_BACKEND, [&] {
        read_state(*learner, static_cast<const unsigned char *>(bytes), size);
        return FM_OK;
    });
}

fm_status learner_archive(const fmi_learner *learner, const char *manifest, size_t length,
                          void **out, size_t *size, fm_error *err) noexcept
{
    return guarded(err, Mode::prepare, FM_E_BACKEND, [&] {
        Bytes bytes;
        write_archive(*learner, manifest, length, bytes);
        bytes.release(out, size);
        return FM_OK;
    });
}

} // namespace fm
