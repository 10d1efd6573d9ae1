"""Random augmentation of minibatches in plain torch: images, and rows of features.

Random numbers come from the global generator of torch, which a training phase seeds for each epoch, and are drawn on
the CPU, so that every device trains on the same.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.arguments import number_problems, raise_any
from alrun.learner.checks import share_problems

__all__ = ["FeatureNoise", "ImageAugmentation"]


class ImageAugmentation(nn.Module):
    """Mirroring, shift, cutout and noise of images ``[B, C, H, W]``, drawn anew for each image.

    Args:
        flip: Whether half of them, by chance, are mirrored left to right.
        shift: Share of height and width by which an image is moved at most, in ``[0, 1]``; what comes in is 0.
        cutout: Share of height and width of a square, somewhere in the image, that takes its mean (DeVries and Taylor
            2017, "Improved regularization of convolutional neural networks with cutout"), in ``[0, 1]``.
        noise: Standard deviation of Gaussian noise, in units of the standard deviation of all values of the minibatch.

    Raises:
        ConfigError: With every problem at once.
    """

    def __init__(self, flip: bool = False, shift: float = 0.125, cutout: float = 0.0, noise: float = 0.0) -> None:
        key = "learner.augmentation"
        shares = [*share_problems(f"{key}.shift", shift), *share_problems(f"{key}.cutout", cutout)]
        raise_any([*shares, *number_problems(f"{key}.noise", noise, f"{key}.noise=0.1")])
        super().__init__()
        self.flip, self.shift, self.cutout, self.noise = flip, shift, cutout, noise

    def forward(self, images: Tensor) -> Tensor:
        """Return other images of the same shape.

        Raises:
            ValueError: They are no images.
        """
        if images.ndim != 4:
            raise ValueError(f"images are [B, channels, height, width], not {list(images.shape)}")
        if self.flip:
            turned = (torch.rand(len(images)) < 0.5).to(images.device)
            images = torch.where(turned[:, None, None, None], images.flip(3), images)
        if self.shift:
            images = _shifted(images, self.shift)
        if self.cutout:
            images = _cut(images, self.cutout)
        if self.noise:
            images = images + self.noise * images.std() * torch.randn(images.shape).to(images)
        return images


class FeatureNoise(nn.Module):
    """Noise on the columns of rows ``[B, ...]``, and values from other rows of the minibatch in the place of some.

    Args:
        noise: Standard deviation of Gaussian noise, in units of each column's own in the minibatch.
        swap: Share of the values that are taken from the same column of another row (Bahri et al. 2022, "SCARF"), in
            ``[0, 1]``.

    Raises:
        ConfigError: With every problem at once.
    """

    def __init__(self, noise: float = 0.1, swap: float = 0.0) -> None:
        key = "learner.augmentation"
        raise_any([*number_problems(f"{key}.noise", noise, f"{key}.noise=0.1"), *share_problems(f"{key}.swap", swap)])
        super().__init__()
        self.noise, self.swap = noise, swap

    def forward(self, rows: Tensor) -> Tensor:
        """Return other rows of the same shape."""
        if self.swap:
            chosen = (torch.rand(rows.shape) < self.swap).to(rows.device)
            sources = torch.randint(len(rows), rows.shape).to(rows.device)
            rows = torch.where(chosen, rows.gather(0, sources), rows)
        if self.noise:
            rows = rows + self.noise * rows.std(dim=0, correction=0) * torch.randn(rows.shape).to(rows)
        return rows


def _shifted(images: Tensor, share: float) -> Tensor:
    count, depth, height, width = images.shape
    most = [round(share * size) for size in (height, width)]
    padded = functional.pad(images, (most[1], most[1], most[0], most[0]))
    down, across = (
        (torch.randint(2 * bound + 1, (count, 1)) + torch.arange(size)).to(images.device)
        for bound, size in zip(most, (height, width), strict=True)
    )
    each, channels = torch.arange(count)[:, None, None, None], torch.arange(depth)[None, :, None, None]
    return padded[each, channels, down[:, None, :, None], across[:, None, None, :]]


def _cut(images: Tensor, share: float) -> Tensor:
    count, _, height, width = images.shape
    inside = torch.ones(count, 1, height, width, dtype=torch.bool, device=images.device)
    for dim, size in ((2, height), (3, width)):
        side = max(1, round(share * size))
        start = torch.randint(size, (count, 1)) - side // 2
        place = torch.arange(size)
        within = ((place >= start) & (place < start + side)).to(images.device)
        inside = inside & (within[:, None, :, None] if dim == 2 else within[:, None, None, :])
    return torch.where(inside, images.mean(dim=(1, 2, 3), keepdim=True), images)
