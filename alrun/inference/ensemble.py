"""Deep ensembles: several learners with different initial weights and shuffles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn

from alrun.core.arguments import count_problems, raise_any
from alrun.core.errors import ConfigError, Problem
from alrun.core.evaluation import evaluating
from alrun.core.seeding import Seeds
from alrun.inference.evaluation import outputs_of
from alrun.inference.members.members import Members

__all__ = ["Ensemble"]


class Ensemble:
    """``M`` learners, trained side by side: outputs ``[M, B, ...]``, equally weighted samples of a posterior.

    Lakshminarayanan, Pritzel and Blundell (2017), "Simple and scalable predictive uncertainty estimation using deep
    ensembles", without its adversarial training. Each member has its own initial weights and its own shuffle of the
    training pool each epoch; member 0 those of the plain learner at the same seed. They are one module, trained
    together wherever the learner bears it (``Vectorized``), with the result to rounding of members trained one by one;
    ``Members`` says what they share. Dropout masks are drawn for each member: not those of a member trained by itself.

    Args:
        num_members: Number ``M`` of members.

    Raises:
        ConfigError: ``num_members`` is not a positive whole number.
    """

    stochastic: bool = True

    def __init__(self, num_members: int = 10) -> None:
        raise_any(count_problems("inference.num_members", num_members, "inference.num_members=10"))
        self.num_members = num_members

    def combine(self, learners: Sequence[nn.Module]) -> nn.Module:
        """Return the ``num_members`` learners as one module."""
        return Members(learners)

    def validate(self, learner: nn.Module) -> None:
        """Raise ``ConfigError`` unless ``learner`` is what ``combine`` made."""
        if not isinstance(learner, Members):
            what = f"an ensemble predicts with the learner that combine() made, not with {type(learner).__name__}"
            raise ConfigError(Problem(what, "inference", "Ensemble(M).combine([learner, …]) makes one"))

    @contextmanager
    def prepared(self, learner: nn.Module, seeds: Seeds) -> Iterator[Callable[[Tensor], Tensor]]:
        """Yield a function from inputs ``[B, ...]`` to outputs ``[M, B, ...]``, without gradients."""
        self.validate(learner)
        with evaluating(learner):
            yield outputs_of(learner)
