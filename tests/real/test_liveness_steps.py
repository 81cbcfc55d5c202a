"""Are the training steps of a liveness net of two parts those of PyTorch?

    /usr/bin/python3 tests/real/test_liveness_steps.py

Two small nets in one model, with batch normalisation, dropout and crops of their own, and minifasnet,
are trained by the library (liveness_steps.c) on few frames of data/liveness: all layers, and with one
part, some layers or all but the last ones frozen. The same is done here, with PyTorch's own layers,
loss and optimisers, on the crops that the library cut, in the order in which it drew them. The loss of
every step, loss and equal error rate of the people left out after every epoch, and the weights that
are saved must be the same within TOLERANCE, weights also within SHARE of the way that they went; what is
frozen must not have changed at all.

FACEMATCH_STEPS is tests/real's liveness_steps, FACEMATCH_MODELS the folder of models, FACEMATCH_DATA
that of data. Exit status 77 without one of these.
"""
import csv
import json
import os
import re
import subprocess
import sys
import tempfile

SKIPPED = 77
TOLERANCE = 1e-5  # of losses and weights
SHARE = 1e-4      # of the way that weights went, all together
TRAIN, VALIDATION = 1, 2  # fm_role
LIVE, ATTACK = -1, -2     # fm_frame_class
PEOPLE, LEFT_OUT, FRAMES = 5, 2, 2  # frames: live ones and attacks of each person
EPOCHS, SEED, STEP = 4, 77, 3       # STEP: what is drawn, random.h
CLASS_LIVE = 1

try:
    import numpy
    import torch
    from torch import nn
    from torch.nn import functional as F
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(SKIPPED)

ADAM = (1, {"rate": 0.002, "decay": 0.01},
        lambda w: torch.optim.Adam(w, 0.002, weight_decay=0.01))
SGD = (2, {"rate": 0.02, "momentum": 0.9, "decay": 0.001},
       lambda w: torch.optim.SGD(w, 0.02, momentum=0.9, weight_decay=0.001))
ADAGRAD = (3, {"rate": 0.005}, lambda w: torch.optim.Adagrad(w, 0.005))
GENTLE = (2, {"rate": 5e-6, "momentum": -1}, lambda w: torch.optim.SGD(w, 5e-6))
# All layers of minifasnet: its loss is so steep that rounding tells after a few steps.
ONE_STEP = (2, {**GENTLE[1], "epochs": 1, "steps": 1}, GENTLE[2])

# model, optimiser, what is frozen, layers that change
RUNS = {
    "all layers": ("small", ADAM, [], {"near", "far"}),
    "one part frozen": ("small", ADAM, ["near"], {"far"}),
    "the other, and a layer": ("small", SGD, ["far", "near.first"], {"near.second", "near.last"}),
    "all but the last layers": ("small", ADAGRAD, ["all"], {"near.last", "far.last"}),
    "minifasnet, one step": ("minifasnet", ONE_STEP, [], {"close", "wide"}),
    "minifasnet, last layers": ("minifasnet", GENTLE, ["all"], {"close.out", "wide.out"}),
}


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride=2)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x)))


class Part(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = Block(3, 6)
        self.second = Block(6, 8)
        self.drop = nn.Dropout(0.3)
        self.last = nn.Linear(8, 3)

    def forward(self, x):
        return self.last(self.drop(self.second(self.first(x)).mean([2, 3])))


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.near = Part()
        self.far = Part()

    def forward(self, x):
        return self.near(x)


def write_small(path):
    inputs = [{"width": 24, "height": 32, "order": "BGR", "mean": [100, 110, 120], "std": [60, 61, 62]},
              {"width": 40, "height": 36, "order": "RGB", "mean": [0, 0, 0], "std": [255, 255, 255]}]
    nets = [{"part": "near", "scale": 1.2, "input": inputs[0]},
            {"part": "far", "scale": 2.5, "input": inputs[1]}]
    manifest = {"format": 1, "name": "small", "kind": "liveness", "input": inputs[0], "liveness": {
        "classes": 3, "live": CLASS_LIVE, "output": "logits", "nets": nets},
        "source": "a test", "license": "none", "training_data": "none"}
    torch.manual_seed(4)
    torch.jit.save(torch.jit.script(Small().eval()), path,
                   _extra_files={"facematch.json": json.dumps(manifest)})


def seed_for(step):
    """What random.h makes of the seed."""
    mask, x = (1 << 64) - 1, 0
    for part in (SEED, STEP, step):
        x = (x + part + 0x9E3779B97F4A7C15) & mask
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        x ^= x >> 31
    torch.manual_seed(x - (1 << 64) if x >> 63 else x)


def choose_frames(data):
    """(role, what it shows, person, path): of attacks some are given by their class."""
    people, frames = {}, []
    with open(f"{data}/labels.csv", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            person = re.search(r"\d+", os.path.basename(row["path"])).group()
            people.setdefault(person, {"live": [], "spoof": []})[row["label"]].append(row["path"])
    for number, (person, paths) in enumerate(list(people.items())[:PEOPLE]):
        role = VALIDATION if number >= PEOPLE - LEFT_OUT else TRAIN
        for k in range(FRAMES):
            attack = (ATTACK, 2, ATTACK, 0)[(number + k) % 4]
            frames += [(role, LIVE, person, f"{data}/{paths['live'][7 * k]}"),
                       (role, attack, person, f"{data}/{paths['spoof'][7 * k]}")]
    return frames


def lies_in(name, layers):
    return any(name == layer or name.startswith(layer + ".") for layer in layers)


def equal_error_rate(live, attacks):
    """The mean of the two rates where they are nearest to each other."""
    rates = [(sum(a >= line for a in attacks) / len(attacks), sum(s < line for s in live) / len(live))
             for line in [*live, *attacks, 2.0]]
    return min((abs(a - b), (a + b) / 2) for a, b in rates)[1]


class Reference:
    """The same run in PyTorch alone."""

    def __init__(self, path, optimizer, freeze, frames, crops):
        extra = {"facematch.json": ""}
        loaded = torch.jit.load(path, _extra_files=extra)
        if hasattr(loaded, "near"):
            self.net = Small()
            self.net.load_state_dict(loaded.state_dict())
        else:
            self.net = loaded
        nets = json.loads(extra["facematch.json"])
        self.parts = [net["part"] for net in nets["liveness"]["nets"]]
        self.planes = [self.make_planes(net.get("input", nets["input"]), f"{crops}.{i}")
                       for i, net in enumerate(nets["liveness"]["nets"])]
        self.frames = frames
        names = [name for name, _ in self.net.named_parameters()]
        if freeze == ["all"]:
            last = [[n for n in names if n.startswith(part + ".")][-1].rsplit(".", 1)[0]
                    for part in self.parts]
            freeze = [name for name, _ in self.net.named_modules() if name and
                      not lies_in(name, last) and not any(lies_in(one, [name]) for one in last)]
        self.frozen = freeze
        for name, weight in self.net.named_parameters():
            weight.requires_grad_(not lies_in(name, freeze))
        self.optimizer = optimizer([w for w in self.net.parameters() if w.requires_grad])
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, EPOCHS)
        self.steps = 0
        self.keep_best(0)

    @staticmethod
    def make_planes(given, path):
        rgb = torch.from_numpy(numpy.fromfile(path, numpy.uint8).reshape(
            -1, given["height"], given["width"], 3)).float()
        rgb = rgb if given["order"] == "RGB" else rgb.flip(3)
        return ((rgb - torch.tensor(given["mean"])) / torch.tensor(given["std"])).permute(0, 3, 1, 2)

    def loss(self, logits, frames):
        """The class is known, or only that it is an attack."""
        log_p, terms = F.log_softmax(logits.double(), 1), []
        for row, frame in zip(log_p, frames):
            shows = self.frames[frame][1]
            if shows == ATTACK:
                others = [k for k in range(len(row)) if k != CLASS_LIVE]
                terms.append(-torch.logsumexp(row[others], 0))
            else:
                terms.append(-row[CLASS_LIVE if shows == LIVE else shows])
        return torch.stack(terms).mean()

    def step(self, frames):
        losses = []
        self.net.train()
        for name, module in self.net.named_modules():
            if lies_in(name, self.frozen):
                module.eval()
        for part, planes in zip(self.parts, self.planes):
            seed_for(self.steps)
            losses.append(self.loss(getattr(self.net, part)(planes[frames]), frames))
        self.steps += 1
        self.optimizer.zero_grad()
        sum(losses).backward()
        self.optimizer.step()
        return sum(loss.item() for loss in losses) / len(losses)

    def validate(self):
        """Mean loss of the parts, equal error rate of the mean score."""
        self.net.eval()
        left_out = [i for i, frame in enumerate(self.frames) if frame[0] == VALIDATION]
        with torch.no_grad():
            logits = [getattr(self.net, part)(planes[left_out])
                      for part, planes in zip(self.parts, self.planes)]
        scores = sum(F.softmax(given, 1)[:, CLASS_LIVE] for given in logits) / len(logits)
        live = [s.item() for s, i in zip(scores, left_out) if self.frames[i][1] == LIVE]
        attacks = [s.item() for s, i in zip(scores, left_out) if self.frames[i][1] != LIVE]
        return (equal_error_rate(live, attacks),
                sum(self.loss(given, left_out).item() for given in logits) / len(logits))

    def keep_best(self, epoch):
        """As docs/training.md says: the lowest EER, and of equal ones the lowest loss."""
        found = self.validate()
        if epoch == 0:
            self.first_loss = found[1]
        if epoch == 0 or found < self.best:
            self.best, self.best_epoch = found, epoch
            self.state = {name: value.clone() for name, value in self.net.state_dict().items()}
        return found


class Comparison:
    def __init__(self, name, steps, models, frames, place):
        self.name, self.worst, self.ok = name, {}, True
        self.model, self.optimizer, self.freeze, self.changing = RUNS[name]
        self.archive = f"{place if self.model == 'small' else models}/{self.model}.pt"
        self.detector, self.frames, self.place, self.steps = f"{models}/mtcnn.pt", frames, place, steps

    def train(self):
        number, settings, _ = self.optimizer
        given = [f"{key}={value}" for key, value in settings.items()] + [
            f"freeze={layer}" for layer in self.freeze]
        run = subprocess.run([self.steps, self.archive, self.detector, self.place,
                              f"epochs={EPOCHS}", f"optimizer={number}", f"seed={SEED}", *given],
                             input="".join("\t".join(map(str, f)) + "\n" for f in self.frames),
                             stdout=subprocess.PIPE, text=True, check=True)
        return [json.loads(line) for line in run.stdout.splitlines()]

    def near(self, what, got, want):
        apart = abs(got - want)
        self.worst[what] = max(self.worst.get(what, 0), apart)
        self.expect(apart <= TOLERANCE, f"{what} is {got}, in PyTorch {want}")

    def expect(self, holds, text):
        if not holds:
            print(f"BAD  {self.name}: {text}")
        self.ok = self.ok and holds

    def check_epoch(self, reference, told):
        reference.schedule.step()
        eer, loss = reference.keep_best(told["epoch"])
        self.near("loss of those left out", told["validation_loss"], loss)
        self.near("loss before", told["first_validation_loss"], reference.first_loss)
        self.expect(abs(told["eer"] - eer) < 1e-9, f"the EER is {told['eer']}, in PyTorch {eer}")
        self.expect(told["best_epoch"] == reference.best_epoch,
                    f"the best epoch is {told['best_epoch']}, in PyTorch {reference.best_epoch}")

    def check_way(self, got, want, before, weights):
        """Is the difference small beside what was learned?"""
        def length(a, b):
            return sum(((a[name].double() - b[name].double()) ** 2).sum().item() for name in weights) ** 0.5
        share = length(got, want) / length(want, before)
        self.expect(share <= SHARE, f"weights differ by {share:.1e} of the way that they went")
        self.worst["weights, of their way"] = share

    def check_weights(self, want):
        trained, begun = torch.jit.load(f"{self.place}/trained.pt"), torch.jit.load(self.archive)
        got, before = trained.state_dict(), begun.state_dict()
        self.check_way(got, want, before, [name for name, _ in begun.named_parameters()])
        self.expect(sorted(got) == sorted(want), "the names of weights differ")
        for name, value in want.items():
            apart = (got[name].double() - value.double()).abs().max().item()
            self.worst["a weight"] = max(self.worst.get("a weight", 0), apart)
            self.expect(apart <= TOLERANCE, f"{name} is apart by {apart:.1e}")
            if not lies_in(name, self.changing):
                self.expect(torch.equal(got[name], before[name]), f"{name} is frozen, and changed")
        still = [layer for layer in self.changing if all(
            torch.equal(got[name], before[name]) for name in got if lies_in(name, [layer]))]
        self.expect(not still, f"{still} did not change")

    def run(self):
        told = self.train()
        reference = Reference(self.archive, self.optimizer[2], self.freeze, self.frames,
                              f"{self.place}/crops")
        for line in told:
            if "epoch" in line:
                self.check_epoch(reference, line)
            else:
                self.near("loss of a step", line["loss"], reference.step(line["frames"]))
        self.expect(reference.best_epoch > 0, "no epoch was better than none: nothing to compare")
        self.check_weights(reference.state)
        apart = ", ".join(f"{what} {value:.1e}" for what, value in self.worst.items())
        print(f"{'ok  ' if self.ok else 'BAD '} {self.name}, {reference.steps} steps, epoch "
              f"{reference.best_epoch} kept; at most apart: {apart}", flush=True)
        os.remove(f"{self.place}/trained.pt")
        return self.ok


def main():
    steps = os.environ.get("FACEMATCH_STEPS", "build/bin/liveness_steps")
    models = os.environ.get("FACEMATCH_MODELS", "models")
    data = os.environ.get("FACEMATCH_DATA", "../shared/data") + "/liveness"
    needed = [steps, f"{data}/labels.csv", f"{models}/minifasnet.pt", f"{models}/mtcnn.pt"]
    for path in needed:
        if not os.path.exists(path):
            print(f"skipped: {path} is not there")
            return SKIPPED
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="facematch-steps-") as place:
        write_small(f"{place}/small.pt")
        frames = choose_frames(data)
        good = [Comparison(name, steps, models, frames, place).run() for name in RUNS]
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
