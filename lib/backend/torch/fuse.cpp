#include "backend/torch/fuse.h"

#include "backend/torch/chain.h"
#include "backend/torch/nodes.h"

#include <torch/csrc/jit/runtime/custom_operator.h>
#include <torch/csrc/jit/runtime/operator.h>
#include <unordered_set>
#include <vector>

namespace fm
{
namespace
{

using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Stack;
using torch::jit::Symbol;
using torch::jit::Value;

const char OPERATION[] = "facematch::chain";

Symbol steps()
{
    return Symbol::attr("steps");
}

// ---- running

// Once for every node: the interpreter shares operations by their schema, but not this kind, which
// has none.
torch::jit::Operation make_operation(const Node *node)
{
    const size_t inputs = node->inputs().size();
    auto chain = std::make_shared<Chain>(node->g(steps()));
    return [chain, inputs](Stack &stack) {
        std::vector<at::Tensor> given;
        for (const c10::IValue &value : torch::jit::last(stack, inputs))
            given.push_back(value.toTensor());
        std::vector<at::Tensor> made = chain->run(given);
        torch::jit::drop(stack, inputs);
        for (at::Tensor &tensor : made)
            torch::jit::push(stack, std::move(tensor));
    };
}

void register_operation()
{
    static torch::jit::RegisterOperators registered({torch::jit::Operator(
        Symbol::fromQualString(OPERATION), make_operation, c10::AliasAnalysisKind::CONSERVATIVE)});
}

// ---- rewriting

using Run = std::vector<Node *>; // nodes that follow one another, but for constants

bool has_convolution(const Run &run)
{
    for (const Node *node : run)
        if (is(*node, "prim::mkldnn_convolution"))
            return true;
    return false;
}

std::vector<Run> find_runs(Graph &graph)
{
    std::vector<Run> runs(1);
    for (Node *node : graph.nodes()) {
        if (can_chain(*node))
            runs.back().push_back(node);
        else if (!is_constant(*node))
            runs.emplace_back();
    }
    return runs;
}

// A run as a graph of its own.
class Copy
{
  public:
    explicit Copy(const Run &run) : members_(run.begin(), run.end())
    {
        for (Node *node : run) {
            Node *made = graph->createClone(node, [&](Value *value) { return copy_of(value); });
            graph->insertNode(made);
            for (size_t i = 0; i < node->outputs().size(); i++)
                copies_[node->output(i)] = made->output(i);
        }
        for (Node *node : run)
            for (Value *value : node->outputs())
                if (is_seen(value)) {
                    graph->registerOutput(copies_[value]);
                    outputs.push_back(value);
                }
    }

    std::shared_ptr<Graph> graph = std::make_shared<Graph>();
    std::vector<Value *> inputs, outputs; // in the old graph

  private:
    Value *copy_of(Value *value)
    {
        auto found = copies_.find(value);
        if (found != copies_.end())
            return found->second;
        if (is_constant(*value->node()))
            return copies_[value] = copy_of_constant(value);
        inputs.push_back(value);
        return copies_[value] = graph->addInput()->setType(value->type());
    }

    Value *copy_of_constant(Value *value)
    {
        Node *made = graph->createClone(value->node(), [](Value *same) { return same; });
        return graph->insertNode(made)->output();
    }

    bool is_seen(const Value *value) const
    {
        for (const torch::jit::Use &use : value->uses())
            if (!members_.count(use.user))
                return true;
        return false;
    }

    std::unordered_set<const Node *> members_;
    std::unordered_map<const Value *, Value *> copies_;
};

void replace(Graph &graph, Run &run)
{
    Copy copy(run);
    torch::jit::WithInsertPoint here(run.back());
    Node *chain = graph.create(Symbol::fromQualString(OPERATION), copy.inputs, copy.outputs.size());
    chain->g_(steps(), copy.graph);
    graph.insertNode(chain);
    for (size_t i = 0; i < copy.outputs.size(); i++) {
        chain->output(i)->setType(copy.outputs[i]->type());
        copy.outputs[i]->replaceAllUsesWith(chain->output(i));
    }
    for (; !run.empty(); run.pop_back())
        run.back()->destroy();
}

} // namespace

void fuse(Graph &graph)
{
    register_operation();
    for (Run &run : find_runs(graph))
        if (has_convolution(run))
            replace(graph, run);
}

} // namespace fm
