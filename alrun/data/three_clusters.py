"""Three clusters in the plane, one of which holds both classes alike, which misleads uncertainty."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from alrun.core.types import Task, TaskSpec
from alrun.data.problems import fail
from alrun.data.source import ArraySource

__all__ = ["ThreeClusters"]

#: Mean and class of the four groups of points, two of which lie in one place.
GROUPS = (((0.0, 0.0), 1), ((4.0, 3.0), 1), ((0.0, 6.0), 0), ((4.0, 3.0), 0))


class ThreeClusters(ArraySource):
    """Four Gaussian groups of unit covariance around (0, 0), (4, 3), (0, 6) and again (4, 3), in the unit square.

    The first two are class 1, the others class 0, so that the labels of half of the points say nothing: the set
    ThreeClust of CDALBench (Werner et al., NeurIPS 2024), where strategies by uncertainty lose to random. Deviations:
    the points are a function of the arguments alone, not of the experiment's seed, and are scaled by the range of all,
    not by that of the training rows.
    """

    task: ClassVar[Task | None] = Task.CLASSIFICATION

    def __init__(
        self,
        *,
        n_samples: int = 600,
        generator_seed: int = 0,
        validation_size: float = 0.16,
        test_size: float = 0.2,
    ) -> None:
        """Draw the points.

        Args:
            n_samples: Number of points, a quarter for each group.
            generator_seed: Seed of the points.
            validation_size: See ``ArraySource``.
            test_size: See ``ArraySource``.

        Raises:
            DataError: Too few points, or not the same number for each group.
        """
        if n_samples < 8 or n_samples % len(GROUPS):
            raise fail(f"{n_samples} points cannot be shared out to 4 groups", "data.n_samples", "data.n_samples=600")
        each = n_samples // len(GROUPS)
        generator = np.random.Generator(np.random.Philox(generator_seed))
        means = np.repeat([mean for mean, _ in GROUPS], each, axis=0)
        points = means + generator.standard_normal((n_samples, 2))
        low, high = points.min(axis=0), points.max(axis=0)
        inputs = torch.from_numpy((points - low) / (high - low)).to(torch.float32)
        targets = torch.tensor([label for _, label in GROUPS]).repeat_interleave(each)
        spec = TaskSpec(Task.CLASSIFICATION, (2,), 2, class_names=("upper", "lower"))
        super().__init__(inputs, targets, spec, validation_size=validation_size, test_size=test_size)
