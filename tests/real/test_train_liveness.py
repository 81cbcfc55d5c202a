"""Does training mend a broken liveness net, and leave a good one as good?

    /usr/bin/python3 tests/real/test_train_liveness.py

On few frames of data/liveness, by bench/train_liveness.py, which has the figures on more: the people
who are measured had no part in the training. FACEMATCH_BIN is the program, FACEMATCH_MODELS the folder
of models, FACEMATCH_DATA that of data. Exit status 77 without one of these.
"""
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../bench"))
import train_liveness as bench

SKIPPED = 77
FRAMES = 4  # live ones and attacks of each person
good = True


def expect(text, holds):
    global good
    print(("ok   " if holds else "BAD  ") + text, flush=True)
    good = good and holds


def changed(one, other):
    """The layers that differ."""
    import torch

    weights = dict(torch.jit.load(other).named_parameters())
    return {name.rsplit(".", 1)[0] for name, weight in torch.jit.load(one).named_parameters()
            if not torch.equal(weight, weights[name])}


def check_file(work, path):
    """What was trained is what others take for a network, and the library for a liveness model."""
    import torch

    extra = {"facematch.json": ""}
    module = torch.jit.load(path, _extra_files=extra)
    manifest = json.loads(extra["facematch.json"])
    shapes = [list(getattr(module, net["part"])(torch.zeros(2, 3, 80, 80)).shape)
              for net in manifest["liveness"]["nets"]]
    expect("torch.jit.load opens it", shapes == [[2, 3], [2, 3]])
    expect("it is a liveness model without a calibration",
           manifest["kind"] == "liveness" and "calibration" not in manifest)
    with open(work.test_labels, encoding="utf-8") as file:
        frame = os.path.join(bench.DATA, file.readlines()[1].split(",")[0])
    told, = work.run("liveness", "--liveness-model", path, *bench.HALF, frame)
    expect("facematch liveness looks with it: " + told["verdict"], 0 <= told["score"] <= 1)


def check(program, models, place):
    work = bench.Work(program, place, bench.read_frames(FRAMES), 0, 3)
    broken, whole = f"{place}/broken.pt", f"{models}/minifasnet.pt"
    bench.break_nets(whole, broken)
    before = work.measure(broken)
    mended, told = work.train(broken, "last", "3")
    after = work.measure(mended)
    expect(f"broken: EER {before['eer']:.2f}", before["eer"] > 0.3)
    expect(f"mended: EER {after['eer']:.2f}", after["eer"] < 0.15)
    expect(f"people left out: EER {told['first_eer']:.2f}, then {told['eer']:.2f}; loss "
           f"{told['first_validation_loss']:.3f}, then {told['validation_loss']:.3f}",
           told["eer"] < 0.15 and told["validation_loss"] < 0.5 * told["first_validation_loss"])
    check_file(work, mended)
    expect("only last layers were trained", changed(mended, broken) == {"close.out", "wide.out"})
    kept, told = work.train(whole, "kept", "1")
    before, after = work.measure(whole), work.measure(kept)
    expect(f"from the published nets: EER {before['eer']:.2f}, then {after['eer']:.2f}",
           after["eer"] <= before["eer"])
    expect(f"people left out: EER {told['first_eer']:.2f}, then {told['eer']:.2f}; loss "
           f"{told['first_validation_loss']:.3f}, then {told['validation_loss']:.3f}",
           told["eer"] <= told["first_eer"] and
           told["validation_loss"] <= told["first_validation_loss"])
    expect("all layers were trained",
           told["best_epoch"] == 0 or {"close.stem", "wide.stem"} <= changed(kept, whole))


def main():
    program = os.path.abspath(os.environ.get("FACEMATCH_BIN", "build/bin/facematch"))
    models = os.environ.get("FACEMATCH_MODELS", "models")
    needed = [f"{bench.DATA}/labels.csv", f"{models}/minifasnet.pt", f"{models}/mtcnn.pt"]
    torch = subprocess.run([sys.executable, "-c", "import torch"], check=False, stderr=subprocess.DEVNULL)
    absent = [path for path in needed if not os.path.exists(path)] + ["PyTorch"][:torch.returncode]
    if absent:
        print(f"skipped: there is no {absent[0]}")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="facematch-train-") as place:
        check(program, models, place)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
