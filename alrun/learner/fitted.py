"""Base of learners that are fitted to all labels at once, not epoch by epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from torch import Tensor

from alrun.core.errors import Problem, StrategyError
from alrun.core.seeding import Seeds
from alrun.core.types import TaskSpec
from alrun.learner.base import Learner

__all__ = ["Fitted"]


class Fitted(Learner, ABC):
    """A learner whose ``fit_at_once`` stands in for the training loop: no epochs, no optimizer, no early stopping.

    What it learns is a function of the labels and the seeds alone, whatever it held before: ``training.reset`` and the
    other keys of ``training`` mean nothing to it.

    Args:
        spec: Input shape, task and number of outputs.
        likelihood: ``mean`` or ``gaussian``; means nothing to classification.
        problems: What the subclass found wrong with its own options.
    """

    def __init__(self, spec: TaskSpec, likelihood: str = "gaussian", problems: Iterable[Problem] = ()) -> None:
        super().__init__(spec, _no_optimizer, likelihood=likelihood, problems=problems)

    @abstractmethod
    def fit_at_once(self, inputs: Tensor, targets: Tensor, seeds: Seeds) -> Mapping[str, float]:
        """Fit to all labels; return what there is to report of it, ``train_loss`` at least.

        Args:
            inputs: ``[N, *input_shape]``, ``N >= 1``, whose statistics ``fit_statistics`` has taken.
            targets: ``[N]`` classes or ``[N, T]`` values.
            seeds: Streams of the training phase.
        """

    def configure_optimizers(self) -> Any:
        """Return ``None``: there is nothing to step."""
        return None


def _no_optimizer(*_: Any) -> NoReturn:
    raise StrategyError("this learner is fitted at once, and has no optimizer")
