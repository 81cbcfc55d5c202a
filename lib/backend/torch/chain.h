// A stretch of a network that oneDNN runs from end to end, without libtorch between its steps.
#ifndef FMI_TORCH_CHAIN_H
#define FMI_TORCH_CHAIN_H

#include "backend/torch/plan.h"

#include <ATen/core/ivalue.h>
#include <c10/core/Allocator.h>
#include <torch/csrc/jit/ir/ir.h>
#include <unordered_map>
#include <utility>

namespace fm
{

// Memory for what is computed on the way, kept for the next run: the system clears what it is given
// back, which takes a fifth of a batch's time. As many as run at once, none of them large. What is
// in it comes of faces: it is wiped before it goes.
class Spaces
{
  public:
    class Space
    {
      public:
        explicit Space(size_t size);
        ~Space();
        Space(Space &&other) noexcept
            : size_(std::exchange(other.size_, 0)), bytes_(std::move(other.bytes_))
        {
        }
        Space &operator=(Space &&) = delete;
        size_t size() const
        {
            return size_;
        }
        void *bytes() const
        {
            return bytes_.get();
        }

      private:
        size_t size_; // 0 once it was moved from: a DataPtr still tells where its bytes were
        c10::DataPtr bytes_;
    };
    Space take(size_t size);
    void give_back(Space space);

  private:
    std::mutex mutex_; // over idle_
    std::vector<Space> idle_;
};

class Chain
{
  public:
    // Of nodes that can be chained, and constants.
    explicit Chain(std::shared_ptr<torch::jit::Graph> graph);
    // As the graph would.
    std::vector<at::Tensor> run(const std::vector<at::Tensor> &inputs);

  private:
    using Node = torch::jit::Node;
    using Value = torch::jit::Value;
    using Forms = std::vector<dnnl::memory::desc>;
    using Ids = std::unordered_map<const Value *, Plan::Id>;
    struct Step {
        const Node *node;           // a convolution, a pool, prelu, relu or an addition
        const Value *x, *other, *y; // other: what is added, or none
        bool relu;                  // behind a convolution
        std::shared_ptr<Constant> weights, bias;
        bool is_convolution() const;
    };
    struct Output {
        const Value *value;
        bool dense; // a tensor of libtorch's own kind
    };
    // For inputs of one size, in one form.
    struct Prepared {
        Prepared(int cores, Forms given, const dnnl::engine &engine)
            : threads(cores), inputs(std::move(given)), plan(engine)
        {
        }
        int threads;
        Forms inputs, outputs;
        Plan plan;
    };

    const Value *same(const Value *value) const;
    void read(const Node &node);
    void read_convolution(Step &step);
    void read_slope(Step &step);
    std::vector<Step>::iterator convolution_for(const Value *value);
    bool merge_sum(const Step &sum);
    bool merge_relu(const Step &relu);
    void merge();
    static Plan::Id plan_step(Plan &plan, const Step &step, Ids &ids);
    std::shared_ptr<const Prepared> prepare(const Forms &inputs);
    std::shared_ptr<const Prepared> prepared(const Forms &inputs);

    std::shared_ptr<torch::jit::Graph> graph_;
    std::vector<Step> steps_;
    std::vector<Output> outputs_;
    std::unordered_map<const Value *, const Value *> same_; // tensors that have two names
    std::unordered_map<const Value *, size_t> uses_;        // by steps and as outputs
    dnnl::engine engine_;
    Spaces spaces_;
    std::mutex mutex_; // over constants and prepared_
    std::vector<std::shared_ptr<const Prepared>> prepared_;
};

} // namespace fm

#endif
