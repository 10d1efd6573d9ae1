"""Simulator with a known solution, evaluated on a space-filling design."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from alrun.core.arguments import choice_problems, raise_any
from alrun.core.errors import DataError
from alrun.core.types import Task, TaskSpec
from alrun.data.encoding import encode_values
from alrun.data.problems import fail
from alrun.data.simulators import SIMULATORS
from alrun.data.source import ArraySource

__all__ = ["Function", "latin_hypercube", "sobol"]


class Function(ArraySource):
    """Points of the unit cube and what the simulator answers there: a surrogate's data set without noise.

    Inputs stay in the unit cube; ``alrun.data.simulators`` scales them to physical units. The data are a function of
    the arguments alone, not of the experiment's seed.
    """

    task: ClassVar[Task | None] = Task.REGRESSION

    def __init__(
        self,
        *,
        simulator: str = "branin",
        n_samples: int = 2048,
        design: str = "sobol",
        generator_seed: int = 0,
        validation_size: float = 0.1,
        test_size: float = 0.2,
    ) -> None:
        """Evaluate the simulator.

        Args:
            simulator: ``branin`` (2 inputs), ``ishigami`` (3) or ``borehole`` (8).
            n_samples: Number of points.
            design: ``sobol`` (scrambled; best with a power of two) or ``lhs`` (Latin hypercube).
            generator_seed: Seed of the design.
            validation_size: See ``ArraySource``.
            test_size: See ``ArraySource``.

        Raises:
            DataError: An unknown simulator or design, or no points.
        """
        raise_any(choice_problems("data.simulator", simulator, SIMULATORS), DataError)
        raise_any(choice_problems("data.design", design, ("sobol", "lhs")), DataError)
        if n_samples < 1:
            raise fail(f"{n_samples} is too few points", "data.n_samples", "data.n_samples=2048")
        compute = SIMULATORS[simulator]
        dimension = len(compute.bounds)
        draw = sobol if design == "sobol" else latin_hypercube
        inputs = draw(n_samples, dimension, generator_seed)
        targets, origin = encode_values(compute(inputs).numpy(), simulator)
        spec = TaskSpec(Task.REGRESSION, (dimension,), 1, target_origin=origin)
        super().__init__(inputs, targets, spec, validation_size=validation_size, test_size=test_size)


def sobol(count: int, dimension: int, seed: int) -> Tensor:
    """Return ``count`` points ``[n, d]`` ``float32`` of a scrambled Sobol sequence (Owen 1998; torch's engine)."""
    engine = torch.quasirandom.SobolEngine(dimension, scramble=True, seed=seed)
    return engine.draw(count, dtype=torch.float32)


def latin_hypercube(count: int, dimension: int, seed: int) -> Tensor:
    """Return ``count`` points ``[n, d]`` ``float32``, one in each of ``n`` slices of every axis (McKay et al. 1979)."""
    generator = np.random.Generator(np.random.Philox(seed))
    slices = generator.permuted(np.tile(np.arange(count), (dimension, 1)), axis=1).T
    return torch.from_numpy((slices + generator.random((count, dimension))) / count).to(torch.float32)
