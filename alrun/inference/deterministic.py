"""Deterministic inference: one prediction per input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from alrun.core.evaluation import evaluating
from alrun.core.seeding import Seeds
from alrun.inference.evaluation import outputs_of

__all__ = ["Deterministic"]


class Deterministic:
    """The learner as it is, in evaluation mode: outputs ``[B, ...]``."""

    stochastic: bool = False

    @contextmanager
    def prepared(self, learner: nn.Module, seeds: Seeds) -> Iterator[Callable[[Tensor], Tensor]]:
        """Yield the learner's ``inference_step`` (or forward) without gradients; ``seeds`` are not needed."""
        with evaluating(learner):
            yield outputs_of(learner)
