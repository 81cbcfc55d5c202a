/* The library for C++17: handles that free themselves, spans in, containers out. Header only.
 *
 *     #include <facematch/facematch.hpp>
 *
 *     auto embedder = facematch::model::load("models/default.pt").value();
 *     auto detector = facematch::model::load("models/mtcnn.pt").value();
 *     auto session = facematch::session::create(embedder, detector).value();
 *     auto a = facematch::image::load("a.jpg").value();
 *     auto b = facematch::image::load("b.jpg").value();
 *     bool same = session.verify(a, b).value().match;
 *
 * Every call that can fail returns a facematch::result. Whoever likes exceptions calls value(), which
 * throws facematch::error; whoever does not asks the result first:
 *
 *     auto photo = facematch::image::load(path);
 *     if (!photo)
 *         std::cerr << photo.message() << "\n";
 *
 * Structs are those of the C headers, where every field is explained; make<T>() gives one with all
 * defaults. What a function does, and which threads may call it, is said at the C function it calls.
 * Containers may throw std::bad_alloc. A handle that was moved from, or default-made, is empty: calls
 * on it fail with FM_E_INVALID_ARGUMENT.
 *
 * Functions that cannot fail and own nothing have no wrapper: fm_version, fm_log_set, and those that
 * name a value, such as fm_status_name.
 */
#ifndef FACEMATCH_FACEMATCH_HPP
#define FACEMATCH_FACEMATCH_HPP

#if defined(__cplusplus) && __cplusplus < 201703L
#error "facematch.hpp needs C++17: compile with -std=c++17 or later, or use facematch.h"
#endif

#include "facematch.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace facematch {

/** A struct of the C interface with its struct_size set and everything else at its default. */
template <class T> T make() noexcept
{
    T made{};
    made.struct_size = sizeof made;
    return made;
}

/* ---- failure ---- */

/** What a call that failed has to say. */
struct failure {
    fm_status status = FM_E_INTERNAL; /**< what the call answered */
    std::string message;              /**< one line of text */
    fm_liveness_summary liveness{}; /**< of a decision that answers FM_E_NOT_LIVE: why; else zero */
};

/** Thrown by result::value(). */
class error : public std::exception {
public:
    /** Of a failure. */
    explicit error(failure what) : what_(std::make_shared<const failure>(std::move(what))) {}
    /** Of a call that answered status, with its line of text. */
    error(fm_status status, std::string message) : error(failure{status, std::move(message)}) {}

    /** What the call answered. */
    fm_status status() const noexcept { return what_->status; }
    /** The line of text. */
    const char *what() const noexcept override { return what_->message.c_str(); }
    /** failure::liveness */
    const fm_liveness_summary &liveness() const noexcept { return what_->liveness; }

private:
    std::shared_ptr<const failure> what_; // shared: copying an exception must not throw
};

namespace detail {

[[noreturn]] inline void raise(const failure &what)
{
#if defined(__cpp_exceptions)
    throw error(what);
#else
    (void)what;
    std::abort();
#endif
}

} // namespace detail

/** A value, or why there is none: as std::expected of C++23. */
template <class T> class [[nodiscard]] result {
public:
    /** Success. */
    result(T value) : value_(std::move(value)) {}
    /** Failure. */
    result(failure what) : failure_(std::move(what)) {}

    /** Did the call succeed? */
    bool has_value() const noexcept { return value_.has_value(); }
    /** As has_value(). */
    explicit operator bool() const noexcept { return has_value(); }

    /** FM_OK where there is a value. */
    fm_status status() const noexcept { return has_value() ? FM_OK : failure_.status; }
    /** One line of text; empty where there is a value. */
    const std::string &message() const noexcept { return failure_.message; }
    /** failure::liveness; zero where there is a value. */
    const fm_liveness_summary &liveness() const noexcept { return failure_.liveness; }

    /** The value; throws facematch::error where there is none (without exceptions: aborts). */
    T &value() &
    {
        check();
        return *value_;
    }
    /** The same. */
    const T &value() const &
    {
        check();
        return *value_;
    }
    /** The same. */
    T value() && // no reference: for (auto &face : session.detect(photo).value()) would outlive it
    {
        check();
        return std::move(*value_);
    }
    /** The value, or other where there is none. */
    template <class U> T value_or(U &&other) &&
    {
        return has_value() ? std::move(*value_) : static_cast<T>(std::forward<U>(other));
    }

    /** The value, where has_value() was asked before. */
    T &operator*() & noexcept { return *value_; }
    /** The same. */
    const T &operator*() const & noexcept { return *value_; }
    /** The same. */
    T operator*() && { return std::move(*value_); }
    /** A member of it. */
    T *operator->() noexcept { return &*value_; }
    /** A member of it. */
    const T *operator->() const noexcept { return &*value_; }

private:
    void check() const
    {
        if (!has_value())
            detail::raise(failure_);
    }
    std::optional<T> value_;
    failure failure_;
};

/** Of a call that gives nothing but success. */
template <> class [[nodiscard]] result<void> {
public:
    result() = default;
    /** Failure. */
    result(failure what) : failure_(std::move(what)), failed_(true) {}

    /** Did the call succeed? */
    bool has_value() const noexcept { return !failed_; }
    /** As has_value(). */
    explicit operator bool() const noexcept { return !failed_; }
    /** FM_OK where the call succeeded. */
    fm_status status() const noexcept { return failed_ ? failure_.status : FM_OK; }
    /** One line of text; empty where the call succeeded. */
    const std::string &message() const noexcept { return failure_.message; }
    /** Throws facematch::error where the call failed (without exceptions: aborts). */
    void value() const
    {
        if (failed_)
            detail::raise(failure_);
    }

private:
    failure failure_;
    bool failed_ = false;
};

/* ---- arrays ---- */

/** Elements that lie one after the other and belong to somebody else: std::span of C++20. Made from
 * anything with data() and size(), from an array, or from a pointer and a count. */
template <class T> class span {
public:
    constexpr span() noexcept = default;
    /** Of a pointer and a count. */
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    /** Of an array. */
    template <std::size_t N> constexpr span(T (&array)[N]) noexcept : data_(array), size_(N) {}
    /** Of a container. */
    template <class C, class E = std::remove_pointer_t<decltype(std::declval<C &>().data())>,
              class = std::enable_if_t<
                  std::is_convertible_v<E (*)[], T (*)[]> && // of this type, not of one derived
                  std::is_convertible_v<decltype(std::declval<C &>().size()), std::size_t>>>
    constexpr span(C &&container) noexcept : data_(container.data()), size_(container.size())
    {
    }

    /** The first element. */
    constexpr T *data() const noexcept { return data_; }
    /** How many elements there are. */
    constexpr std::size_t size() const noexcept { return size_; }
    /** Are there none? */
    constexpr bool empty() const noexcept { return size_ == 0; }
    /** The first element. */
    constexpr T *begin() const noexcept { return data_; }
    /** Behind the last element. */
    constexpr T *end() const noexcept { return data_ + size_; }
    /** Element i, which must be there. */
    constexpr T &operator[](std::size_t i) const noexcept { return data_[i]; }

private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};

namespace detail {

/* Memory that is wiped before it is given back: embeddings are biometric data. */
template <class T> struct wiping_allocator {
    using value_type = T;
    wiping_allocator() noexcept = default;
    template <class U> wiping_allocator(const wiping_allocator<U> &) noexcept {}
    T *allocate(std::size_t n) { return std::allocator<T>().allocate(n); }
    void deallocate(T *memory, std::size_t n) noexcept
    {
        volatile unsigned char *bytes = reinterpret_cast<volatile unsigned char *>(memory);
        for (std::size_t i = 0; i < n * sizeof(T); i++)
            bytes[i] = 0;
        std::allocator<T>().deallocate(memory, n);
    }
    template <class U> bool operator==(const wiping_allocator<U> &) const noexcept { return true; }
    template <class U> bool operator!=(const wiping_allocator<U> &) const noexcept { return false; }
};

} // namespace detail

/** Floats of one embedding, or of several in rows; wiped when they go. */
using floats = std::vector<float, detail::wiping_allocator<float>>;

/* ---- calling ---- */

namespace detail {

/* What the answer to a decision tells about liveness; of other answers nothing. */
template <class T>
auto liveness_of(const T &out, int) noexcept -> decltype(fm_liveness_summary(out.liveness))
{
    return out.liveness;
}
template <class T>
auto liveness_of(const T &out, int) noexcept -> decltype(fm_liveness_summary(out.details.liveness))
{
    return out.details.liveness;
}
template <class T> fm_liveness_summary liveness_of(const T &, long) noexcept
{
    return {};
}

/* `start` as f(start, err) leaves it, or what f says of its failure. */
template <class T, class F> result<T> answer(T start, F &&f)
{
    fm_error err = make<fm_error>();
    const fm_status status = f(start, &err);
    if (status == FM_E_NOT_LIVE)
        return failure{status, err.message, liveness_of(start, 0)};
    if (status != FM_OK)
        return failure{status, err.message};
    return result<T>(std::move(start));
}

template <class F> result<void> done(F &&f)
{
    fm_error err = make<fm_error>();
    const fm_status status = f(&err);
    if (status != FM_OK)
        return failure{status, err.message};
    return {};
}

/* Text that a function writes into a buffer: f(out, out_len, needed, err). */
template <class F> result<std::string> text_of(F &&f)
{
    return answer(std::string(), [&](std::string &out, fm_error *err) {
        std::size_t needed = 0;
        fm_status status = f(nullptr, std::size_t(0), &needed, err);
        while (status == FM_E_BUFFER_TOO_SMALL) { // it may grow in between
            out.resize(needed);
            status = f(&out[0], out.size(), &needed, err);
        }
        if (status == FM_OK)
            out.resize(needed - 1);
        return status;
    });
}

/* A handle of class H, made by f. */
template <class H, class F> result<H> created(F &&f)
{
    return answer(H(), [&](H &handle, fm_error *err) {
        typename H::pointer made = nullptr;
        const fm_status status = f(&made, err);
        if (status == FM_OK)
            handle = H(made);
        return status;
    });
}

/* Text for C. One with a NUL inside would be cut: it becomes NULL, which every function refuses. */
inline const char *text(const std::string &text) noexcept
{
    return text.find('\0') == std::string::npos ? text.c_str() : nullptr;
}

inline fm_status refuse(fm_error *err, const char *why)
{
    std::size_t i = 0;
    for (; why[i] && i + 1 < sizeof err->message; i++)
        err->message[i] = why[i];
    err->message[i] = '\0';
    return err->status = FM_E_INVALID_ARGUMENT;
}

} // namespace detail

/** Owns a handle of the C interface. Moves, does not copy. */
template <class T, void (*Free)(T *)> class handle {
public:
    /** The handle of C. */
    using pointer = T *;

    handle() noexcept = default;
    /** Takes over a handle of C. */
    explicit handle(T *owned) noexcept : owned_(owned) {}
    /** The handle of C, for a function without a method. */
    T *get() const noexcept { return owned_.get(); }
    /** Gives the handle to the caller, who frees it. */
    T *release() noexcept { return owned_.release(); }
    /** Is there a handle? */
    explicit operator bool() const noexcept { return owned_ != nullptr; }

private:
    struct deleter {
        void operator()(T *owned) const noexcept { Free(owned); }
    };
    std::unique_ptr<T, deleter> owned_;
};

/** fm_build_info_get: its strings live as long as the program. */
inline result<fm_build_info> build_info()
{
    return detail::answer(make<fm_build_info>(), [](fm_build_info &out, fm_error *err) {
        return fm_build_info_get(&out, err);
    });
}

/* ---- photographs ---- */

/** Pixels of a photograph. */
class image : public handle<fm_image, fm_image_free> {
public:
    using handle::handle;

    /** fm_image_load_file */
    static result<image> load(const std::string &path,
                              const fm_image_options &options = make<fm_image_options>())
    {
        return detail::created<image>([&](fm_image **out, fm_error *err) {
            return fm_image_load_file(out, detail::text(path), &options, err);
        });
    }
    /** fm_image_load_memory: the bytes of a JPEG, PNG... */
    static result<image> decode(span<const std::uint8_t> bytes,
                                const fm_image_options &options = make<fm_image_options>())
    {
        return detail::created<image>([&](fm_image **out, fm_error *err) {
            return fm_image_load_memory(out, bytes.data(), bytes.size(), &options, err);
        });
    }
    /** fm_image_from_pixels: borrows them; they must outlive the image. */
    static result<image> borrow(span<const std::uint8_t> pixels, std::int32_t width_px,
                                std::int32_t height_px, fm_pixel_format format = FM_PIXEL_RGB8,
                                std::size_t stride_bytes = 0)
    {
        return detail::created<image>([&](fm_image **out, fm_error *err) {
            return fm_image_from_pixels(out, pixels.data(), pixels.size(), width_px, height_px,
                                        stride_bytes, format, err);
        });
    }

    /** fm_image_describe */
    result<fm_image_info> info() const
    {
        return detail::answer(make<fm_image_info>(), [&](fm_image_info &out, fm_error *err) {
            return fm_image_describe(get(), &out, err);
        });
    }
    /** fm_image_copy_rgb */
    result<std::vector<std::uint8_t>> rgb() const
    {
        return detail::answer(std::vector<std::uint8_t>(),
                              [&](std::vector<std::uint8_t> &out, fm_error *err) {
            std::size_t needed = 0;
            fm_status status = fm_image_copy_rgb(get(), nullptr, 0, &needed, err);
            if (status != FM_E_BUFFER_TOO_SMALL)
                return status;
            out.resize(needed);
            return fm_image_copy_rgb(get(), out.data(), out.size(), nullptr, err);
        });
    }
    /** fm_image_save_file */
    result<void> save(const std::string &path) const
    {
        return detail::done([&](fm_error *err) {
            return fm_image_save_file(get(), detail::text(path), err);
        });
    }
    /** fm_image_draw_faces: a copy with boxes and points in it. */
    result<image> draw(span<const fm_face> faces) const
    {
        return detail::created<image>([&](fm_image **out, fm_error *err) {
            return fm_image_draw_faces(out, get(), faces.data(), faces.size(), err);
        });
    }
};

namespace detail {

inline std::vector<const fm_image *> pointers(span<const image> images)
{
    std::vector<const fm_image *> all;
    all.reserve(images.size());
    for (const image &one : images)
        all.push_back(one.get());
    return all;
}

} // namespace detail

/* ---- models ---- */

/** A loaded network; shared by any number of threads. */
class model : public handle<fm_model, fm_model_free> {
public:
    using handle::handle;

    /** fm_model_load */
    static result<model> load(const std::string &path,
                              const fm_model_options &options = make<fm_model_options>())
    {
        return detail::created<model>([&](fm_model **out, fm_error *err) {
            return fm_model_load(out, detail::text(path), &options, err);
        });
    }
    /** fm_model_load_memory */
    static result<model> load_memory(span<const std::uint8_t> bytes,
                                     const fm_model_options &options = make<fm_model_options>())
    {
        return detail::created<model>([&](fm_model **out, fm_error *err) {
            return fm_model_load_memory(out, bytes.data(), bytes.size(), &options, err);
        });
    }

    /** fm_model_describe: its strings live as long as the model. */
    result<fm_model_info> info() const
    {
        return detail::answer(make<fm_model_info>(), [&](fm_model_info &out, fm_error *err) {
            return fm_model_describe(get(), &out, err);
        });
    }
    /** fm_model_threshold */
    result<float> threshold(double fmr) const
    {
        return detail::answer(0.0F, [&](float &out, fm_error *err) {
            return fm_model_threshold(get(), fmr, &out, err);
        });
    }
    /** fm_model_fmr */
    result<double> fmr(float score) const
    {
        return detail::answer(0.0, [&](double &out, fm_error *err) {
            return fm_model_fmr(get(), score, &out, err);
        });
    }
    /** fm_compare: the score of two embeddings. */
    result<float> compare(span<const float> a, span<const float> b) const
    {
        return detail::answer(0.0F, [&](float &out, fm_error *err) {
            return a.size() == b.size() ? fm_compare(get(), a.data(), b.data(), a.size(), &out, err)
                                        : detail::refuse(err, "a and b differ in length");
        });
    }
    /** fm_verify_embeddings: are two embeddings of one person? */
    result<fm_verification> verify(span<const float> a, span<const float> b,
                                   const fm_verify_options &options = make<fm_verify_options>()) const
    {
        return detail::answer(make<fm_verification>(), [&](fm_verification &out, fm_error *err) {
            return a.size() == b.size()
                       ? fm_verify_embeddings(get(), a.data(), b.data(), a.size(), &options, &out, err)
                       : detail::refuse(err, "a and b differ in length");
        });
    }
};

/* ---- faces ---- */

/** The embedding of one face of a photograph. */
struct embedded {
    floats vector;              /**< float32[dim] */
    fm_face face{};             /**< the one that was embedded */
    std::size_t face_count = 0; /**< faces that were found; 1 where the face was given */
};

/** The embeddings of several photographs. */
struct embedded_batch {
    floats rows; /**< float32[n][dim]; zeros where there is no face */
    std::vector<fm_status> statuses; /**< FM_OK, or FM_E_NOT_FOUND: no face */
    std::size_t dim = 0;             /**< floats of a row */

    /** Photographs. */
    std::size_t size() const noexcept { return statuses.size(); }
    /** The embedding of photograph i. */
    span<const float> row(std::size_t i) const noexcept { return {rows.data() + i * dim, dim}; }
};

/** What was found in several frames, looked at one by one. */
struct live_batch {
    std::vector<fm_liveness_result> results; /**< with a status of FM_OK: what was found */
    std::vector<fm_status> statuses;         /**< FM_OK, or FM_E_NOT_FOUND: no face */

    /** Photographs. */
    std::size_t size() const noexcept { return statuses.size(); }
};

/** One thread at a time; make one for each thread, on the same models. */
class session : public handle<fm_session, fm_session_free> {
public:
    using handle::handle;

    /** fm_session_create; options.detector is the one given. */
    static result<session> create(const model &embedder, const model &detector,
                                  fm_session_options options = make<fm_session_options>())
    {
        options.detector = detector.get();
        return make_session(embedder.get(), options);
    }
    /** One that can check liveness, too. An empty model (model()) is left out. */
    static result<session> create(const model &embedder, const model &detector,
                                  const model &liveness,
                                  fm_session_options options = make<fm_session_options>())
    {
        options.liveness = liveness.get();
        return create(embedder, detector, options);
    }
    /** Without a detector, unless the options have one: for crops made elsewhere. */
    static result<session> embedding_only(const model &embedder,
                                          const fm_session_options &options =
                                              make<fm_session_options>())
    {
        return make_session(embedder.get(), options);
    }
    /** Without an embedder. */
    static result<session> detecting_only(const model &detector,
                                          fm_session_options options = make<fm_session_options>())
    {
        options.detector = detector.get();
        return make_session(nullptr, options);
    }

    /** Floats of an embedding; 0 without an embedder. */
    std::size_t dim() const noexcept { return dim_; }

    /** fm_detect: all faces; the one that is meant comes first. */
    result<std::vector<fm_face>> detect(const image &photo)
    {
        return detail::answer(std::vector<fm_face>(256), [&](std::vector<fm_face> &out,
                                                            fm_error *err) {
            std::size_t count = 0;
            fm_status status = fm_detect(get(), photo.get(), out.data(), out.size(), &count, err);
            if (status == FM_OK && count > out.size()) {
                out.resize(count);
                status = fm_detect(get(), photo.get(), out.data(), out.size(), &count, err);
            }
            out.resize(count);
            return status;
        });
    }
    /** fm_align: the crop that the embedder sees. */
    result<image> align(const image &photo, const fm_face *face = nullptr)
    {
        return detail::created<image>([&](fm_image **out, fm_error *err) {
            return fm_align(get(), photo.get(), face, out, err);
        });
    }
    /** fm_quality */
    result<fm_face_quality> quality(const image &photo, const fm_face *face = nullptr)
    {
        return detail::answer(fm_face_quality{}, [&](fm_face_quality &out, fm_error *err) {
            return fm_quality(get(), photo.get(), face, &out, err);
        });
    }
    /** fm_gate_check. A refusal is an answer here: report.reason tells it. */
    result<fm_gate_report> check(const image &photo,
                                 const fm_gate_options &options = make<fm_gate_options>())
    {
        return detail::answer(make<fm_gate_report>(), [&](fm_gate_report &out, fm_error *err) {
            const fm_status status = fm_gate_check(get(), photo.get(), &options, &out, err);
            return out.reason != FM_REFUSAL_NONE ? FM_OK : status;
        });
    }
    /** fm_embed */
    result<embedded> embed(const image &photo, const fm_face *face = nullptr)
    {
        embedded start;
        start.vector.resize(dim_);
        return detail::answer(std::move(start), [&](embedded &out, fm_error *err) {
            return fm_embed(get(), photo.get(), face, out.vector.data(), out.vector.size(),
                            &out.face, &out.face_count, err);
        });
    }
    /** fm_embed_batch: up to FM_LIMIT_BATCH photographs. */
    result<embedded_batch> embed_batch(span<const image> photos)
    {
        embedded_batch start;
        start.dim = dim_;
        start.rows.resize(photos.size() * dim_);
        start.statuses.resize(photos.size());
        const std::vector<const fm_image *> all = detail::pointers(photos);
        return detail::answer(std::move(start), [&](embedded_batch &out, fm_error *err) {
            return fm_embed_batch(get(), all.data(), all.size(), out.rows.data(), out.rows.size(),
                                  out.statuses.data(), err);
        });
    }
    /** fm_embed_aligned: float32[n][dim] of up to FM_LIMIT_BATCH crops. */
    result<floats> embed_aligned(span<const image> crops)
    {
        const std::vector<const fm_image *> all = detail::pointers(crops);
        return detail::answer(floats(all.size() * dim_), [&](floats &out, fm_error *err) {
            return fm_embed_aligned(get(), all.data(), all.size(), out.data(), out.size(), err);
        });
    }
    /** fm_verify: are two photographs of one person? */
    result<fm_verification> verify(const image &a, const image &b,
                                   const fm_verify_options &options = make<fm_verify_options>())
    {
        return detail::answer(make<fm_verification>(), [&](fm_verification &out, fm_error *err) {
            return fm_verify(get(), a.get(), b.get(), &options, &out, err);
        });
    }

    /** fm_liveness: is this face live? The photograph is the whole frame, as the camera gave it. */
    result<fm_liveness_result> liveness(const image &frame, const fm_face *face = nullptr,
                                        const fm_liveness_options &options =
                                            make<fm_liveness_options>())
    {
        return detail::answer(make<fm_liveness_result>(), [&](fm_liveness_result &out,
                                                              fm_error *err) {
            return fm_liveness(get(), frame.get(), face, &options, &out, err);
        });
    }
    /** fm_liveness_batch: up to FM_LIMIT_BATCH frames; faces, one for each, may be left out. */
    result<live_batch> liveness_batch(span<const image> frames, span<const fm_face> faces = {},
                                          const fm_liveness_options &options =
                                              make<fm_liveness_options>())
    {
        const std::vector<const fm_image *> all = detail::pointers(frames);
        return detail::answer(live_batch(), [&](live_batch &out, fm_error *err) {
            if (!faces.empty() && faces.size() != all.size())
                return detail::refuse(err, "frames and faces differ in number");
            out.results.resize(all.size(), make<fm_liveness_result>());
            out.statuses.resize(all.size());
            return fm_liveness_batch(get(), all.data(), all.size(),
                                     faces.empty() ? nullptr : faces.data(), &options,
                                     out.results.data(), sizeof(fm_liveness_result),
                                     out.statuses.data(), err);
        });
    }

private:
    static result<session> make_session(const fm_model *embedder, const fm_session_options &options)
    {
        return detail::answer(session(), [&](session &out, fm_error *err) {
            fm_model_info info = make<fm_model_info>();
            fm_session *made = nullptr;
            fm_status status = embedder ? fm_model_describe(embedder, &info, err) : FM_OK;
            if (status == FM_OK)
                status = fm_session_create(&made, embedder, &options, err);
            out = session(made);
            out.dim_ = static_cast<std::size_t>(info.dim);
            return status;
        });
    }
    std::size_t dim_ = 0;
};

/* ---- liveness ---- */

/** The frames of one person before one camera; one thread at a time. */
class liveness_sequence : public handle<fm_liveness_sequence, fm_liveness_sequence_free> {
public:
    using handle::handle;

    /** fm_liveness_sequence_create */
    static result<liveness_sequence> create(const session &with,
                                            const fm_liveness_sequence_options &options =
                                                make<fm_liveness_sequence_options>())
    {
        return detail::created<liveness_sequence>([&](fm_liveness_sequence **out, fm_error *err) {
            return fm_liveness_sequence_create(out, with.get(), &options, err);
        });
    }
    /** fm_liveness_sequence_add: what this frame says alone, or why it does not count. */
    result<fm_liveness_result> add(session &with, const image &frame, const fm_face *face = nullptr)
    {
        return detail::answer(make<fm_liveness_result>(), [&](fm_liveness_result &out,
                                                              fm_error *err) {
            return fm_liveness_sequence_add(get(), with.get(), frame.get(), face, &out, err);
        });
    }
    /** fm_liveness_sequence_result: what the frames so far say together. */
    result<fm_liveness_fusion> so_far() const
    {
        return detail::answer(make<fm_liveness_fusion>(), [&](fm_liveness_fusion &out,
                                                              fm_error *err) {
            return fm_liveness_sequence_result(get(), &out, err);
        });
    }
};

/* ---- galleries ---- */

/** A key of FM_GALLERY_KEY_SIZE bytes; borrows them. */
inline fm_gallery_key key_of_bytes(span<const std::uint8_t> bytes) noexcept
{
    fm_gallery_key key = make<fm_gallery_key>();
    key.bytes = bytes.data();
    key.size = bytes.size();
    return key;
}

/** A key made of a passphrase; borrows it. */
inline fm_gallery_key key_of_passphrase(const std::string &passphrase) noexcept
{
    fm_gallery_key key = make<fm_gallery_key>();
    key.passphrase = detail::text(passphrase);
    return key;
}

/** Who is in a photograph; empty: nobody of the gallery. */
struct identification {
    std::vector<fm_match> matches; /**< best first */
    fm_identification details = make<fm_identification>(); /**< what the answer rests on */
};

/** Answers to several queries. */
struct search_results {
    std::vector<std::vector<fm_match>> matches; /**< of each query, best first */
    fm_identification details = make<fm_identification>(); /**< what the answer rests on */
};

/** How many there are. */
struct gallery_counts {
    std::size_t identities = 0, /**< people */
        templates = 0;          /**< of all of them */
};

/** Any number of threads may use a gallery at once. */
class gallery : public handle<fm_gallery, fm_gallery_close> {
public:
    using handle::handle;

    /** fm_gallery_open */
    static result<gallery> open(const std::string &uri, const model &embedder,
                                const fm_gallery_options &options = make<fm_gallery_options>())
    {
        return detail::created<gallery>([&](fm_gallery **out, fm_error *err) {
            return fm_gallery_open(out, detail::text(uri), embedder.get(), &options, err);
        });
    }
    /** Without a model: an existing gallery, to manage it. */
    static result<gallery> manage(const std::string &uri,
                                  const fm_gallery_options &options = make<fm_gallery_options>())
    {
        return open(uri, model(), options);
    }

    /** fm_gallery_describe */
    result<fm_gallery_info> info() const
    {
        return detail::answer(make<fm_gallery_info>(), [&](fm_gallery_info &out, fm_error *err) {
            return fm_gallery_describe(get(), &out, err);
        });
    }
    /** fm_gallery_count */
    result<gallery_counts> count() const
    {
        return detail::answer(gallery_counts(), [&](gallery_counts &out, fm_error *err) {
            return fm_gallery_count(get(), &out.identities, &out.templates, err);
        });
    }

    /** fm_gallery_enroll; options.report may point to where the gate's reason goes. */
    result<fm_enrollment> enroll(session &with, const std::string &id, const image &photo,
                                 const fm_enroll_options &options = make<fm_enroll_options>())
    {
        return detail::answer(make<fm_enrollment>(), [&](fm_enrollment &out, fm_error *err) {
            return fm_gallery_enroll(get(), with.get(), detail::text(id), photo.get(), &options, &out,
                                     err);
        });
    }
    /** fm_gallery_add */
    result<fm_enrollment> add(const std::string &id, span<const float> embedding,
                              const fm_enroll_options &options = make<fm_enroll_options>())
    {
        return detail::answer(make<fm_enrollment>(), [&](fm_enrollment &out, fm_error *err) {
            return fm_gallery_add(get(), detail::text(id), embedding.data(), embedding.size(),
                                  &options, &out, err);
        });
    }
    /** fm_gallery_remove: how many templates went. */
    result<std::size_t> remove(const std::string &id)
    {
        return detail::answer(std::size_t(0), [&](std::size_t &out, fm_error *err) {
            return fm_gallery_remove(get(), detail::text(id), &out, err);
        });
    }
    /** fm_gallery_remove_template */
    result<void> remove_template(const std::string &id, std::int64_t template_id)
    {
        return detail::done([&](fm_error *err) {
            return fm_gallery_remove_template(get(), detail::text(id), template_id, err);
        });
    }

    /** fm_gallery_get */
    result<fm_identity> find(const std::string &id) const
    {
        return detail::answer(fm_identity{}, [&](fm_identity &out, fm_error *err) {
            return fm_gallery_get(get(), detail::text(id), &out, err);
        });
    }
    /** fm_gallery_get_metadata: the text of a JSON object. */
    result<std::string> metadata(const std::string &id) const
    {
        return detail::text_of([&](char *out, std::size_t size, std::size_t *needed, fm_error *err) {
            return fm_gallery_get_metadata(get(), detail::text(id), out, size, needed, err);
        });
    }
    /** fm_gallery_get_templates */
    result<std::vector<fm_template>> templates(const std::string &id) const
    {
        return detail::answer(std::vector<fm_template>(FM_LIMIT_TEMPLATES),
                              [&](std::vector<fm_template> &out, fm_error *err) {
            std::size_t count = 0;
            const fm_status status = fm_gallery_get_templates(get(), detail::text(id), out.data(),
                                                              out.size(), &count, err);
            if (status == FM_OK)
                out.resize(count);
            return status;
        });
    }
    /** fm_gallery_get_embedding */
    result<floats> embedding(const std::string &id, std::int64_t template_id) const
    {
        return detail::answer(floats(), [&](floats &out, fm_error *err) {
            fm_gallery_info what = make<fm_gallery_info>();
            const fm_status status = fm_gallery_describe(get(), &what, err);
            if (status != FM_OK)
                return status;
            out.resize(static_cast<std::size_t>(what.dim));
            return fm_gallery_get_embedding(get(), detail::text(id), template_id, out.data(),
                                            out.size(), err);
        });
    }
    /** fm_gallery_list: the identities behind after_id; fewer than most: the end. */
    result<std::vector<fm_identity>> list(const std::string &after_id = {},
                                          std::size_t most = 256) const
    {
        return detail::answer(std::vector<fm_identity>(most),
                              [&](std::vector<fm_identity> &out, fm_error *err) {
            std::size_t count = 0;
            const fm_status status = fm_gallery_list(get(), detail::text(after_id), out.data(),
                                                     out.size(), &count, err);
            if (status == FM_OK)
                out.resize(count);
            return status;
        });
    }
    /** Calls f(const fm_identity &) for everybody, in the order of ids. */
    template <class F> result<void> for_each(F &&f) const
    {
        std::string after;
        for (;;) {
            result<std::vector<fm_identity>> page = list(after);
            if (!page)
                return failure{page.status(), page.message()};
            if (page->empty())
                return {};
            for (const fm_identity &one : *page)
                f(one);
            after = page->back().id;
        }
    }

    /** fm_identify: who is in this photograph, or nobody? */
    result<identification> identify(session &with, const image &photo, std::size_t most = 5,
                                    const fm_identify_options &options =
                                        make<fm_identify_options>()) const
    {
        return detail::answer(identification(), [&](identification &out, fm_error *err) {
            std::size_t count = 0;
            out.matches.resize(most);
            const fm_status status =
                fm_identify(get(), with.get(), photo.get(), &options, out.matches.data(), most,
                            &count, &out.details, err);
            if (status == FM_OK)
                out.matches.resize(count);
            return status;
        });
    }
    /** fm_gallery_search: queries are float32[n][dim]. */
    result<search_results> search(span<const float> queries, std::size_t dim, std::size_t most = 5,
                                  const fm_identify_options &options =
                                      make<fm_identify_options>()) const
    {
        return detail::answer(search_results(), [&](search_results &out, fm_error *err) {
            if (dim == 0 || queries.size() % dim != 0)
                return detail::refuse(err, "queries is no multiple of dim");
            const std::size_t n = queries.size() / dim;
            if (n > FM_LIMIT_BATCH || most > FM_LIMIT_MATCHES)
                return detail::refuse(err, "more queries or matches than FM_LIMIT_BATCH, _MATCHES");
            std::vector<fm_match> all(n * most);
            std::vector<std::size_t> counts(n);
            const fm_status status =
                fm_gallery_search(get(), queries.data(), n, dim, &options, all.data(), most,
                                  counts.data(), &out.details, err);
            for (std::size_t i = 0; status == FM_OK && i < n; i++) {
                const fm_match *first = all.data() + i * most;
                out.matches.emplace_back(first, first + counts[i]);
            }
            return status;
        });
    }
    /** fm_verify_identity: is this the person with this id? */
    result<fm_verification> verify(session &with, const std::string &id, const image &photo,
                                   const fm_verify_options &options = make<fm_verify_options>()) const
    {
        return detail::answer(make<fm_verification>(), [&](fm_verification &out, fm_error *err) {
            return fm_verify_identity(get(), with.get(), detail::text(id), photo.get(), &options,
                                      &out, err);
        });
    }
    /** fm_gallery_recall */
    result<double> recall(std::size_t samples, std::size_t most = 5) const
    {
        return detail::answer(0.0, [&](double &out, fm_error *err) {
            return fm_gallery_recall(get(), samples, most, &out, err);
        });
    }

    /** fm_gallery_export */
    result<fm_transfer> export_to(const std::string &path, const fm_transfer_options &options =
                                                               make<fm_transfer_options>()) const
    {
        return detail::answer(make<fm_transfer>(), [&](fm_transfer &out, fm_error *err) {
            return fm_gallery_export(get(), detail::text(path), &options, &out, err);
        });
    }
    /** fm_gallery_import */
    result<fm_transfer> import_from(const std::string &path, const fm_transfer_options &options =
                                                                 make<fm_transfer_options>())
    {
        return detail::answer(make<fm_transfer>(), [&](fm_transfer &out, fm_error *err) {
            return fm_gallery_import(get(), detail::text(path), &options, &out, err);
        });
    }
    /** fm_gallery_shard: servers are URIs of PostgreSQL. */
    result<fm_transfer> shard(span<const std::string> servers, const fm_transfer_options &options =
                                                                   make<fm_transfer_options>())
    {
        std::vector<const char *> uris;
        for (const std::string &server : servers)
            uris.push_back(detail::text(server));
        return detail::answer(make<fm_transfer>(), [&](fm_transfer &out, fm_error *err) {
            return fm_gallery_shard(get(), uris.data(), uris.size(), &options, &out, err);
        });
    }
    /** fm_gallery_rekey */
    result<void> rekey(const fm_gallery_key &key)
    {
        return detail::done([&](fm_error *err) { return fm_gallery_rekey(get(), &key, err); });
    }
    /** fm_gallery_compact */
    result<void> compact()
    {
        return detail::done([&](fm_error *err) { return fm_gallery_compact(get(), err); });
    }
};

/* ---- evaluation ---- */

/** What evaluate_pairs() tells. */
struct pairs_evaluation {
    fm_pairs_report report = make<fm_pairs_report>(); /**< the figures */
    std::vector<double> tars; /**< of each far; NaN where it cannot be told */
};

/** fm_evaluate_pairs; folds may be empty: one fold. */
inline result<pairs_evaluation> evaluate_pairs(span<const float> scores,
                                               span<const std::uint8_t> genuine,
                                               span<const std::int32_t> folds = {},
                                               span<const double> fars = {})
{
    return detail::answer(pairs_evaluation(), [&](pairs_evaluation &out, fm_error *err) {
        if (genuine.size() != scores.size() || (!folds.empty() && folds.size() != scores.size()))
            return detail::refuse(err, "scores, genuine and folds differ in length");
        out.tars.resize(fars.size());
        return fm_evaluate_pairs(scores.data(), genuine.data(), folds.empty() ? nullptr : folds.data(),
                                 scores.size(), fars.empty() ? nullptr : fars.data(), fars.size(),
                                 fars.empty() ? nullptr : out.tars.data(), &out.report, err);
    });
}

/** What evaluation::histogram() tells. */
struct score_histogram {
    std::vector<std::int64_t> genuine, /**< scores of genuine comparisons, in each part */
        impostor;                      /**< scores of impostor comparisons, in each part */
};

/** Any number of comparisons; one thread at a time. */
class evaluation : public handle<fm_evaluation, fm_evaluation_free> {
public:
    using handle::handle;

    /** fm_evaluation_new */
    static result<evaluation> create(const fm_evaluation_options &options =
                                         make<fm_evaluation_options>())
    {
        return detail::created<evaluation>([&](fm_evaluation **out, fm_error *err) {
            return fm_evaluation_new(out, &options, err);
        });
    }
    /** fm_evaluation_add; first and second, the people, may both be empty: not known. */
    result<void> add(span<const float> scores, span<const std::uint8_t> genuine,
                     span<const std::int32_t> first = {}, span<const std::int32_t> second = {})
    {
        return detail::done([&](fm_error *err) {
            if (genuine.size() != scores.size() || first.size() != second.size() ||
                (!first.empty() && first.size() != scores.size()))
                return detail::refuse(err, "scores, genuine, first and second differ in length");
            return fm_evaluation_add(get(), scores.data(), genuine.data(),
                                     first.empty() ? nullptr : first.data(),
                                     second.empty() ? nullptr : second.data(), scores.size(), err);
        });
    }
    /** fm_evaluation_describe */
    result<fm_evaluation_report> report()
    {
        return detail::answer(make<fm_evaluation_report>(),
                              [&](fm_evaluation_report &out, fm_error *err) {
            return fm_evaluation_describe(get(), &out, err);
        });
    }
    /** fm_evaluation_at_threshold */
    result<fm_operating_point> at_threshold(float threshold)
    {
        return detail::answer(make<fm_operating_point>(), [&](fm_operating_point &out, fm_error *err) {
            return fm_evaluation_at_threshold(get(), threshold, &out, err);
        });
    }
    /** fm_evaluation_at_fmr */
    result<fm_operating_point> at_fmr(double fmr)
    {
        return detail::answer(make<fm_operating_point>(), [&](fm_operating_point &out, fm_error *err) {
            return fm_evaluation_at_fmr(get(), fmr, &out, err);
        });
    }
    /** fm_evaluation_curve */
    result<std::vector<fm_det_point>> curve(std::size_t most = 512)
    {
        return detail::answer(std::vector<fm_det_point>(most),
                              [&](std::vector<fm_det_point> &out, fm_error *err) {
            std::size_t count = 0;
            const fm_status status =
                fm_evaluation_curve(get(), out.data(), out.size(), &count, err);
            if (status == FM_OK)
                out.resize(count);
            return status;
        });
    }
    /** fm_evaluation_histogram */
    result<score_histogram> histogram(float low, float high, std::size_t bins)
    {
        return detail::answer(score_histogram(), [&](score_histogram &out, fm_error *err) {
            if (bins > 65536)
                return detail::refuse(err, "more than 65536 bins");
            out.genuine.resize(bins);
            out.impostor.resize(bins);
            return fm_evaluation_histogram(get(), low, high, bins, out.genuine.data(),
                                           out.impostor.data(), err);
        });
    }
    /** fm_calibrate: the text of a JSON object. */
    result<std::string> calibrate(const fm_calibration_options &options =
                                      make<fm_calibration_options>())
    {
        return detail::text_of([&](char *out, std::size_t size, std::size_t *needed, fm_error *err) {
            return fm_calibrate(get(), &options, out, size, needed, err);
        });
    }
};

/** fm_liveness_calibrate: the text of a JSON object. Kinds: 0 for a live face, else of the attack. */
inline result<std::string> calibrate_liveness(span<const float> scores,
                                              span<const std::int32_t> kinds,
                                              const fm_calibration_options &options =
                                                  make<fm_calibration_options>())
{
    return detail::text_of([&](char *out, std::size_t size, std::size_t *needed, fm_error *err) {
        return kinds.size() == scores.size()
                   ? fm_liveness_calibrate(scores.data(), kinds.data(), scores.size(), &options, out,
                                           size, needed, err)
                   : detail::refuse(err, "scores and kinds differ in length");
    });
}

/** Scores of at least live are live, those below spoof are not. */
struct verdict_thresholds {
    float live = 0;  /**< never below spoof */
    float spoof = 0; /**< scores below are those of attacks */
};

/** fm_liveness_thresholds: those that the text of calibrate_liveness gives. */
inline result<verdict_thresholds> liveness_thresholds(const std::string &calibration,
                                                      const fm_liveness_options &options =
                                                          make<fm_liveness_options>())
{
    return detail::answer(verdict_thresholds(), [&](verdict_thresholds &out, fm_error *err) {
        return fm_liveness_thresholds(detail::text(calibration), &options, &out.live, &out.spoof,
                                      err);
    });
}

/* ---- training ---- */

namespace detail {

/* Lets C call f(step). What f throws must not pass through C: it ends the epoch, and is kept. */
template <class F> class step_listener {
public:
    explicit step_listener(F &f) noexcept : f_(f) {}
    static std::int32_t hear(void *user, const fm_training_step *step) noexcept
    {
        step_listener &self = *static_cast<step_listener *>(user);
#if defined(__cpp_exceptions)
        try {
            return self.stops(*step);
        } catch (...) {
            self.thrown_ = std::current_exception();
            return 1;
        }
#else
        return self.stops(*step);
#endif
    }
    void rethrow() const
    {
#if defined(__cpp_exceptions)
        if (thrown_)
            std::rethrow_exception(thrown_);
#endif
    }

private:
    bool stops(const fm_training_step &step)
    {
        if constexpr (std::is_void_v<std::invoke_result_t<F &, const fm_training_step &>>)
            return f_(step), false;
        else
            return static_cast<bool>(f_(step));
    }
    F &f_;
#if defined(__cpp_exceptions)
    std::exception_ptr thrown_;
#endif
};

} // namespace detail

/** A network being trained, and its photographs; one thread at a time. */
class trainer : public handle<fm_trainer, fm_trainer_free> {
public:
    using handle::handle;

    /** fm_trainer_create, without a detector, unless the options have one: for crops made elsewhere,
     * with options.aligned. options.on_finding must not throw. */
    static result<trainer> create(const model &from, const fm_trainer_options &options =
                                                         make<fm_trainer_options>())
    {
        return detail::created<trainer>([&](fm_trainer **out, fm_error *err) {
            return fm_trainer_create(out, from.get(), &options, err);
        });
    }
    /** fm_trainer_create; options.detector is the one given. */
    static result<trainer> create(const model &from, const model &detector,
                                  fm_trainer_options options = make<fm_trainer_options>())
    {
        options.detector = detector.get();
        return create(from, options);
    }

    /** fm_trainer_add_image; name is the photograph's, for findings. */
    result<void> add(const image &photo, const std::string &person, const std::string &name = {},
                     fm_role role = FM_ROLE_TRAIN)
    {
        return detail::done([&](fm_error *err) {
            if (!detail::text(name)) // NULL would be a photograph without a name
                return detail::refuse(err, "name has a NUL inside");
            return fm_trainer_add_image(get(), photo.get(), detail::text(person), name.c_str(), role,
                                        err);
        });
    }
    /** fm_trainer_add_frame, of a liveness model: shows is FM_FRAME_LIVE, FM_FRAME_ATTACK or a class. */
    result<void> add_frame(const image &frame, fm_frame_class shows, const std::string &person,
                           const std::string &name = {}, fm_role role = FM_ROLE_TRAIN)
    {
        return detail::done([&](fm_error *err) {
            if (!detail::text(name))
                return detail::refuse(err, "name has a NUL inside");
            return fm_trainer_add_frame(get(), frame.get(), shows, detail::text(person), name.c_str(),
                                        role, err);
        });
    }
    /** fm_trainer_check: how many photographs seem to be of another person; options.on_finding is told
     * of each, and options.on_check how far it is. */
    result<std::size_t> check()
    {
        return detail::answer(std::size_t(0), [&](std::size_t &out, fm_error *err) {
            return fm_trainer_check(get(), &out, err);
        });
    }
    /** fm_trainer_epoch: how the run stands after it. */
    result<fm_training_stats> epoch()
    {
        return run_epoch(nullptr, nullptr);
    }
    /** The same, calling f(const fm_training_step &) after each step: where it returns true the epoch
     * ends with FM_E_CANCELED. What it throws ends the epoch, too, and is thrown from here. */
    template <class F> result<fm_training_stats> epoch(F &&f)
    {
        using listener = detail::step_listener<std::remove_reference_t<F>>;
        listener hears(f);
        result<fm_training_stats> told = run_epoch(listener::hear, &hears);
        hears.rethrow();
        return told;
    }
    /** fm_trainer_stats */
    result<fm_training_stats> stats() const
    {
        return detail::answer(make<fm_training_stats>(), [&](fm_training_stats &out, fm_error *err) {
            return fm_trainer_stats(get(), &out, err);
        });
    }
    /** fm_trainer_checkpoint */
    result<void> checkpoint(const std::string &path) const
    {
        return detail::done([&](fm_error *err) {
            return fm_trainer_checkpoint(get(), detail::text(path), err);
        });
    }
    /** fm_trainer_resume */
    result<void> resume(const std::string &path)
    {
        return detail::done([&](fm_error *err) {
            return fm_trainer_resume(get(), detail::text(path), err);
        });
    }
    /** fm_trainer_save: the model file, of the best epoch. */
    result<void> save(const std::string &path, const fm_trainer_save_options &options =
                                                   make<fm_trainer_save_options>())
    {
        return detail::done([&](fm_error *err) {
            return fm_trainer_save(get(), detail::text(path), &options, err);
        });
    }

private:
    result<fm_training_stats> run_epoch(fm_training_fn f, void *user)
    {
        return detail::answer(make<fm_training_stats>(), [&](fm_training_stats &out, fm_error *err) {
            const fm_status status = fm_trainer_epoch(get(), f, user, err);
            return status == FM_OK ? fm_trainer_stats(get(), &out, err) : status;
        });
    }
};

} // namespace facematch

#endif
