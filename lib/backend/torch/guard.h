// The edge between C and libtorch: nothing thrown passes it, and no mode of the thread stays
// changed.
#ifndef FMI_TORCH_GUARD_H
#define FMI_TORCH_GUARD_H

extern "C" {
#include "core/error.h"
#include "core/log.h"
}

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <c10/util/Exception.h>
#include <cstring>
#include <ios>
#include <new>
#include <omp.h>
#include <stdexcept>
#include <system_error>
#include <torch/csrc/jit/frontend/error_report.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/version.h>

namespace fm
{

// A failure of our own, on its way to the guard.
class Failure
{
  public:
    Failure(fm_status status, const char *text) noexcept : status_(status)
    {
        std::snprintf(text_, sizeof text_, "%s", text);
    }
    fm_status status() const noexcept
    {
        return status_;
    }
    const char *text() const noexcept
    {
        return text_;
    }

  private:
    fm_status status_;
    char text_[FM_ERROR_MESSAGE_MAX] = {};
};

// Sends libtorch's warnings to the log instead of stderr.
class LogWarnings final : public c10::WarningHandler
{
  public:
#if TORCH_VERSION_MAJOR >= 2
    using Guard = c10::WarningUtils::WarningHandlerGuard;
    void process(const c10::Warning &warning) override
    {
        fmi_log(FM_LOG_WARNING, "torch", "%s", warning.msg().c_str());
    }
#else
    using Guard = c10::Warning::WarningHandlerGuard;
    void process(const c10::SourceLocation &, const std::string &text, const bool) override
    {
        fmi_log(FM_LOG_WARNING, "torch", "%s", text.c_str());
    }
#endif
};

// How many cores libtorch may use, for the length of a call. OpenMP's own setting is tried first:
// it belongs to the thread, while libtorch's call also empties oneDNN's caches, half a millisecond
// each time. It reaches libtorch where both use one OpenMP library, which is asked rather than
// assumed.
class Threads
{
  public:
    explicit Threads(int wanted) : before_(at::get_num_threads())
    {
        set(wanted);
    }
    ~Threads()
    {
        set(before_);
    }
    Threads(const Threads &) = delete;
    Threads &operator=(const Threads &) = delete;

  private:
    static void set(int count)
    {
        if (count == at::get_num_threads())
            return;
        omp_set_num_threads(count);
        if (count != at::get_num_threads())
            at::set_num_threads(count);
    }

    int before_;
};

// What a call does: makes or prepares networks, runs one, or trains one.
enum class Mode { prepare, run, train };

// The thread's modes as our work needs them, whatever the application set; put back at the end.
class Modes
{
  public:
    // Weights are made as ordinary tensors, so that they serve in any thread; networks run in
    // inference mode, and in training with gradients.
    explicit Modes(Mode mode)
        : warnings_(&handler_), inference_(mode == Mode::run), gradient_(mode == Mode::train),
          no_autocast_(c10::autocast_dispatch_keyset), optimiser_(mode == Mode::prepare)
    {
    }

  private:
    LogWarnings handler_;
    LogWarnings::Guard warnings_;
    c10::InferenceMode inference_;
    c10::AutoGradMode gradient_;
    c10::impl::ExcludeDispatchKeyGuard no_autocast_;
    // Preparing needs the optimiser: without it freezing would not inline. The others do without:
    // the executor would watch shapes and compile the network anew for each. The process-wide
    // switches for this are the application's.
    torch::jit::GraphOptimizerEnabledGuard optimiser_;
};

// libtorch has no exception of its own for it on the CPU, and the interpreter rethrows all as text.
inline bool is_out_of_memory(const char *text) noexcept
{
    return std::strstr(text, "DefaultCPUAllocator") || std::strstr(text, "std::bad_alloc");
}

// One line that says what is wrong: of an interpreter's report that is behind the trace.
inline fm_status fail_with_text(fm_error *err, fm_status status, const char *text) noexcept
{
    static const char mark[] = "Error: ";
    fmi_log(FM_LOG_DEBUG, "torch", "%s", text);
    if (is_out_of_memory(text))
        return fmi_fail_memory(err);
    for (const char *next = text; (next = std::strstr(next, mark)); text = next)
        next += sizeof mark - 1;
    while (*text == '\n' || *text == ' ')
        text++;
    return fmi_fail(err, status, "libtorch: %.*s", static_cast<int>(std::strcspn(text, "\n")),
                    text);
}

// Runs `work`, which answers a status, and translates what it throws. `fault` is the status for
// what libtorch itself reports: as c10::Error, or as std::runtime_error where its interpreter
// passed it on.
template <typename Work>
fm_status guarded(fm_error *err, Mode mode, fm_status fault, Work &&work) noexcept
{
    try {
        Modes modes(mode);
        return work();
    } catch (const Failure &e) {
        return fmi_fail(err, e.status(), "%s", e.text());
    } catch (const std::bad_alloc &) {
        return fmi_fail_memory(err);
    } catch (const std::system_error &e) { // std::ios_base::failure, too
        return fmi_fail(err, FM_E_IO, "%s", e.what());
    } catch (const c10::OutOfMemoryError &) {
        return fmi_fail_memory(err);
    } catch (const c10::Error &e) {
        return fail_with_text(err, fault, e.what_without_backtrace());
    } catch (const std::runtime_error &e) {
        return fail_with_text(err, fault, e.what());
    } catch (const torch::jit::ErrorReport &e) {
        return fail_with_text(err, fault, e.what());
    } catch (const std::exception &e) {
        return fmi_fail(err, FM_E_INTERNAL, "%s", e.what());
    } catch (...) {
        return fmi_fail(err, FM_E_INTERNAL, "libtorch threw something that is no exception");
    }
}

} // namespace fm

#endif
