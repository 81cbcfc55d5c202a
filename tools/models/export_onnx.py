#!/usr/bin/env python3
"""Exports an archive's net to ONNX, so that another runtime can be measured on the same weights.

    python3 export_onnx.py models/dlib-resnet-v1.pt dlib-resnet-v1.onnx
    python3 export_onnx.py models/minifasnet.pt close.onnx --part close

The ONNX net is the archive's: float32[n, 3, height, width], normalised, to float32[n, dim]; its
input is called "input", its output "embedding" (of a liveness net "classes"), and n is free.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from facematch_models import archive  # noqa: E402
from facematch_models.errors import ModelsError  # noqa: E402


OUTPUTS = {"embedder": "embedding", "liveness": "classes"}


def export(source: Path, destination: Path, opset: int, part: str) -> None:
    """Write the net of the archive `source`, or a part of it, as ONNX."""
    manifest = archive.manifest_of(archive.read_records(source))
    kind = manifest.get("kind")
    if kind not in OUTPUTS:
        raise ModelsError(f"{source}: neither an embedder nor a liveness model")
    try:
        import torch
    except ImportError as error:
        raise ModelsError("exporting needs PyTorch in Python"
                          " (Debian: apt install python3-torch)") from error
    size = manifest["input"]
    module = torch.jit.load(str(source), map_location="cpu").eval()
    if part and not hasattr(module, part):
        raise ModelsError(f"{source}: has no part {part}")
    module = getattr(module, part) if part else module
    output = OUTPUTS[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter thinks aloud about scripted modules
        torch.onnx.export(module, torch.zeros(1, 3, size["height"], size["width"]),
                          str(destination), opset_version=opset, input_names=["input"],
                          output_names=[output],
                          dynamic_axes={"input": {0: "n"}, output: {0: "n"}})


def main() -> int:
    """The command line; 0 for success, 2 for an error."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path)
    parser.add_argument("onnx", type=Path)
    parser.add_argument("--opset", type=int, default=13)
    parser.add_argument("--part", default="", help="a net of the archive; default: its own")
    options = parser.parse_args()
    try:
        export(options.archive, options.onnx, options.opset, options.part)
    except (ModelsError, OSError, RuntimeError) as error:
        print(f"export_onnx: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
