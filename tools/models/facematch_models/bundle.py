"""Several embedders as one archive: each keeps its own picture of the face, their outputs make one
embedding.

The archive's network holds the members as submodules. Calling it runs none: libfacematch calls the
members one by one, as the manifest's `embedding.members` says.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import archive, manifest as manifests
from .errors import ModelsError

MOST_MEMBERS = 8
LONGEST_PART = 63


@dataclass(frozen=True)
class Member:
    """A model and how it takes part."""

    model: str  # its name, as in its manifest
    weight: float = 1.0  # length of its share of the embedding
    flip: bool = False  # its output is averaged with that of the mirrored face


def manifest(name: str, members: list[tuple[Member, dict[str, Any]]]) -> dict[str, Any]:
    """The manifest of a bundle, less calibration and `build`; each member with its own manifest."""
    if not 1 <= len(members) <= MOST_MEMBERS:
        raise ModelsError(f"a bundle has 1 to {MOST_MEMBERS} members, not {len(members)}")
    for member, own in members:
        _check(member, own)
    parts = [part_name(i, member) for i, (member, _) in enumerate(members)]
    first = members[0][1]
    families = {own["family"] for _, own in members}
    return {"format": manifests.FORMAT, "name": name, "kind": "embedder",
            "family": families.pop() if len(families) == 1 else "bundle",
            "input": first["input"], "alignment": first["alignment"],
            "embedding": {"dim": sum(own["embedding"]["dim"] for _, own in members),
                          "normalize": True,
                          "members": [_entry(part, member, own)
                                      for part, (member, own) in zip(parts, members)]},
            "metric": "cosine", "runtime": _runtime([own for _, own in members]),
            **{key: "; ".join(dict.fromkeys(f"{own['name']}: {own[key]}" for _, own in members))
               for key in ("source", "license", "training_data")}}


def part_name(number: int, member: Member) -> str:
    """The submodule: a Python name that no other member has."""
    return f"m{number}_{''.join(c if c.isalnum() else '_' for c in member.model)}"[:LONGEST_PART]


def _check(member: Member, own: dict[str, Any]) -> None:
    found = manifests.problems(own)
    if not found and own["kind"] != "embedder":
        found = ["it is no embedder"]
    if not found and "members" in own["embedding"]:
        found = ["it is a bundle itself: name its members instead"]
    if not found and own["metric"] not in ("cosine", "euclidean", "squared_euclidean"):
        found = [f"its metric {own['metric']} does not follow from a cosine"]
    if not found and not member.weight > 0:
        found = ["its weight is not positive"]
    if found:
        raise ModelsError(f"{member.model}: {found[0]}")


def _entry(part: str, member: Member, own: dict[str, Any]) -> dict[str, Any]:
    flip = member.flip or own["embedding"].get("flip", False)
    return {"part": part, "dim": own["embedding"]["dim"], "weight": member.weight, "flip": flip,
            "input": own["input"], "alignment": own["alignment"]}


def _runtime(all_of_them: list[dict[str, Any]]) -> dict[str, Any]:
    """Hints that hold for all; the smaller batch, as it does less harm to those that want more."""
    hints = [own.get("runtime", {}) for own in all_of_them]
    joint: dict[str, Any] = {}
    for key in ("memory_format", "memory_format_bfloat16"):
        values = {hint.get(key, hint.get("memory_format", "contiguous")) for hint in hints}
        joint[key] = values.pop() if len(values) == 1 else "contiguous"
    joint["batch"] = min(hint.get("batch", 32) for hint in hints)
    return joint


def port(parts: list[tuple[str, Path]]) -> dict[str, bytes]:
    """The records of the bundle, less its manifest. To be run in a fresh process (see build.py)."""
    import torch
    from torch import Tensor, nn

    class Bundle(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x

    bundle = Bundle()
    for name, path in parts:
        try:
            bundle.add_module(name, torch.jit.load(io.BytesIO(path.read_bytes()),
                                                   map_location="cpu").eval())
        except (OSError, RuntimeError) as error:
            raise ModelsError(f"{path}: {str(error).strip().splitlines()[-1]}") from error
    return archive.records_of_module(torch.jit.script(bundle.eval()))
