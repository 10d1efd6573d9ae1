"""Learners that record the trajectory of their weights in the last epochs of training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from alrun.core.compat import trainer_of
from alrun.core.seeding import Seeds
from alrun.inference.members.members import Members
from alrun.inference.members.weights import Weights

__all__ = ["Averaged"]


class Averaged(Members):
    """Members whose weights at the end of late epochs are summed up: mean, variance and the last deviations.

    All of it is in buffers, so that it is saved and resumed with the weights. The first epoch of a training phase
    forgets what the phase before it has left.

    Args:
        learners: The members, used up.
        rank: How many deviations are kept.
        start: Share of the epochs, in ``[0, 1)``, after which weights are taken.

    Attributes:
        taken: Scalar ``int64``: weights taken so far.
    """

    taken: Tensor

    def __init__(self, learners: Sequence[nn.Module], rank: int, start: float) -> None:
        super().__init__(learners)
        self._rank, self._start = rank, start
        self.trained = [name for name, value in self.weights().items() if value.requires_grad]
        self.register_buffer("taken", torch.zeros((), dtype=torch.int64))
        self.trace = nn.Module()
        for number, name in enumerate(self.trained):
            value = self.weights()[name].detach()
            self.trace.register_buffer(f"mean_{number}", torch.zeros_like(value))
            self.trace.register_buffer(f"square_{number}", torch.zeros_like(value))
            self.trace.register_buffer(f"deviations_{number}", value.new_zeros(rank, *value.shape))

    def on_train_epoch_end(self) -> None:
        """Take the weights, if the epoch is late enough."""
        trainer = trainer_of(self)
        if trainer.current_epoch == 0:
            self.taken.zero_()
        if trainer.current_epoch + 1 > self._start * _epochs(trainer):
            self._take()

    @torch.no_grad()
    def _take(self) -> None:
        """Update mean and sum of squares by Welford's recurrence, and put the newest deviation in its row."""
        count = int(self.taken)
        weights = self.weights()
        for number, name in enumerate(self.trained):
            mean, square, deviations = self._of(number)
            if count == 0:
                for buffer in (mean, square, deviations):
                    buffer.zero_()
            before = weights[name] - mean
            mean += before / (count + 1)
            after = weights[name] - mean
            square += before * after
            if self._rank:
                deviations[count % self._rank] = after
        self.taken += 1

    def _of(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        mean, square, deviations = (
            getattr(self.trace, f"{kind}_{number}") for kind in ("mean", "square", "deviations")
        )
        return mean, square, deviations

    def posterior(self, num_samples: int, seeds: Seeds) -> Weights:
        """Return ``num_samples`` draws for each member, one draw of all members after the other, ``[K * M, ...]`` each.

        Draw ``k`` of a member has a stream of its own, on the CPU. While nothing has been taken, all draws are the
        weights as they are.
        """
        weights = self.weights()
        drawn = {name: value.detach().repeat(num_samples, *[1] * (value.ndim - 1)) for name, value in weights.items()}
        count = int(self.taken)
        if count == 0:
            return drawn
        columns = min(count, self._rank)
        for draw in range(num_samples):
            for member in range(self.num_members):
                stream = seeds.torch("posterior", f"{draw} of {member}")
                mix = torch.randn(columns, generator=stream)
                for number, name in enumerate(self.trained):
                    moments = self._of(number)
                    drawn[name][draw * self.num_members + member] = _draw(moments, member, count, mix, stream)
        return drawn


def _draw(moments: Sequence[Tensor], member: int, count: int, mix: Tensor, stream: torch.Generator) -> Tensor:
    """Return one draw of a parameter: diagonal and low-rank noise share the covariance; the one alone has all of it."""
    mean: Tensor = moments[0][member]
    square, deviations = moments[1][member], moments[2][:, member]
    noise = torch.randn(mean.shape, generator=stream).to(mean)
    diagonal: Tensor = noise * (square / count).sqrt()
    if len(mix) < 2:
        return mean + diagonal
    low_rank: Tensor = torch.tensordot(mix.to(mean), deviations[: len(mix)], dims=1)
    return mean + diagonal / math.sqrt(2) + low_rank / math.sqrt(2 * (len(mix) - 1))


def _epochs(trainer: Any) -> float:
    """Return how many epochs there will be, of a Trainer or what stands in for one."""
    epochs = trainer.max_epochs
    if epochs is not None and epochs > 0:
        return float(epochs)
    return float(trainer.max_steps / max(1, trainer.num_training_batches))
