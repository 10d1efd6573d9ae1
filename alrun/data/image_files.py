"""Image files, on disk or in the bytes of a table, decoded by Pillow to arrays of one size."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alrun.core.errors import DataError, Problem
from alrun.core.showing import printable
from alrun.data.problems import fail

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["ImageBytes", "ImageFile", "ImageForm", "content_digests", "decoded_blocks", "size_of"]

#: What Pillow may take a file for: formats of pixels alone, none that runs another program.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
#: Bytes of a file, and pixels of an image, that no image to learn from has.
_MOST_BYTES, _MOST_PIXELS = 1 << 28, 1 << 26
#: Files that are decoded before the next are begun.
_BLOCK = 256
_MOST_SAID = 8


@dataclass(frozen=True)
class ImageBytes:
    """An image file that is held by something else.

    Attributes:
        name: What to call it in an error.
        data: Its bytes.
    """

    name: str
    data: bytes

    def __str__(self) -> str:
        return self.name


ImageFile = Path | ImageBytes


@dataclass(frozen=True)
class ImageForm:
    """What images become.

    Attributes:
        size: Height and width.
        channels: 3 for red, green and blue, 1 for gray.
        fit: What is done with another shape: ``crop`` its middle, ``pad`` it with black, or ``stretch`` it.
    """

    size: tuple[int, int]
    channels: int
    fit: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of one image, ``(channels, height, width)``."""
        return (self.channels, *self.size)


def _reader() -> Callable[..., Image.Image]:
    """Return what reads the header of an image."""
    try:
        from PIL.Image import open as reader
    except ImportError as error:
        what = "images are read by Pillow, which is not installed"
        raise fail(what, "data", "pip install 'alrun[images]'") from error
    return reader


def content_digests(files: Sequence[ImageFile]) -> list[bytes]:
    """Return the SHA-256 of each file.

    Raises:
        DataError: One is no regular file, or far too large for an image: each of these is named.
    """
    return list(_each(files, _digest))


def decoded_blocks(files: Sequence[ImageFile], form: ImageForm) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the images ``[n, channels, height, width]`` of ``files``, a few at a time, in their order.

    Raises:
        DataError: One cannot be decoded; those that are looked at with it are named, too.
    """
    _reader()
    block: list[npt.NDArray[np.uint8]] = []
    for image in _each(files, partial(_decoded, form=form)):
        block.append(image)
        if len(block) == _BLOCK:
            yield np.stack(block)
            block = []
    if block:
        yield np.stack(block)


def size_of(file: ImageFile) -> tuple[int, int]:
    """Return height and width of an image, as it is shown.

    Raises:
        DataError: It cannot be decoded.
    """
    _reader()
    (size,) = _each([file], _size)
    return size[0], size[1]


def _each(files: Sequence[ImageFile], work: Any) -> Iterator[Any]:
    """Yield what ``work`` makes of each file, in several threads, at most ``_BLOCK`` files ahead."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as threads:
        for start in range(0, len(files), _BLOCK):
            problems: list[Problem] = []
            for answer in threads.map(partial(_caught, work), files[start : start + _BLOCK]):
                if isinstance(answer, Problem):
                    problems.append(answer)
                elif not problems:
                    yield answer
            if problems:
                more = len(problems) - _MOST_SAID
                said = problems[:_MOST_SAID]
                raise DataError([*said, Problem(f"and {more} more files", "data.path")] if more > 0 else said)


def _caught(work: Any, file: ImageFile) -> Any:
    """Return what ``work`` makes of a file, or why it cannot."""
    try:
        return work(file)
    except Exception as error:
        what = str(error) if isinstance(error, _Refused) else f"cannot be decoded: {printable(str(error), 200)}"
        hint = "remove it, or replace it by an image: " + ", ".join(FORMATS)
        return Problem(what, printable(str(file), 300), hint)


class _Refused(Exception):
    """A file that is not even looked at."""


def _bytes(file: ImageFile) -> bytes:
    if isinstance(file, ImageBytes):
        size = len(file.data)
    elif file.is_file():
        size = file.stat().st_size
    else:
        raise _Refused("is no regular file" if file.exists() else "there is no such file")
    if size > _MOST_BYTES:
        raise _Refused(f"has {size} bytes, more than the {_MOST_BYTES} of any image to learn from")
    return file.data if isinstance(file, ImageBytes) else file.read_bytes()


def _digest(file: ImageFile) -> bytes:
    return hashlib.sha256(_bytes(file)).digest()


def _opened(file: ImageFile) -> Image.Image:
    """Return an image whose header alone has been read."""
    image = _reader()(io.BytesIO(_bytes(file)), formats=FORMATS)
    if image.width * image.height > _MOST_PIXELS:
        raise _Refused(f"announces {image.width} x {image.height} pixels, more than any image to learn from has")
    return image


def _size(file: ImageFile) -> tuple[int, int]:
    from PIL import ImageOps

    image = ImageOps.exif_transpose(_opened(file))
    return image.height, image.width


def _decoded(file: ImageFile, form: ImageForm) -> npt.NDArray[np.uint8]:
    """Return an image ``[channels, height, width]``."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(_opened(file))
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise _Refused(f"has pixels of mode {image.mode!r}, whose range is unknown: save it with 8 bits a channel")
    image = image.convert("RGB" if form.channels == 3 else "L")
    height, width = form.size
    if image.size != (width, height):
        smooth = Image.Resampling.BICUBIC
        if form.fit == "stretch":
            image = image.resize((width, height), smooth)
        else:
            image = (ImageOps.fit if form.fit == "crop" else ImageOps.pad)(image, (width, height), smooth)
    pixels = np.asarray(image, dtype=np.uint8).reshape(height, width, form.channels)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))
