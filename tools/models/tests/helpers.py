"""What the tests share: paths, and skips that say what is missing."""

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path

MODELS_TOOL = Path(__file__).resolve().parents[1]
REPOSITORY = MODELS_TOOL.parents[1]
sys.path.insert(0, str(MODELS_TOOL))


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


def import_pillow():
    """Pillow's Image module; skips the test without it."""
    try:
        from PIL import Image
    except ImportError:
        raise unittest.SkipTest("Pillow is not installed") from None
    return Image
