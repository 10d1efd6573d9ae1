"""Pixels of images: decoded once, and kept in the cache under a digest of what the images are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.core.arguments import choice_problems, raise_any
from alrun.core.protocols.cache import ArrayCache
from alrun.data.image_files import ImageFile, ImageForm, content_digests, decoded_blocks, size_of
from alrun.data.memory import refuse_larger
from alrun.data.problems import fail

__all__ = ["image_form", "image_pixels"]

FITS = ("crop", "pad", "stretch")


def image_form(size: int | Sequence[int] | None, channels: int, fit: str, first: ImageFile) -> ImageForm:
    """Return what images become; without a size, that of the first image.

    Raises:
        DataError: A setting is none of those that there are, or the first image cannot be decoded.
    """
    raise_any(choice_problems("data.fit", fit, FITS))
    if channels not in (1, 3):
        raise fail(f"{channels} channels", "data.channels", "data.channels=3 (colors) or data.channels=1 (gray)")
    return ImageForm(size_of(first) if size is None else _parsed(size), channels, fit)


def image_pixels(
    files: Sequence[ImageFile], form: ImageForm, cache: ArrayCache | None, where: Path
) -> npt.NDArray[Any]:
    """Return all images ``[N, channels, height, width]`` ``uint8``.

    Args:
        files: The images.
        form: What they become.
        cache: Where pixels are kept, memory-mapped; ``None`` for memory.
        where: What to call the images in an error.

    Raises:
        DataError: One cannot be decoded, or together they are more than the memory holds.
    """
    shape = (len(files), *form.shape)
    if cache is not None:
        digest = hashlib.sha256(repr(("images 1", form)).encode())
        for one in content_digests(files):
            digest.update(one)
        return cache.array(digest.hexdigest(), shape, "|u1", lambda: decoded_blocks(files, form))
    refuse_larger(int(np.prod(shape)), where, "data.size=32")
    pixels, start = np.empty(shape, dtype=np.uint8), 0
    for block in decoded_blocks(files, form):
        pixels[start : start + len(block)] = block
        start += len(block)
    return pixels


def _parsed(size: int | Sequence[int]) -> tuple[int, int]:
    both = [size, size] if isinstance(size, int) else list(size)
    if len(both) != 2 or any(isinstance(one, bool) or not isinstance(one, int) or not 1 <= one <= 4096 for one in both):
        raise fail(f"{size} is no height and width", "data.size", "data.size=32 or data.size=[32,48]")
    return both[0], both[1]
