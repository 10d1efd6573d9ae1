"""A custom data source: rings, made when they are asked for.

From the command line::

    cd scripts/examples && alrun --config-dir conf --trust source data=rings query=margin
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from alrun import Task, TaskSpec
from alrun.data.source import ArraySource


class Rings(ArraySource):
    """Points on concentric circles around the origin, one class per circle.

    Whatever has its inputs in an array (a tensor, or a numpy array that may be memory-mapped) passes it to
    ``ArraySource`` and is done: splits, pools, embeddings and fingerprint come from there.
    """

    task: ClassVar[Task | None] = Task.CLASSIFICATION

    def __init__(
        self,
        *,
        n_samples: int = 1500,
        rings: int = 3,
        noise: float = 0.15,
        validation_size: float = 0.1,
        test_size: float = 0.2,
    ) -> None:
        """Make the points, always the same for the same arguments.

        Args:
            n_samples: Points in all.
            rings: Number of circles; ring ``k`` has radius ``k + 1``.
            noise: Standard deviation of the radius.
            validation_size: Rows for validation: a fraction below 1 or a count.
            test_size: Rows for test, likewise.
        """
        generator = np.random.Generator(np.random.Philox(0))
        ring = np.arange(n_samples) % rings
        radius = 1 + ring + noise * generator.standard_normal(n_samples)
        angle = generator.uniform(0, 2 * np.pi, n_samples)
        points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)
        spec = TaskSpec(Task.CLASSIFICATION, input_shape=(2,), num_outputs=rings)
        super().__init__(points, torch.from_numpy(ring), spec, validation_size=validation_size, test_size=test_size)
