"""Nets to be trained: their manifests. And published weights of such nets that nobody packages, of
which a user has a copy.

Nothing here needs PyTorch, so listing stays quick.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from . import manifest as manifests
from .errors import ModelsError

SEED = 1  # of the weights of an untrained archive
# the ArcFace template: eyes, nose tip, mouth corners in 112x112 pixels
TEMPLATE = ((38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366),
            (41.5493, 92.3655), (70.7299, 92.2041))
_HALF = {"mean": [127.5, 127.5, 127.5], "std": [128, 128, 128]}  # -1 to 1
_UNIT = {"mean": [0, 0, 0], "std": [255, 255, 255]}  # 0 to 1


@dataclass(frozen=True)
class Architecture:
    """A net without training."""

    name: str
    summary: str
    module: str  # module of this package with make() -> nn.Module of trainable.py's layers
    parts: tuple[str, ...]  # further modules of this package that it is made of
    family: str
    size: int  # of the input
    dim: int
    metric: str
    scaling: dict[str, list[float]]  # mean and std of the input
    paper: str

    @property
    def license(self) -> str:
        """As a result of `build` is licensed."""
        return "Apache-2.0"

    def fields(self) -> dict[str, Any]:
        """The manifest, less what depends on the weights."""
        return {"format": manifests.FORMAT, "name": self.name, "kind": "embedder",
                "family": self.family,
                "input": {"width": self.size, "height": self.size, "order": "RGB", **self.scaling},
                "alignment": {"points": template(self.size), "border": "zero"},
                "embedding": {"dim": self.dim, "normalize": True}, "metric": self.metric,
                "runtime": {"memory_format": "contiguous"}}

    def manifest(self) -> dict[str, Any]:
        """The whole manifest of the untrained archive."""
        return {**self.fields(), "source": f"libfacematch, after {self.paper}",
                "license": self.license, "training_data": "none: random weights",
                "build": {"port_sha256": manifests.port_sha256(self.module, *self.parts),
                          "seed": SEED}}


@dataclass(frozen=True)
class Copy:
    """Published weights of an architecture, to be converted from the user's own copy."""

    name: str
    summary: str
    architecture: str
    file: str  # as it is published
    module: str  # module of this package with load(weights) -> nn.Module
    fields: dict[str, Any] = field(default_factory=dict)  # where they differ from the architecture's

    def manifest(self, sha256: str) -> dict[str, Any]:
        """The whole manifest of the archive made from the file with that SHA-256."""
        net = ARCHITECTURES[self.architecture]
        return {**net.fields(), "name": self.name, **self.fields,
                "build": {"port_sha256": manifests.port_sha256(self.module, net.module, *net.parts),
                          "source_sha256": {self.file: sha256}}}


def template(size: int) -> list[list[float]]:
    """The ArcFace template in a square of that size."""
    return [[round(x / 112 * size, 4), round(y / 112 * size, 4)] for x, y in TEMPLATE]


_FACENET = "Schroff, Kalenichenko & Philbin, CVPR 2015 (arXiv:1503.03832)"
_DEEPFACE = "Taigman, Yang, Ranzato & Wolf, CVPR 2014"

ARCHITECTURES = {net.name: net for net in (
    Architecture("deepface", "4096 numbers, softmax family", "deepface", ("trainable",),
                 "softmax", 152, 4096, "cosine", _UNIT, _DEEPFACE),
    Architecture("deepface-small", "512 numbers, softmax family; trains in minutes",
                 "deepface_small", ("deepface", "trainable"), "softmax", 56, 512, "cosine", _HALF,
                 _DEEPFACE),
    Architecture("facenet", "128 numbers, triplet family", "facenet", ("trainable",),
                 "triplet", 160, 128, "squared_euclidean", _HALF, _FACENET),
    Architecture("facenet-small", "128 numbers, triplet family; trains in minutes",
                 "facenet_small", ("facenet", "trainable"), "triplet", 64, 128,
                 "squared_euclidean", _HALF, _FACENET),
    Architecture("inception-resnet-v1", "512 numbers, softmax family, as facenet-pytorch has it",
                 "inception_resnet_v1", ("trainable",), "softmax", 160, 512, "cosine", _HALF,
                 "Szegedy, Ioffe & Vanhoucke 2016 (arXiv:1602.07261)"))}


def find_copy(name: str, file: str) -> Copy:
    """The published weights of that name, or those of that architecture by the name of the file."""
    if name in COPIES:
        return COPIES[name]
    offered = [copy for copy in COPIES.values() if copy.architecture == name]
    if not offered:
        raise ModelsError(f"{name} is trained, not converted: it takes no --from")
    fitting = [copy for copy in offered if copy.file == file] or offered
    if len(fitting) != 1:
        raise ModelsError(f"{file}: which one is it? Build one of"
                          f" {', '.join(copy.name for copy in offered)} --from it")
    return fitting[0]


def _facenet_pytorch(what: str, file: str, data: str) -> Copy:
    # Where MTCNN's points lie in the pictures these nets were trained on: MTCNN's box, stretched to
    # a square of 138 with 11 pixels around it. Medians over 140 LFW photographs, made symmetrical
    points = [[47.9, 63.4], [112.1, 63.4], [80, 91.4], [52.1, 115], [107.9, 115]]
    return Copy(f"facenet-{what}", f"embedder, 512 numbers, softmax family, trained on {data}",
                "inception-resnet-v1", file, "facenet_pytorch_reader",
                {"alignment": {"points": points, "border": "zero"},
                 "source": f"{file} of facenet-pytorch (Tim Esler); converted there from the"
                           " TensorFlow weights of davidsandberg/facenet",
                 "license": "MIT (facenet-pytorch)", "training_data": data})


COPIES = {copy.name: copy for copy in (
    _facenet_pytorch("vggface2", "20180402-114759-vggface2.pt", "VGGFace2"),
    _facenet_pytorch("casia", "20180408-102900-casia-webface.pt", "CASIA-WebFace"),
    Copy("deepface-vggface2", "embedder, 4096 numbers, softmax family, trained on VGGFace2",
         "deepface", "VGGFace2_DeepFace_weights_val-0.9034.h5", "deepface_keras_reader",
         {"source": "VGGFace2_DeepFace_weights_val-0.9034.h5 of swghosh/DeepFace",
          "license": "MIT (swghosh/DeepFace)", "training_data": "VGGFace2"}))}
