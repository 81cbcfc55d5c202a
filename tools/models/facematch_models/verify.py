"""Checks an archive from end to end: records, manifest, and one run of the net on zeros."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import archive, manifest as manifests
from .errors import ModelsError


def inspect(path: Path) -> dict[str, Any]:
    """What an archive says about itself, and its model id. Runs no code of the archive."""
    records = archive.read_records(path)
    manifest = archive.manifest_of(records)
    return {"file": str(path), "id": archive.model_id(records, manifest),
            "bytes": sum(len(data) for data in records.values()), "records": len(records),
            "manifest": manifest}


def problems(path: Path) -> list[str]:
    """Everything wrong with an archive; an empty list for a good one. Runs the archive's code."""
    try:
        records = archive.read_records(path)
        manifest = archive.manifest_of(records)
    except ModelsError as error:
        return [str(error)]
    found = manifests.problems(manifest)
    return found or _run_problems(path, manifest)


def _run_problems(path: Path, manifest: dict[str, Any]) -> list[str]:
    import torch

    try:
        module = torch.jit.load(str(path), map_location="cpu").eval()
        with torch.inference_mode():
            if manifest["kind"] == "embedder":
                return _embedder_problems(module, manifest)
            if manifest["kind"] == "detector" and manifest["detector"]["type"] == "mtcnn":
                return _mtcnn_problems(module)
            if manifest["kind"] == "liveness":
                return _liveness_problems(module, manifest)
            return []
    except (RuntimeError, AttributeError) as error:
        return [f"the net does not run: {str(error).strip().splitlines()[-1]}"]


def _embedder_problems(module: Any, manifest: dict[str, Any]) -> list[str]:
    found = []
    for member in manifest["embedding"].get("members", [manifest["embedding"]]):
        size = member.get("input", manifest["input"])
        net = getattr(module, member["part"]) if "part" in member else module
        found += [text for n in (1, 3)
                  for text in _shape_problems(member.get("part", "the net"), net,
                                              (n, 3, size["height"], size["width"]),
                                              (n, member["dim"]))]
    return found


def _mtcnn_problems(module: Any) -> list[str]:
    found = []
    for size, cells in (((12, 12), (1, 1)), ((35, 46), (13, 18))):
        found += _shape_problems("pnet", module.pnet, (2, 3, *size), (2, 5, *cells))
    found += _shape_problems("rnet", module.rnet, (2, 3, 24, 24), (2, 5))
    found += _shape_problems("onet", module.onet, (2, 3, 48, 48), (2, 15))
    return found


def _liveness_problems(module: Any, manifest: dict[str, Any]) -> list[str]:
    found = []
    for net in manifest["liveness"]["nets"]:
        size = net.get("input", manifest["input"])
        part = getattr(module, net["part"]) if net["part"] else module
        found += [text for n in (1, 3)
                  for text in _shape_problems(net["part"] or "the net", part,
                                              (n, 3, size["height"], size["width"]),
                                              (n, manifest["liveness"]["classes"]))]
    return found


def _shape_problems(what: str, module: Any, given: tuple[int, ...],
                    expected: tuple[int, ...]) -> list[str]:
    import torch

    result = module(torch.zeros(given))
    if not isinstance(result, torch.Tensor) or result.dtype != torch.float32:
        return [f"{what} does not give a float32 tensor"]
    if tuple(result.shape) != expected:
        return [f"{what} gives {list(result.shape)} for {list(given)}, not {list(expected)}"]
    if not bool(torch.isfinite(result).all()):
        return [f"{what} gives numbers that are not finite"]
    return []
