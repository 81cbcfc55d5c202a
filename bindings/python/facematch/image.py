"""Photographs, and all that a call takes for one."""
from __future__ import annotations

import contextlib
import ctypes
import io
import os
from typing import Any, Iterable, Iterator, Protocol, Sequence, Union, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from . import _abi, _convert
from ._convert import choice, options, path_bytes, read, sized
from ._handle import Handle, new
from .enums import PixelFormat
from .errors import InvalidArgumentError, attempt
from .results import Face, ImageInfo

Pixels = NDArray[np.uint8]


@runtime_checkable
class Readable(Protocol):
    """A binary file, or what is like one."""

    def read(self) -> bytes: ...


class Picture(Protocol):
    """A PIL.Image.Image; this package does not need PIL."""

    @property
    def mode(self) -> str: ...

    def convert(self, mode: str) -> Any: ...


ImageLike = Union["Image", str, "os.PathLike[str]", bytes, bytearray, memoryview, Pixels, Readable, Picture]
"""A path; an encoded picture as bytes or as a binary file; an array uint8[height][width] (grey) or
[height][width][3] (RGB) or [4] (RGBA, alpha ignored); an image of PIL; an Image."""

_FORMATS = {1: (PixelFormat.GRAY8,), 3: (PixelFormat.RGB8, PixelFormat.BGR8),
            4: (PixelFormat.RGBA8, PixelFormat.BGRA8)}


class Image(Handle):
    """A decoded photograph, upright. Worth making where one is used several times; every call takes paths, bytes,
    arrays and files as well. Any number of threads may use it at once.

    max_bytes and max_pixels limit what is decoded (64 MiB and 50 million pixels unless told otherwise); `format` is
    the order of an array's bytes, such as "bgr8" for one from OpenCV. Arrays are copied."""

    _free = "fm_image_free"
    _name = "image"

    def __init__(self, source: ImageLike, *, max_bytes: int | None = None, max_pixels: int | None = None,
                 format: PixelFormat | str | None = None) -> None:
        limits = options(_abi.fm_image_options, max_bytes=max_bytes, max_pixels=max_pixels)
        self._open(source, limits, format, copy=True)

    @classmethod
    def _borrow(cls, source: ImageLike) -> Image:
        """For one call, during which an array does not change."""
        self = cls.__new__(cls)
        self._open(source, options(_abi.fm_image_options), None, copy=False)
        return self

    def _open(self, source: ImageLike, limits: _abi.fm_image_options, format: PixelFormat | str | None,
              copy: bool) -> None:
        if isinstance(source, Image):
            self._open_array(source.to_array(), None, copy=False)
        elif isinstance(source, np.ndarray):
            self._open_array(source, format, copy)
        elif format is not None:
            raise TypeError("format is for arrays")
        elif isinstance(source, (str, os.PathLike)):
            out = new(_abi.fm_image)
            attempt("fm_image_load_file", ctypes.byref(out), path_bytes(source), ctypes.byref(limits))
            self._adopt(out)
        elif isinstance(source, (bytes, bytearray, memoryview)):
            self._open_bytes(bytes(source), limits)
        elif hasattr(source, "convert") and hasattr(source, "mode"):
            self._open_array(_upright(source), None, copy=False)
        elif isinstance(source, Readable):
            data = None if isinstance(source, io.TextIOBase) else source.read()  # text: it would fail to decode
            if not isinstance(data, bytes):
                raise TypeError("the file was not opened in binary mode")
            self._open_bytes(data, limits)
        else:
            raise TypeError(f"not something that shows a picture: {type(source).__name__}")

    def _open_bytes(self, data: bytes, limits: _abi.fm_image_options) -> None:
        out = new(_abi.fm_image)
        attempt("fm_image_load_memory", ctypes.byref(out), data, len(data), ctypes.byref(limits))
        self._adopt(out)

    def _open_array(self, array: NDArray[Any], format: PixelFormat | str | None, copy: bool) -> None:
        if array.dtype != np.uint8:
            raise TypeError(f"an array of {array.dtype}, not of uint8")
        channels = 1 if array.ndim == 2 else array.shape[2] if array.ndim == 3 else 0
        if channels not in _FORMATS:
            raise InvalidArgumentError(f"an array of shape {array.shape}, not (height, width) and at most 3 or 4 "
                                       "channels")
        kind = _FORMATS[channels][0] if format is None else choice(PixelFormat, format, "format")
        if kind not in _FORMATS[channels]:
            raise InvalidArgumentError(f"an array with {channels} channels is not {PixelFormat(kind).name.lower()}")
        if copy or not _rows_are_whole(array, channels):
            array = array.copy(order="C")
        height, width = array.shape[:2]
        stride = array.strides[0] if height > 1 else width * channels
        used = (height - 1) * stride + width * channels if array.size else 0
        out = new(_abi.fm_image)
        attempt("fm_image_from_pixels", ctypes.byref(out), array.ctypes.data, used, min(width, 2**31 - 1),
                min(height, 2**31 - 1), stride, kind)
        self._adopt(out, kept=array)

    @property
    def info(self) -> ImageInfo:
        info = sized(_abi.fm_image_info)
        with self._use() as pointer:
            attempt("fm_image_describe", pointer, ctypes.byref(info))
        return read(ImageInfo, info)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        info = self.info
        return info.width_px, info.height_px

    def to_array(self) -> Pixels:
        """The pixels as RGB: uint8[height][width][3]."""
        width, height = self.size
        out = np.empty((height, width, 3), np.uint8)
        with self._use() as pointer:
            attempt("fm_image_copy_rgb", pointer, _convert.pointer(out, ctypes.c_uint8), out.size, None)
        return out

    def save(self, path: str | os.PathLike[str]) -> None:
        """As PNG or JPEG, by the ending of the path."""
        with self._use() as pointer:
            attempt("fm_image_save_file", pointer, path_bytes(path))

    def draw(self, faces: Iterable[Face]) -> Image:
        """A copy with the boxes and points of faces; the first in another colour."""
        structs = [face._struct() for face in faces]
        out = new(_abi.fm_image)
        with self._use() as pointer:
            attempt("fm_image_draw_faces", ctypes.byref(out), pointer,
                    (_abi.fm_face * len(structs))(*structs), len(structs))
        return Image._made(out)

    @classmethod
    def _made(cls, pointer: Any) -> Image:
        self = cls.__new__(cls)
        self._adopt(pointer)
        return self

    def __repr__(self) -> str:
        return "<Image, closed>" if self.closed else "<Image {}x{}>".format(*self.size)


def _rows_are_whole(array: NDArray[Any], channels: int) -> bool:
    inner = array.strides[1:]
    wanted = (channels,) if array.ndim == 2 else (channels, 1)
    return inner == wanted and array.strides[0] >= array.shape[1] * channels


def _upright(picture: Any) -> Pixels:
    """PIL leaves the orientation of a file alone; here photographs are upright."""
    from PIL import ImageOps  # type: ignore[import-not-found,unused-ignore] # there: the picture is one of its own
    turned: Any = ImageOps.exif_transpose(picture)
    pixels: Pixels = np.asarray(turned.convert("RGB"))
    return pixels


@contextlib.contextmanager
def shown(source: ImageLike) -> Iterator[Any]:
    """The pointer to an image, for one call."""
    if isinstance(source, Image):
        with source._use() as pointer:
            yield pointer
        return
    image = Image._borrow(source)
    try:
        with image._use() as pointer:
            yield pointer
    finally:
        image.close()


@contextlib.contextmanager
def all_shown(sources: Sequence[ImageLike]) -> Iterator[Any]:
    """An array of pointers to images, for one call."""
    if isinstance(sources, (str, bytes)):
        raise TypeError("several photographs are wanted, not one: put it into a list")
    with contextlib.ExitStack() as stack:
        pointers = [stack.enter_context(shown(source)) for source in sources]
        yield (ctypes.POINTER(_abi.fm_image) * len(pointers))(*pointers)
