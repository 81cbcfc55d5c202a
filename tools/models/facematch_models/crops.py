"""The crop that a liveness net sees, as docs/models.md has it and libfacematch cuts it.

For tests and benchmarks, which compare the library with other runtimes on the same numbers.
"""

from __future__ import annotations

import numpy as np

_WEIGHT_BITS, _CUT_FIRST, _CUT_NEXT, _CUT_LAST = 11, 4, 16, 2


def place(box: tuple[float, float, float, float], scale: float, width: int,
          height: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of the crop for a face's box (x, y, width, height)."""
    x, y, across, down = box
    scale = min(scale, (width - 1) / across, (height - 1) / down)
    left, right = _side(x, across, across * scale, width)
    top, bottom = _side(y, down, down * scale, height)
    return left, top, right, bottom


def _side(start: float, length: float, size: float, frame: int) -> tuple[int, int]:
    middle = length / 2 + start
    begin, end = middle - size / 2, middle + size / 2
    if begin < 0:
        begin, end = 0.0, end - begin
    if end > frame:
        begin, end = max(begin - (end - frame), 0.0), float(frame)
    first = int(min(begin, frame - 1))
    return first, max(int(end), first + 1)


def stretch(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """uint8[rows, columns, channels] to [height, width, channels], bilinear, no filter."""
    left, right, a, b = _taps(pixels.shape[1], width)
    wide = pixels.astype(np.int64)
    wide = (wide[:, left] * a[:, None] + wide[:, right] * b[:, None]) >> _CUT_FIRST
    above, below, a, b = _taps(pixels.shape[0], height)
    whole = (((wide[above] * a[:, None, None]) >> _CUT_NEXT)
             + ((wide[below] * b[:, None, None]) >> _CUT_NEXT))
    return ((whole + (1 << (_CUT_LAST - 1))) >> _CUT_LAST).astype(np.uint8)


def _taps(n: int, cells: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For each cell over n pixels: two pixels, and their weights."""
    at = ((np.arange(cells) + 0.5) * (n / cells) - 0.5).astype(np.float32)
    low = np.floor(at)
    share = np.where((low < 0) | (low >= n - 1), 0, at - low).astype(np.float32)
    first = low.astype(int)
    one = 1 << _WEIGHT_BITS
    return (first.clip(0, n - 1), (first + 1).clip(0, n - 1),
            np.rint((1 - share) * one).astype(np.int64), np.rint(share * one).astype(np.int64))


def planes(pixels: np.ndarray, box: tuple[float, float, float, float], scale: float,
           spec: dict) -> np.ndarray:
    """What the net is given: float32[1, 3, height, width] of an RGB frame, by the manifest's input."""
    left, top, right, bottom = place(box, scale, pixels.shape[1], pixels.shape[0])
    crop = stretch(pixels[top:bottom, left:right], spec["width"], spec["height"])
    if spec["order"] == "BGR":
        crop = crop[:, :, ::-1]
    mean, std = (np.array(spec[key], np.float32)[:, None, None] for key in ("mean", "std"))
    return ((crop.transpose(2, 0, 1).astype(np.float32) - mean) / std)[None]
