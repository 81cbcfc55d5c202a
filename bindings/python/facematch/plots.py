"""Pictures of results, with matplotlib: pip install facematch[plots]. Each draws into `ax`, or into a new figure, and
returns the axes."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Sequence, Union

import numpy as np
from numpy.typing import NDArray

from .evaluate import Evaluation
from .image import Image, ImageLike
from .results import Face

if TYPE_CHECKING:
    Curve = Union[Evaluation, NDArray[np.float64]]


def roc(curve: Curve, ax: Any = None, label: str | None = None) -> Any:
    """True matches over false matches; `curve` is an Evaluation or its curve()."""
    points = _points(curve)
    return _rates(points[:, 0], 1 - points[:, 1], ax, label, "true match rate", "linear")


def det(curve: Curve, ax: Any = None, label: str | None = None) -> Any:
    """Both errors against each other, on logarithmic axes."""
    points = _points(curve)
    return _rates(points[:, 0], points[:, 1], ax, label, "false non-match rate", "log")


def faces(image: ImageLike, found: Sequence[Face], labels: Sequence[str] = (), ax: Any = None) -> Any:
    """A photograph with the boxes and points of faces, and beneath each its label."""
    from matplotlib.patches import Rectangle  # type: ignore[import-not-found,unused-ignore]
    with Image(image) as photo:
        pixels = photo.to_array()
    ax = _axes(ax)
    ax.imshow(pixels)
    ax.set_axis_off()
    for i, face in enumerate(found):
        ax.add_patch(Rectangle((face.x, face.y), face.width, face.height, fill=False, edgecolor="lime", linewidth=2))
        ax.plot(*zip(*face.points), ".", color="lime", markersize=3)
        if i < len(labels):
            ax.text(face.x, face.y + face.height, labels[i], color="black", verticalalignment="top",
                    bbox={"facecolor": "lime", "edgecolor": "none", "pad": 2})
    return ax


def _rates(x: NDArray[np.float64], y: NDArray[np.float64], ax: Any, label: str | None, name: str, scale: str) -> Any:
    ax = _axes(ax)
    shown = (x > 0) & ((y > 0) | (scale == "linear"))
    ax.plot(x[shown], y[shown], drawstyle="steps-post", label=label)
    ax.set_xscale("log")
    ax.set_yscale(scale)
    ax.set_xlabel("false match rate")
    ax.set_ylabel(name)
    ax.grid(True, which="both", alpha=0.3)
    if label:
        ax.legend()
    return ax


def _points(curve: Curve) -> NDArray[np.float64]:
    return curve.curve() if isinstance(curve, Evaluation) else np.asarray(curve, np.float64)


def _axes(ax: Any) -> Any:
    if ax is not None:
        return ax
    try:
        from matplotlib.figure import Figure  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise ImportError("plots need matplotlib: pip install facematch[plots]") from error
    return Figure(figsize=(8, 6), layout="constrained").subplots()
