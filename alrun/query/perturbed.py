"""Base of the strategies that sample a batch by BALD scores instead of taking the highest."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from alrun.core.arguments import number_problems, raise_any
from alrun.core.row_random import row_uniforms
from alrun.core.seeding import Role
from alrun.core.types import Prediction
from alrun.query import scores
from alrun.query.elements import ElementQuery

__all__ = ["PerturbedBald"]


class PerturbedBald(ElementQuery):
    """Rows drawn without replacement, with chances that rise with their BALD scores.

    Kirsch et al. (2023), "Stochastic Batch Acquisition: A Simple Baseline for Deep Active Learning". The highest sums
    of a logarithm and standard Gumbel noise are such a draw (Gumbel-top-k). The noise of a row is a function of seed,
    step, strategy and row number, so that the order of the pool changes nothing. Reported are those sums.

    Args:
        max_samples: Rows a call.
        coldness: How much the scores count: 0 draws at random, more and more come near the highest scores.
        reduce: See ``ElementQuery``.

    Raises:
        ConfigError: The coldness is not a finite number, 0 or more.
    """

    requires_stochastic: ClassVar[bool] = True

    def __init__(self, max_samples: int, coldness: float = 1.0, reduce: str | int | None = None) -> None:
        super().__init__(max_samples, reduce)
        raise_any(number_problems("query.*.coldness", coldness, "query.*.coldness=1, as in the paper"))
        self.coldness = coldness

    def bald(self, prediction: Prediction) -> Tensor:
        """Return ``scores.bald`` of the rows of ``prediction``, ``[B]`` ``float64``."""
        return self.per_item(prediction, scores.bald).detach().cpu().double()

    def noise(self, rows: Tensor) -> Tensor:
        """Return a standard Gumbel number for each of ``rows`` ``[B]`` ``int64``, ``[B]`` ``float64``."""
        stream = self.driver.seeds.integer(Role.QUERY, self.stream_name)
        return torch.from_numpy(-np.log(-np.log(row_uniforms(rows, stream))))
