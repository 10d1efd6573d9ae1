"""Two interleaving half circles in the plane: a decision boundary that can be plotted."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import torch

from alrun.core.types import Task, TaskSpec
from alrun.data.problems import fail
from alrun.data.source import ArraySource

__all__ = ["Moons"]


class Moons(ArraySource):
    """Half circles of radius 1 around (0, 0), open below, and (1, 0.5), open above, with Gaussian noise.

    Points stand at equal angles, as in ``sklearn.datasets.make_moons``; the first half of the rows is class 0. The data
    are a function of the arguments alone, not of the experiment's seed.
    """

    task: ClassVar[Task | None] = Task.CLASSIFICATION

    def __init__(
        self,
        *,
        n_samples: int = 2000,
        noise: float = 0.2,
        generator_seed: int = 0,
        validation_size: float = 0.1,
        test_size: float = 0.2,
    ) -> None:
        """Make the points.

        Args:
            n_samples: Number of points; an odd one goes to the second moon.
            noise: Standard deviation of the noise on both coordinates.
            generator_seed: Seed of the noise.
            validation_size: See ``ArraySource``.
            test_size: See ``ArraySource``.

        Raises:
            DataError: Too few points, or negative noise.
        """
        if n_samples < 4:
            raise fail(f"{n_samples} is too few points for two moons", "data.n_samples", "data.n_samples=2000")
        if not 0 <= noise < math.inf:
            raise fail(f"noise {noise} is not a standard deviation", "data.noise", "data.noise=0.2")
        outer = np.linspace(0, np.pi, n_samples // 2)
        inner = np.linspace(0, np.pi, n_samples - n_samples // 2)
        x = np.concatenate([np.cos(outer), 1 - np.cos(inner)])
        y = np.concatenate([np.sin(outer), 0.5 - np.sin(inner)])
        generator = np.random.Generator(np.random.Philox(generator_seed))
        points = np.stack([x, y], axis=1) + noise * generator.standard_normal((n_samples, 2))
        targets = torch.arange(n_samples).ge(n_samples // 2).to(torch.int64)
        spec = TaskSpec(Task.CLASSIFICATION, (2,), 2, class_names=("outer", "inner"))
        inputs = torch.from_numpy(points).to(torch.float32)
        super().__init__(inputs, targets, spec, validation_size=validation_size, test_size=test_size)
