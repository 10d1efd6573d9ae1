"""Thumbnails: images as small pictures, in PNG and base64."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from alrun.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["image_shape", "thumbnails"]

#: Pixels of the longer side; smaller images are kept as they are.
MOST_PIXELS = 48


def image_shape(own: Sequence[int], shape: Sequence[int] | None = None) -> tuple[int, ...]:
    """Return channels, height and width of an image.

    Args:
        own: Shape of an input: height and width, or one, three or four channels before them.
        shape: That of the image, where the input is flat.

    Raises:
        ConfigError: An input is no such image, or Pillow is not installed.

    Example:
        >>> image_shape((64,), [8, 8])
        (1, 8, 8)
    """
    wanted = tuple(own if shape is None else shape)
    size = wanted if len(wanted) == 3 else (1, *wanted)
    if len(size) != 3 or size[0] not in (1, 3, 4) or min(size) < 1 or math.prod(size) != math.prod(own):
        what = f"an input of shape {list(own)} is no image" + (f" of shape {list(wanted)}" if shape is not None else "")
        raise ConfigError(Problem(what, "metrology.pool_map.image_shape", "metrology.pool_map.image_shape=[8,8]"))
    if find_spec("PIL") is None:
        what = "thumbnails are made by Pillow, which is not installed"
        raise ConfigError(Problem(what, "metrology.pool_map.thumbnails", "pip install pillow"))
    return size


def thumbnails(inputs: Any, shape: Sequence[int] | None = None) -> list[str]:
    """Return a picture of each of ``inputs``, from the darkest value of all of them to the brightest.

    Args:
        inputs: ``[n, ...]``: height and width, or one, three or four channels before them.
        shape: That of an input, where the rows are flat.

    Raises:
        ConfigError: The inputs are no images, or Pillow is not installed.
    """
    images = _images(inputs, shape)
    low, high = images.amin(), images.amax()
    levels = ((images - low) * (255 / (high - low).clamp_min(1e-12))).round().byte()
    return [_png(image) for image in levels.permute(0, 2, 3, 1).cpu().numpy()]


def _images(inputs: Any, shape: Sequence[int] | None) -> Tensor:
    """Return ``inputs`` as ``[n, channels, height, width]``, of at most ``MOST_PIXELS`` a side."""
    import torch
    from torch.nn.functional import interpolate

    size = image_shape(inputs.shape[1:] if isinstance(inputs, torch.Tensor) else (), shape)
    images: Tensor = inputs.reshape(-1, *size).float()
    scale = MOST_PIXELS / max(size[1:])
    if scale >= 1:
        return images
    return interpolate(images, size=[max(1, round(side * scale)) for side in size[1:]], mode="area")


def _png(pixels: Any) -> str:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()
