"""SWAG: a Gaussian fitted to the trajectory of the weights in training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from torch import Tensor, nn

from alrun.core.arguments import count_problems, raise_any
from alrun.core.errors import ConfigError, Problem
from alrun.core.evaluation import evaluating
from alrun.core.seeding import Seeds
from alrun.inference.averaged import Averaged

__all__ = ["SWAG"]


class SWAG:
    """Predictions of weights drawn from a Gaussian: outputs ``[K, B, ...]``, ``K = num_samples * num_members``.

    Maddox et al. (2019), "A simple baseline for Bayesian uncertainty in deep learning", algorithm 1: mean and
    covariance of the weights at the end of each epoch after ``start``; the covariance is half diagonal, half of low
    rank, from the last ``rank`` deviations (equation 1); ``rank=0`` leaves the diagonal, whole.
    With several members, MultiSWAG: Wilson and Izmailov (2020), "Bayesian deep learning and a probabilistic perspective
    of generalization". The draws belong to the step: query and metrology see the same ones.

    Deviations: second moments are kept centered, without cancellation. The learning rate is whatever the learner has;
    the paper's is constant and high, by SGD. Statistics of batch normalization are those of the last epoch, not
    recomputed for each draw: take a learner without it. Training that stops before ``start`` leaves a posterior without
    spread. ``restore_best`` restores the Gaussian of the best epoch with its weights.

    Args:
        num_samples: Draws a member.
        rank: Deviations kept, each as large as the weights, in memory and in checkpoints.
        start: Share of the epochs, in ``[0, 1)``, after which weights are taken.
        num_members: Learners, each trained as in an ensemble with a Gaussian of its own.

    Raises:
        ConfigError: An argument is out of range.
    """

    stochastic: bool = True

    def __init__(self, num_samples: int = 20, rank: int = 20, start: float = 0.5, num_members: int = 1) -> None:
        problems = [
            *count_problems("inference.num_samples", num_samples, "inference.num_samples=20"),
            *count_problems("inference.rank", rank, "inference.rank=20", least=0),
            *count_problems("inference.num_members", num_members, "inference.num_members=1"),
        ]
        if isinstance(start, bool) or not isinstance(start, int | float) or not 0 <= start < 1:
            what = f"{start!r} is not a share of the epochs in [0, 1)"
            problems.append(Problem(what, "inference.start", "inference.start=0.5"))
        raise_any(problems)
        self.num_samples, self.rank, self.start, self.num_members = num_samples, rank, start, num_members

    def combine(self, learners: Sequence[nn.Module]) -> nn.Module:
        """Return the ``num_members`` learners as one module that remembers its weights."""
        return Averaged(learners, self.rank, self.start)

    def validate(self, learner: nn.Module) -> None:
        """Raise ``ConfigError`` unless ``learner`` is what ``combine`` made."""
        if not isinstance(learner, Averaged):
            what = f"SWAG predicts with the learner that combine() made, not with {type(learner).__name__}"
            raise ConfigError(Problem(what, "inference", "SWAG().combine([learner]) makes one"))

    @contextmanager
    def prepared(self, learner: nn.Module, seeds: Seeds) -> Iterator[Callable[[Tensor], Tensor]]:
        """Yield a function from inputs ``[B, ...]`` to outputs ``[K, B, ...]``, without gradients.

        All ``K`` draws are in memory meanwhile.
        """
        self.validate(learner)
        assert isinstance(learner, Averaged)  # noqa: S101 - for the type checker
        draws = learner.posterior(self.num_samples, seeds)
        with evaluating(learner):
            yield lambda inputs: learner.outputs(draws, inputs)
