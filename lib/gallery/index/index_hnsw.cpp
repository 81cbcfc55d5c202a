// The only file that knows hnswlib. Everything it hands to the core is one call of the guard.
//
// From hnswlib come the graph's memory, the search, and the choice of a vector's neighbours. Its
// own insertion draws from a shared generator without a lock, its growing frees memory that it goes
// on to use when there is no more, and its removal leaves the vector where it is, so these three
// are here. Its prefetching reads past the end of a list: it is switched off.
#define NO_MANUAL_VECTORIZATION // of its own distances
#include <hnswlib/hnswlib.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

extern "C" {
#include "core/error.h"
#include "core/memory.h"
}
#include "gallery/index/hnsw.h"

#include <algorithm>
#include <atomic>
#include <cfloat>
#include <climits>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>
#include <system_error>
#include <thread>

namespace fm
{
namespace
{

using hnswlib::linklistsizeint;
using hnswlib::tableint;

// Links of a vector (twice as many on the lowest level) and candidates when they are chosen.
// docs/search.md has what they reach.
constexpr size_t LINKS = 40, BUILD_CANDIDATES = 200;
constexpr size_t FIRST_ROOM = 1024, MOST = INT_MAX; // hnswlib counts in int

// ---- vectors in 8 bits

// In front of the numbers: vector = scale * code. A scale of NaN marks a slot without a vector.
struct CodeHead {
    float scale;
    float square; // |vector|^2
};

constexpr size_t STEP = 32; // codes are filled up with zeros to a multiple of it

// 65536 * 127^2 fits into the sum.
using DotFn = int32_t (*)(const int8_t *, const int8_t *, size_t);

int32_t dot_portable(const int8_t *a, const int8_t *b, size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) __m256i widened(const int8_t *codes)
{
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i *>(codes)));
}

__attribute__((target("avx2"))) int32_t dot_avx2(const int8_t *a, const int8_t *b, size_t n)
{
    __m256i sum = _mm256_setzero_si256(), more = sum;
    for (size_t i = 0; i < n; i += STEP) {
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(widened(a + i), widened(b + i)));
        more = _mm256_add_epi32(more, _mm256_madd_epi16(widened(a + i + 16), widened(b + i + 16)));
    }
    sum = _mm256_add_epi32(sum, more);
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    four = _mm_hadd_epi32(four, four);
    return _mm_cvtsi128_si32(_mm_hadd_epi32(four, four));
}

__attribute__((target("avx512bw"))) __m512i widened_more(const int8_t *codes)
{
    return _mm512_cvtepi8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i *>(codes)));
}

__attribute__((target("avx512bw"))) int32_t dot_avx512(const int8_t *a, const int8_t *b, size_t n)
{
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < n; i += STEP)
        sum = _mm512_add_epi32(sum, _mm512_madd_epi16(widened_more(a + i), widened_more(b + i)));
    alignas(64) int32_t lanes[16];
    _mm512_store_si512(lanes, sum);
    int32_t total = 0;
    for (int32_t lane : lanes)
        total += lane;
    return total;
}
#endif

DotFn choose_dot()
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw"))
        return dot_avx512;
    if (__builtin_cpu_supports("avx2"))
        return dot_avx2;
#endif
    return dot_portable;
}

// What hnswlib asks about the vectors: how large they are, and how far apart.
class Space final : public hnswlib::SpaceInterface<float>
{
  public:
    Space(size_t dim, fm_metric metric)
        : dim_(dim), filled_((dim + STEP - 1) / STEP * STEP), metric_(metric), dot_(choose_dot())
    {
    }
    size_t get_data_size() override
    {
        return size();
    }
    hnswlib::DISTFUNC<float> get_dist_func() override
    {
        return is_distance() ? distance : likeness;
    }
    void *get_dist_func_param() override
    {
        return this;
    }
    size_t size() const
    {
        return sizeof(CodeHead) + filled_;
    }
    void encode(const float *vector, char *code) const;

    static void kill(char *code, size_t size)
    {
        const CodeHead dead = {NAN, 0};
        fmi_wipe(code, size);
        std::memcpy(code, &dead, sizeof dead);
    }

  private:
    bool is_distance() const
    {
        return metric_ == FM_METRIC_EUCLIDEAN || metric_ == FM_METRIC_SQEUCLIDEAN;
    }
    static double product(const void *a, const void *b, const Space &space)
    {
        auto x = static_cast<const char *>(a), y = static_cast<const char *>(b);
        auto codes = [](const char *p) {
            return reinterpret_cast<const int8_t *>(p + sizeof(CodeHead));
        };
        return space.dot_(codes(x), codes(y), space.filled_);
    }
    // Farther than everything: slots without a vector, and what float32 cannot hold.
    static float finite(float value)
    {
        return value < FLT_MAX ? value : FLT_MAX;
    }
    static float likeness(const void *a, const void *b, const void *param)
    {
        const Space &space = *static_cast<const Space *>(param);
        CodeHead x, y;
        std::memcpy(&x, a, sizeof x);
        std::memcpy(&y, b, sizeof y);
        return finite(1 - x.scale * y.scale * float(product(a, b, space)));
    }
    static float distance(const void *a, const void *b, const void *param)
    {
        const Space &space = *static_cast<const Space *>(param);
        CodeHead x, y;
        std::memcpy(&x, a, sizeof x);
        std::memcpy(&y, b, sizeof y);
        return finite(x.square + y.square - 2 * x.scale * y.scale * float(product(a, b, space)));
    }

    size_t dim_, filled_;
    fm_metric metric_;
    DotFn dot_;
};

void Space::encode(const float *vector, char *code) const
{
    auto numbers = reinterpret_cast<int8_t *>(code + sizeof(CodeHead));
    CodeHead head = {0, 0};
    float most = 0;
    int64_t squares = 0;
    std::memset(code, 0, size());
    for (size_t i = 0; i < dim_; i++)
        most = std::max(most, std::fabs(vector[i]));
    if (most > 0) {
        for (size_t i = 0; i < dim_; i++) {
            numbers[i] = int8_t(std::lrint(double(vector[i]) / most * 127));
            squares += numbers[i] * numbers[i];
        }
        // For cosines only the direction counts: all have length 1, as they are kept.
        head.scale = metric_ == FM_METRIC_COSINE ? float(1 / std::sqrt(double(squares)))
                                                 : float(most / 127.0);
        head.square = float(double(head.scale) * head.scale * double(squares));
    }
    std::memcpy(code, &head, sizeof head);
}

// A vector that is looked for.
class Code
{
  public:
    Code(const Space &space, const float *vector) : size_(space.size()), bytes_(new char[size_])
    {
        space.encode(vector, bytes_.get());
    }
    Code(const Code &) = delete;
    ~Code()
    {
        fmi_wipe(bytes_.get(), size_);
    }
    const char *bytes() const
    {
        return bytes_.get();
    }
    size_t size() const
    {
        return size_;
    }

  private:
    size_t size_;
    std::unique_ptr<char[]> bytes_;
};

// ---- the graph

class Graph : private hnswlib::HierarchicalNSW<float>
{
  public:
    explicit Graph(Space &space)
        : HierarchicalNSW(&space, FIRST_ROOM, LINKS, BUILD_CANDIDATES), space_(space)
    {
        unused_.reserve(FIRST_ROOM);
        std::vector<std::mutex>().swap(link_list_update_locks_); // 2.5 MB for what is not used
    }
    ~Graph()
    {
        fmi_wipe(data_level0_memory_, used_bytes());
    }

    size_t count() const
    {
        return cur_element_count - num_deleted_;
    }
    void clear() noexcept;
    void reserve(size_t room);
    void add(fmi_hnsw_vector_fn vector, void *user, size_t n, int32_t threads, uint32_t *slots);
    void remove(tableint slot) noexcept;
    size_t search(const char *code, size_t candidates, uint32_t *slots) const;
    bool holds(const void *bytes, size_t size) const
    {
        return memmem(data_level0_memory_, used_bytes(), bytes, size) != nullptr;
    }

  private:
    using Lock = std::unique_lock<std::mutex>;
    using Found = std::pair<float, tableint>; // distance, slot
    // The farthest on top.
    using Near = std::priority_queue<Found, std::vector<Found>, CompareByFirst>;
    class Visited;
    static constexpr tableint NONE = tableint(-1);

    size_t used_bytes() const
    {
        return cur_element_count * size_data_per_element_;
    }
    std::vector<tableint> links(tableint slot, int level) const
    {
        const Lock lock(link_lock(slot));
        linklistsizeint *list = get_linklist_at_level(slot, level);
        return std::vector<tableint>(list + 1, list + 1 + getListCount(list));
    }
    Lock link_lock(tableint slot) const
    {
        return shared_ ? Lock(const_cast<std::mutex &>(link_list_locks_[slot])) : Lock();
    }
    float distance(const char *code, tableint slot) const
    {
        return fstdistfunc_(code, getDataByInternalId(slot), dist_func_param_);
    }

    void move_to(size_t room);
    tableint take_new(const float *vector);
    tableint take_used(const float *vector);
    void connect(tableint slot);
    void connect_all(const uint32_t *slots, size_t n, int32_t threads);
    tableint descend(const char *code, tableint from, int from_level, int to_level,
                     tableint except) const;
    Near look_around(const char *code, tableint from, int level, size_t width,
                     tableint except) const;
    size_t new_around(tableint slot, int level, Visited &visited, tableint *out) const;
    void bury(tableint slot) noexcept;
    void bridge(tableint slot, int level);
    void choose_entry() noexcept;

    Space &space_;
    bool shared_ = false;          // by several threads that add
    std::vector<tableint> unused_; // slots below cur_element_count; marked as deleted
};

// ---- its memory

void Graph::clear() noexcept
{
    for (tableint i = 0; i < cur_element_count; i++)
        if (element_levels_[i] > 0)
            std::free(linkLists_[i]);
    fmi_wipe(data_level0_memory_, used_bytes());
    cur_element_count = 0;
    num_deleted_ = 0;
    enterpoint_node_ = NONE;
    maxlevel_ = -1;
    unused_.clear();
}

void Graph::reserve(size_t room)
{
    if (room > MOST)
        throw std::length_error("more vectors than a graph holds");
    if (room > max_elements_)
        move_to(std::max(room, std::min(MOST, max_elements_ * 2)));
}

// Everything that can fail comes first. No copy of a vector stays behind.
void Graph::move_to(size_t room)
{
    size_t bytes, list_bytes;
    if (fmi_mul_overflows(room, size_data_per_element_, &bytes) ||
        fmi_mul_overflows(room, sizeof *linkLists_, &list_bytes))
        throw std::bad_alloc();
    std::unique_ptr<void, void (*)(void *)> memory(std::malloc(bytes), std::free);
    if (!memory) // the largest part, so asked for first
        throw std::bad_alloc();
    auto visited = std::make_unique<hnswlib::VisitedListPool>(1, int(room));
    std::vector<std::mutex> locks(room);
    unused_.reserve(room); // so that removing needs no memory
    element_levels_.resize(room);
    void *lists = std::realloc(linkLists_, list_bytes);
    if (!lists)
        throw std::bad_alloc();
    linkLists_ = static_cast<char **>(lists);
    std::memcpy(memory.get(), data_level0_memory_, used_bytes());
    fmi_wipe(data_level0_memory_, used_bytes());
    std::free(data_level0_memory_);
    data_level0_memory_ = static_cast<char *>(memory.release());
    delete visited_list_pool_;
    visited_list_pool_ = visited.release();
    link_list_locks_.swap(locks);
    max_elements_ = room;
}

// ---- adding

// A slot that no link leads to, with its vector and without links.
tableint Graph::take_new(const float *vector)
{
    const tableint slot = tableint(cur_element_count);
    const int level = getRandomLevel(mult_);
    char *lists = nullptr;
    if (level > 0) {
        lists = static_cast<char *>(std::calloc(size_t(level), size_links_per_element_));
        if (!lists)
            throw std::bad_alloc();
    }
    cur_element_count++;
    element_levels_[slot] = level;
    linkLists_[slot] = lists;
    std::memset(get_linklist0(slot), 0, size_data_per_element_);
    setExternalLabel(slot, slot);
    space_.encode(vector, getDataByInternalId(slot));
    return slot;
}

// A slot that had a vector before, connected. Others may have kept a link to it, so it keeps its
// level; and until it is connected it stays marked as deleted, so that it is not its own neighbour.
tableint Graph::take_used(const float *vector)
{
    const tableint slot = unused_.back();
    space_.encode(vector, getDataByInternalId(slot));
    try {
        connect(slot);
    } catch (...) {
        bury(slot);
        throw;
    }
    unmarkDeletedInternal(slot);
    unused_.pop_back();
    return slot;
}

void Graph::add(fmi_hnsw_vector_fn vector, void *user, size_t n, int32_t threads, uint32_t *slots)
{
    size_t done = 0, used = std::min(n, unused_.size());
    reserve(cur_element_count + (n - used));
    try {
        for (; done < used; done++)
            slots[done] = take_used(vector(user, done));
        for (; done < n; done++)
            slots[done] = take_new(vector(user, done));
        connect_all(slots + used, n - used, threads);
    } catch (...) {
        while (done > 0)
            remove(slots[--done]);
        throw;
    }
}

// Several new slots may be connected at once. Whoever finds one that is on its way, on the levels
// where it is done, waits at its lock until it is done on those below, too.
void Graph::connect(tableint slot)
{
    Lock top(global); // kept by a slot that becomes the entry
    const Lock own(link_lock(slot));
    const int highest = maxlevel_, level = element_levels_[slot];
    const tableint entry = enterpoint_node_;
    if (level <= highest)
        top.unlock();
    if (highest >= 0) {
        const char *code = getDataByInternalId(slot);
        tableint at = descend(code, entry, highest, level, slot);
        for (int l = std::min(level, highest); l >= 0; l--) {
            Near near = look_around(code, at, l, BUILD_CANDIDATES, slot);
            at = mutuallyConnectNewElement(code, slot, near, l, true);
        }
    }
    if (level > highest) {
        enterpoint_node_ = slot;
        maxlevel_ = level;
    }
}

void Graph::connect_all(const uint32_t *slots, size_t n, int32_t threads)
{
    constexpr size_t WORTH_A_THREAD = 64;
    std::atomic<size_t> next{0};
    std::mutex failure_lock;
    std::exception_ptr failure;
    auto work = [&]() noexcept {
        try {
            for (size_t i; (i = next++) < n;)
                connect(slots[i]);
        } catch (...) {
            Lock lock(failure_lock);
            failure = std::current_exception();
            next = n;
        }
    };
    const size_t helpers = std::min(size_t(threads) - 1, n / WORTH_A_THREAD);
    std::vector<std::thread> running;
    running.reserve(helpers);
    shared_ = helpers > 0;
    try {
        while (running.size() < helpers)
            running.emplace_back(work);
    } catch (const std::system_error &) { // fewer will do
    }
    work();
    for (std::thread &thread : running)
        thread.join();
    shared_ = false;
    if (failure)
        std::rethrow_exception(failure);
}

// ---- removing

void Graph::remove(tableint slot) noexcept
{
    if (count() == 1) {
        clear();
        return;
    }
    bury(slot);
    markDeletedInternal(slot);
    unused_.push_back(slot);
    if (slot == enterpoint_node_)
        choose_entry();
}

// Take a slot's vector and links. Links of others that still lead to it do no harm: it is farther
// than everything, and leads nowhere.
void Graph::bury(tableint slot) noexcept
{
    for (int level = 0; level <= element_levels_[slot]; level++) {
        try {
            bridge(slot, level);
        } catch (...) { // no memory: fewer ways through the graph, and nothing wrong
        }
        linklistsizeint *list = get_linklist_at_level(slot, level);
        setListCount(list, 0);
        fmi_wipe(list + 1, (level ? maxM_ : maxM0_) * sizeof(tableint));
    }
    Space::kill(getDataByInternalId(slot), data_size_);
}

// Those that are linked with a slot both ways choose anew, among their own neighbours and the
// slot's, so that what was reached through it still is.
void Graph::bridge(tableint slot, int level)
{
    const std::vector<tableint> around = links(slot, level);
    for (tableint other : around) {
        std::vector<tableint> choice = links(other, level);
        if (std::find(choice.begin(), choice.end(), slot) == choice.end())
            continue;
        choice.insert(choice.end(), around.begin(), around.end());
        std::sort(choice.begin(), choice.end());
        choice.erase(std::unique(choice.begin(), choice.end()), choice.end());
        Near near;
        for (tableint one : choice)
            if (one != slot && one != other && !isMarkedDeleted(one))
                near.emplace(distance(getDataByInternalId(other), one), one);
        getNeighborsByHeuristic2(near, level ? maxM_ : maxM0_);
        linklistsizeint *list = get_linklist_at_level(other, level);
        setListCount(list, static_cast<unsigned short>(near.size()));
        for (linklistsizeint *place = list + 1; !near.empty(); near.pop())
            *place++ = near.top().second;
    }
}

void Graph::choose_entry() noexcept
{
    maxlevel_ = -1;
    for (tableint slot = 0; slot < cur_element_count; slot++)
        if (element_levels_[slot] > maxlevel_ && !isMarkedDeleted(slot)) {
            enterpoint_node_ = slot;
            maxlevel_ = element_levels_[slot];
        }
}

// ---- searching

// Which slots a search has seen. hnswlib keeps the memory for it from search to search.
class Graph::Visited
{
  public:
    explicit Visited(hnswlib::VisitedListPool &pool) : pool_(pool), list_(pool.getFreeVisitedList())
    {
    }
    Visited(const Visited &) = delete;
    ~Visited()
    {
        pool_.releaseVisitedList(list_);
    }
    // true the first time
    bool mark(tableint slot)
    {
        const bool first = list_->mass[slot] != list_->curV;
        list_->mass[slot] = list_->curV;
        return first;
    }

  private:
    hnswlib::VisitedListPool &pool_;
    hnswlib::VisitedList *list_;
};

// From level to level, each time to what is nearest there.
tableint Graph::descend(const char *code, tableint from, int from_level, int to_level,
                        tableint except) const
{
    float best = distance(code, from);
    for (int level = from_level; level > to_level; level--)
        for (tableint before = NONE; before != from;) {
            before = from;
            for (tableint other : links(before, level)) {
                const float d = distance(code, other);
                if (d < best && other != except) {
                    best = d;
                    from = other;
                }
            }
        }
    return from;
}

// The slots that one is linked with and that have not been seen yet. Their codes are fetched
// meanwhile: most of the time of a search is waiting for memory.
size_t Graph::new_around(tableint slot, int level, Visited &visited, tableint *out) const
{
    constexpr size_t CACHE_LINE = 64, MOST_LINES = 8;
    const size_t bytes = std::min(data_size_, CACHE_LINE * MOST_LINES);
    const Lock lock(link_lock(slot));
    linklistsizeint *list = get_linklist_at_level(slot, level);
    size_t n = 0;
    for (size_t i = 1; i <= getListCount(list); i++) {
        if (!visited.mark(list[i]))
            continue;
        const char *code = getDataByInternalId(list[i]);
        for (size_t offset = 0; offset < bytes; offset += CACHE_LINE)
            __builtin_prefetch(code + offset);
        out[n++] = list[i];
    }
    return n;
}

// The `width` slots that are nearest, as far as following links from one to the next finds them.
Graph::Near Graph::look_around(const char *code, tableint from, int level, size_t width,
                               tableint except) const
{
    Visited visited(*visited_list_pool_);
    Near near;
    std::priority_queue<Found, std::vector<Found>, std::greater<Found>> ahead; // nearest on top
    tableint around[2 * LINKS];
    if (except != NONE)
        visited.mark(except);
    visited.mark(from);
    near.emplace(distance(code, from), from);
    ahead.push(near.top());
    while (!ahead.empty() && (near.size() < width || ahead.top().first <= near.top().first)) {
        const tableint slot = ahead.top().second;
        ahead.pop();
        const size_t n = new_around(slot, level, visited, around);
        for (size_t i = 0; i < n; i++) {
            const float d = distance(code, around[i]);
            if (d == FLT_MAX || (near.size() == width && d >= near.top().first))
                continue; // without a vector, or too far away
            ahead.emplace(d, around[i]);
            near.emplace(d, around[i]);
            if (near.size() > width)
                near.pop();
        }
    }
    return near;
}

size_t Graph::search(const char *code, size_t candidates, uint32_t *slots) const
{
    if (count() == 0 || candidates == 0)
        return 0;
    const tableint from = descend(code, enterpoint_node_, maxlevel_, 0, NONE);
    Near near = look_around(code, from, 0, candidates, NONE);
    const size_t n = near.size();
    for (size_t place = n; place-- > 0; near.pop())
        slots[place] = near.top().second;
    return n;
}

// ---- the edge

template <typename F> fm_status guarded(fm_error *err, F f) noexcept
{
    static const char no_memory[] = "Not enough memory"; // hnswlib's words
    try {
        f();
        return FM_OK;
    } catch (const std::bad_alloc &) {
        return fmi_fail_memory(err);
    } catch (const std::length_error &) {
        return fmi_fail(err, FM_E_LIMIT, "a graph holds at most %zu vectors", MOST);
    } catch (const std::exception &e) {
        if (!std::strncmp(e.what(), no_memory, sizeof no_memory - 1))
            return fmi_fail_memory(err);
        return fmi_fail(err, FM_E_INTERNAL, "hnswlib: %s", e.what());
    } catch (...) {
        return fmi_fail(err, FM_E_INTERNAL, "hnswlib: an unknown exception");
    }
}

} // namespace
} // namespace fm

struct fmi_hnsw {
    fm::Space space;
    fm::Graph graph;

    fmi_hnsw(size_t dim, fm_metric metric) : space(dim, metric), graph(space)
    {
    }
};

bool fmi_hnsw_serves(fm_metric metric)
{
    return metric == FM_METRIC_COSINE || metric == FM_METRIC_INNER_PRODUCT ||
           metric == FM_METRIC_EUCLIDEAN || metric == FM_METRIC_SQEUCLIDEAN;
}

fm_status fmi_hnsw_new(fmi_hnsw **out, size_t dim, fm_metric metric, fm_error *err)
{
    if (!fmi_hnsw_serves(metric))
        return fmi_fail(err, FM_E_UNSUPPORTED,
                        "approximate search has no graph for this model's metric");
    return fm::guarded(err, [=] { *out = new fmi_hnsw(dim, metric); });
}

void fmi_hnsw_free(fmi_hnsw *graph)
{
    delete graph;
}

void fmi_hnsw_clear(fmi_hnsw *graph)
{
    graph->graph.clear();
}

size_t fmi_hnsw_count(const fmi_hnsw *graph)
{
    return graph->graph.count();
}

fm_status fmi_hnsw_reserve(fmi_hnsw *graph, size_t count, fm_error *err)
{
    return fm::guarded(err, [=] { graph->graph.reserve(count); });
}

fm_status fmi_hnsw_add(fmi_hnsw *graph, fmi_hnsw_vector_fn vector, void *user, size_t n,
                       int32_t threads, uint32_t *slots, fm_error *err)
{
    return fm::guarded(err, [=] { graph->graph.add(vector, user, n, threads, slots); });
}

void fmi_hnsw_remove(fmi_hnsw *graph, uint32_t slot)
{
    graph->graph.remove(slot);
}

fm_status fmi_hnsw_search(const fmi_hnsw *graph, const float *query, size_t candidates,
                          uint32_t *slots, size_t *count, fm_error *err)
{
    return fm::guarded(err, [=] {
        const fm::Code code(graph->space, query);
        *count = graph->graph.search(code.bytes(), candidates, slots);
    });
}

bool fmi_hnsw_holds(const fmi_hnsw *graph, const float *vector)
{
    const fm::Code code(graph->space, vector);
    return graph->graph.holds(code.bytes() + sizeof(fm::CodeHead),
                              code.size() - sizeof(fm::CodeHead));
}
