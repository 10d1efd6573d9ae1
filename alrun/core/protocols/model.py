"""Interfaces of learners, step functions, training loops and inference modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from alrun.core.seeding import Seeds

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

__all__ = [
    "BatchWatch",
    "InferenceModule",
    "InferenceProtocol",
    "LearnerProtocol",
    "TrainingLoop",
    "TrainingProtocol",
    "TrainingSession",
    "ValidationProtocol",
]


class TrainingProtocol(Protocol):
    """One training batch."""

    def __call__(self, model: Any, data: Any) -> Tensor:
        """Return a reduced, differentiable loss; the caller runs backward."""
        ...


class ValidationProtocol(Protocol):
    """One validation batch."""

    def __call__(self, model: Any, data: Any) -> None:
        """Evaluate ``model`` on ``data``."""
        ...


class InferenceProtocol(Protocol):
    """One forward pass."""

    def __call__(self, model: Any, data: Any) -> Any:
        """Return the forward output, hardly processed; ``data`` holds inputs only."""
        ...


@runtime_checkable
class LearnerProtocol(Protocol):
    """A model that knows its own steps.

    One that also has ``attach(driver)`` is given the driver before anything runs, as strategies are; it may read inputs
    of the unlabeled pool while it trains, and draws from ``driver.seeds``.

    One that also has ``fit_at_once(inputs, targets, seeds)`` is fitted by it to all labels together, in place of the
    training loop; it returns what there is to report, by name (``train_loss``). What it is to keep must be in its
    ``state_dict()``. One with ``prior_precision`` says which Gaussian prior its weights were trained with. One made of
    members whose predictions it averages has ``committee(inputs)``, their outputs ``[K, B, ...]``.
    """

    def training_step(self, data: Any) -> Any:
        """Return the loss of one batch, or ``None`` after optimizing by itself."""
        ...

    def validation_step(self, data: Any) -> Any:
        """Evaluate one batch."""
        ...

    def inference_step(self, data: Any) -> Any:
        """Return the outputs for inputs."""
        ...

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return what the optimizer changes."""
        ...

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the outputs for inputs."""
        ...


class BatchWatch(Protocol):
    """Whom a training loop tells of each batch."""

    def started(self, epoch: int, index: int) -> None:
        """Report that batch ``index`` (0-based) of ``epoch`` begins."""
        ...

    def finished(self, epoch: int, index: int, samples: int, metrics: Mapping[str, Any]) -> None:
        """Report that it has ended; numbers and scalar tensors of ``metrics`` are read at once."""
        ...


class TrainingSession(Protocol):
    """What the driver hands to a training loop, as the keyword ``session``, so that it can resume inside a phase.

    A loop that ignores it is restarted from the beginning of the phase.

    Attributes:
        seeds: Streams of the phase.
        train_batches: Whom to tell of each training batch; ``None`` while nobody wants to know.
        eval_batches: Whom to tell of each validation batch, or ``None``.
    """

    seeds: Seeds
    train_batches: BatchWatch | None
    eval_batches: BatchWatch | None

    def load(self) -> Mapping[str, Any] | None:
        """Return the state last given to ``save`` in this phase, or ``None`` to start afresh."""
        ...

    def due(self, epoch: int) -> bool:
        """Return whether the state after ``epoch`` finished epochs should be saved now."""
        ...

    def save(self, epoch: int, state: Mapping[str, Any]) -> None:
        """Commit ``state`` (nested dicts, lists, tensors, numbers, strings, ``None``) after ``epoch`` epochs.

        Its entry ``report``, where there is one, holds ``max_epochs`` and ``metrics`` as ``epoch_finished`` will be
        told them next: a resumed run tells them to callbacks whose state is older.
        """
        ...

    def epoch_started(self, epoch: int) -> None:
        """Seed the global generators for ``epoch`` (0-based)."""
        ...

    def logged(self, values: Mapping[str, Mapping[str, float]]) -> None:
        """Take what the learner itself logged in the epoch that ends, by split (``training``, ``validation``) and name.

        Called before ``save``; what the last epoch of the phase logged goes to the records.
        """
        ...

    def eval_started(self, epoch: int) -> None:
        """Report that the validation of ``epoch`` begins."""
        ...

    def eval_finished(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Report what the validation of ``epoch`` measured."""
        ...

    def epoch_finished(self, epoch: int, max_epochs: int, metrics: Mapping[str, float]) -> None:
        """Report ``epoch`` (0-based) as done; raises ``Interrupted`` when the run was asked to stop."""
        ...


class TrainingLoop(Protocol):
    """Fits a model.

    ``max_epochs`` and ``max_train_steps`` exclude each other. ``max_train_steps`` may exceed one pass and then recycles
    the data; ``max_val_steps`` bounds each validation. A given ``train_step_fn`` or ``validate_step_fn`` wins over the
    learner's own methods. With ``train_step_fn`` the loop owns ``zero_grad``, ``backward`` and ``step``; a learner
    whose ``training_step`` optimizes by itself (returns ``None``, or Lightning manual optimization) is left to it.
    """

    def __call__(
        self,
        model: Any,
        optimizer: torch.optim.Optimizer | None,
        train_dataloader: Any,
        validation_dataloader: Any | None = None,
        train_step_fn: TrainingProtocol | None = None,
        validate_step_fn: ValidationProtocol | None = None,
        max_epochs: int | None = None,
        max_train_steps: int | None = None,
        max_val_steps: int | None = None,
        lr_scheduler: Any | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Train ``model`` in place."""
        ...


class InferenceModule(Protocol):
    """How predictions are made from a learner: once, or as ``K`` posterior samples.

    One that also has ``num_members`` and ``combine(learners) -> module`` says what learner is trained: the configured
    one is built ``num_members`` times, each with initial weights of its own, the first with those that it would have
    alone, and what ``combine`` makes of them is the driver's learner. Such a module may have ``shuffles``, the number
    of shuffles of the training pool that its batches are made of; ``lifted(step, training)``, which turns a step
    function for one learner into one for the module; and ``representative``, the learner that embeddings come from.

    One that also has ``attach(driver)`` is given the driver before anything runs, as strategies are; it may look at the
    training pool when it prepares.

    Attributes:
        stochastic: Whether outputs carry a leading dimension of ``K`` samples.
    """

    stochastic: bool

    def prepared(self, learner: nn.Module, seeds: Seeds) -> AbstractContextManager[Callable[[Tensor], Tensor]]:
        """Yield a function from inputs ``[B, ...]`` to outputs ``[B, ...]`` or ``[K, B, ...]``, gradients off.

        The learner is left exactly as it was found: weights, training mode, modules.
        """
        ...
