// Chance in training: all of it follows from the learner's seed, and none of it reaches the
// application.
#ifndef FMI_TORCH_RANDOM_H
#define FMI_TORCH_RANDOM_H

extern "C" {
#include "core/log.h"
}

#include <ATen/ATen.h>
#include <exception>
#include <mutex>
#include <vector>

namespace fm
{

// What is drawn; each draws numbers of its own from a seed.
enum class Draw : uint64_t { weights, head, classes, step };

// splitmix64 (Steele et al. 2014), once for each of the three.
inline uint64_t mix_seed(uint64_t seed, Draw draw, uint64_t step)
{
    const uint64_t parts[] = {seed, static_cast<uint64_t>(draw), step};
    uint64_t x = 0;
    for (uint64_t part : parts) {
        x += part + 0x9E3779B97F4A7C15u;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
        x ^= x >> 31;
    }
    return x;
}

// Networks draw from libtorch's default generators, which belong to the process. While this lives
// they go on from our seed, and afterwards from where they were. Learners take turns. A thread of
// the application that draws from them at the same time cannot be kept apart.
class Chance
{
  public:
    Chance(at::Device device, uint64_t seed) : turn_(turn())
    {
        take(at::kCPU, seed);
        if (device.type() != at::kCPU)
            take(device, seed);
    }
    ~Chance()
    {
        for (Saved &saved : saved_)
            give_back(saved);
    }
    Chance(const Chance &) = delete;
    Chance &operator=(const Chance &) = delete;

  private:
    struct Saved {
        at::Generator generator;
        at::Tensor state;
    };

    static std::mutex &turn()
    {
        static std::mutex mutex;
        return mutex;
    }

    static void give_back(Saved &saved) noexcept
    {
        try {
            std::lock_guard<std::mutex> lock(saved.generator.mutex());
            saved.generator.set_state(saved.state);
        } catch (const std::exception &e) { // a device that failed
            fmi_log(FM_LOG_ERROR, "torch", "%s", e.what());
        }
    }

    void take(at::Device device, uint64_t seed)
    {
        at::Generator generator = at::globalContext().defaultGenerator(device);
        std::lock_guard<std::mutex> lock(generator.mutex());
        saved_.push_back({generator, generator.get_state()});
        generator.set_current_seed(seed);
    }

    std::lock_guard<std::mutex> turn_;
    std::vector<Saved> saved_;
};

} // namespace fm

#endif
