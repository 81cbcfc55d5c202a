"""Networks and reference runs for test_learner.c.

    learner_nets.py make FOLDER            the networks, what goes in, and the runs in PyTorch
    learner_nets.py check FOLDER RUN       the archive that the same run left equals PyTorch's network
    learner_nets.py outputs ARCHIVE IN OUT torch.jit.load runs the archive
"""
import os
import sys

import numpy
import torch
from torch import Tensor, nn

N, SIDE, DIM, CLASSES, EXTRA, STEPS, SEED, RATE = 6, 16, 8, 5, 3, 20, 77, 0.01
WEIGHTS, HEAD, FOR_CLASSES, STEP = range(4)  # what is drawn: random.h
TOLERANCE = 1e-5

# loss terms and layers of each run; test_learner.c has the same table
RUNS = {
    "adam": {"fresh": True, "head": 10, "classes": CLASSES, "extra": EXTRA, "freeze": ["stem"],
             "make": lambda w: torch.optim.Adam(w, RATE, weight_decay=0.01)},
    "sgd": {"fresh": False, "head": 0, "classes": CLASSES, "extra": 0, "freeze": [],
            "make": lambda w: torch.optim.SGD(w, RATE, momentum=0.9, weight_decay=0.01)},
    "adagrad": {"fresh": True, "head": 4, "classes": 0, "extra": 0, "freeze": ["stem2", "fc.bias"],
                "make": lambda w: torch.optim.Adagrad(w, RATE, weight_decay=0.001)},
}


class Stem(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride=2)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)))


class Plain(nn.Module):
    """Names that begin alike, batch normalisation and dropout."""

    def __init__(self):
        super().__init__()
        self.stem = Stem(3, 6)
        self.stem2 = Stem(6, 12)
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(12, DIM)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.drop(self.stem2(self.stem(x)).mean([2, 3])))


class Net(Plain):
    def __init__(self):
        super().__init__()
        self.register_buffer("feature_max", torch.ones(DIM))

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc(self.drop(self.stem2(self.stem(x)).mean([2, 3])))
        return x if self.training else x / self.feature_max

    @torch.jit.export
    def initialize(self) -> None:
        with torch.no_grad():
            self.stem.conv.weight.normal_(0.0, 0.3)
            self.stem2.conv.weight.normal_(0.0, 0.2)
            self.fc.weight.uniform_(-0.5, 0.5)
            self.fc.bias.zero_()
            self.feature_max.fill_(2.0)


def seed_for(draw, step=0):
    """What random.h makes of the seed."""
    mask, x = (1 << 64) - 1, 0
    for part in (SEED, draw, step):
        x = (x + part + 0x9E3779B97F4A7C15) & mask
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        x ^= x >> 31
    return torch.manual_seed(x - (1 << 64) if x >> 63 else x)


def draw_head(rows):
    seed_for(HEAD)
    blocks = [torch.eye(DIM, dtype=torch.float64)]
    while len(blocks) * DIM < rows:
        blocks.append(torch.linalg.qr(torch.randn(DIM, DIM, dtype=torch.float64))[0])
    return nn.Parameter(torch.cat(blocks)[:rows].float())


class Run:
    """One run in PyTorch alone."""

    def __init__(self, folder, name):
        self.options, self.net = RUNS[name], Net()
        self.net.load_state_dict(torch.jit.load(f"{folder}/net.pt").state_dict())
        if self.options["fresh"]:
            seed_for(WEIGHTS)
            self.net.initialize()
        self.head = draw_head(self.options["head"]) if self.options["head"] else None
        self.further = [] if self.head is None else [self.head]
        width = self.options["head"] or DIM
        if self.options["classes"]:
            seed_for(FOR_CLASSES)
            self.classes = nn.Parameter(torch.empty(CLASSES, width).normal_(0, 0.01))
            self.bias = nn.Parameter(torch.zeros(CLASSES))
            self.further += [self.classes, self.bias]
        self.extra = nn.Parameter(torch.zeros(self.options["extra"]))
        if self.options["extra"]:
            self.further.append(self.extra)
        for weight_name, weight in self.net.named_parameters():
            weight.requires_grad_(not any(weight_name == f or weight_name.startswith(f + ".")
                                          for f in self.options["freeze"]))
        self.optimizer = self.options["make"](
            [w for w in self.net.parameters() if w.requires_grad] + self.further)

    def features(self, x, training):
        self.net.train(training)
        for name, child in self.net.named_modules():
            if name in self.options["freeze"]:
                child.eval()
        if self.head is not None:  # what it sees is divided in training, too
            self.net.training = False
        x = self.net(x)
        return x if self.head is None else x @ self.head.T

    def step(self, number, x, target):
        seed_for(STEP, number)
        features = self.features(x, True)
        logits = features @ self.classes.T + self.bias if self.options["classes"] else None
        loss = ((features - target) ** 2).sum() / 2
        if logits is not None:
            loss = loss + ((logits - 1) ** 2).sum() / 2
        if self.options["extra"]:
            loss = loss + ((self.extra - 1) ** 2).sum() / 2
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return features, logits


def make(folder):
    torch.manual_seed(1)
    net = Net()
    net.stem.norm.running_mean.uniform_(-1, 1)
    torch.jit.script(net.eval()).save(f"{folder}/net.pt")
    torch.jit.script(Plain().eval()).save(f"{folder}/plain.pt")
    batches = torch.randn(STEPS, N, 3, SIDE, SIDE)
    batches.numpy().tofile(f"{folder}/batches.bin")
    for name in RUNS:
        run = Run(folder, name)
        for step in range(STEPS):
            features, logits = run.step(step, batches[step], 0.25)
        with torch.no_grad():
            outputs = [features, logits, run.extra, run.features(batches[0], False)]
        numpy.concatenate([t.detach().numpy().ravel() for t in outputs if t is not None]).tofile(
            f"{folder}/{name}.bin")
        state = run.net.state_dict()
        torch.save(state if run.head is None else
                   {"head": run.head, **{"base." + k: v for k, v in state.items()}},
                   f"{folder}/{name}.state")


def check(folder, name):
    want = torch.load(f"{folder}/{name}.state")
    module = torch.jit.load(f"{folder}/{name}.pt")
    got = module.state_dict()
    assert sorted(got) == sorted(want), (sorted(got), sorted(want))
    for key, value in want.items():
        worst = (got[key].double() - value.double()).abs().max().item()
        assert worst <= TOLERANCE, (name, key, worst)
    assert not module.training
    assert all(weight.requires_grad for weight in module.parameters())


def outputs(archive, given, result):
    module = torch.jit.load(archive)
    x = torch.from_numpy(numpy.fromfile(given, numpy.float32).reshape(-1, 3, SIDE, SIDE))
    with torch.no_grad():
        module(x).numpy().tofile(result)
    module.train()
    module(x).sum().backward()  # can be trained again
    assert all(weight.grad is not None for weight in module.parameters())


if __name__ == "__main__":
    torch.set_num_threads(1)
    os.umask(0o077)
    {"make": make, "check": check, "outputs": outputs}[sys.argv[1]](*sys.argv[2:])
