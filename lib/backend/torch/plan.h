// A sequence of oneDNN's primitives, prepared once for inputs of one size and run many times.
#ifndef FMI_TORCH_PLAN_H
#define FMI_TORCH_PLAN_H

#include <ideep.hpp>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace fm
{

// A constant of a network, in every form that a primitive wants it in. Not synchronised.
class Constant
{
  public:
    explicit Constant(ideep::tensor original) : forms_{std::move(original)}
    {
    }
    dnnl::memory::desc form() const
    {
        return forms_.front().get_desc();
    }
    const ideep::tensor &in(const dnnl::memory::desc &form);

  private:
    std::vector<ideep::tensor> forms_; // the original first
};

// What a convolution or a pool sees of its input at a time, and where.
struct Window {
    dnnl::memory::dims size, stride, before, after; // before and after: rows and columns of padding
};

class Plan
{
  public:
    using Id = size_t; // of a tensor
    static constexpr Id NONE = SIZE_MAX;

    explicit Plan(const dnnl::engine &engine) : engine_(engine)
    {
    }

    Id input(const dnnl::memory::desc &form);
    // Of the right size, weights have their groups as a dimension of their own.
    Id convolution(Id x, const Window &window, Constant &weights, Constant *bias, Id sum,
                   bool relu);
    Id pool(Id x, const Window &window, dnnl::algorithm algorithm);
    Id add(Id a, Id b);
    Id relu(Id x);
    Id prelu(Id x, Constant &slope);
    // Is to be an output, in the form it has or without blocks: its id as such.
    Id output(Id x, bool plain);
    void finish();

    const dnnl::memory::desc &form(Id x) const
    {
        return tensors_[x].form;
    }
    // Any number of threads at once. Addresses in the order of input() and output(). 64 bytes align
    // the work space, which is the caller's for the call. Embeddings are not left in it.
    void run(const std::vector<void *> &inputs, const std::vector<void *> &outputs,
             void *space) const;
    size_t space() const
    {
        return space_;
    }

  private:
    struct Tensor {
        dnnl::memory::desc form;
        enum { CONSTANT, INPUT, OUTPUT, SPACE } where;
        size_t at;           // which input or output, or where in the space
        ideep::tensor value; // of a constant
        size_t last_use;     // the step
    };
    struct Step {
        dnnl::primitive primitive;
        std::vector<std::pair<int, Id>> arguments;
        Id result;
        Id begin;      // what the result holds before the step, or NONE
        bool in_place; // `begin` is what the step reads: only a chance to save room
    };
    // What oneDNN wants anew in every thread.
    struct Call {
        std::vector<dnnl::memory> tensors;
        std::vector<std::vector<dnnl_exec_arg_t>> arguments; // of every step
        const void *space = nullptr;                         // where the tensors are
    };
    class Space;

    Id constant(Constant &constant, const dnnl::memory::desc &form);
    Id working(const dnnl::memory::desc &form);
    Id as(Id x, const dnnl::memory::desc &form);
    Id step(const dnnl::primitive_desc_base &description, dnnl::primitive primitive,
            std::vector<std::pair<int, Id>> arguments, Id begin = NONE, bool in_place = false);
    static dnnl::memory::dims size_behind(const dnnl::memory::dims &in, int64_t channels,
                                          const Window &window);
    void note_last_uses();
    void note_behind_outputs();
    bool takes_over(const Step &step, size_t number) const;
    void place(const Step &step, size_t number, Space &space);
    std::unique_ptr<Call> make_call() const;
    std::unique_ptr<Call> take_call() const;

    dnnl::engine engine_;
    std::vector<Tensor> tensors_;
    std::vector<Step> steps_;
    std::vector<Id> behind_outputs_; // in the space: what they were made of, or are in another form
    size_t inputs_ = 0, outputs_ = 0, space_ = 0;
    mutable std::mutex mutex_; // over idle_
    mutable std::vector<std::unique_ptr<Call>> idle_;
};

} // namespace fm

#endif
