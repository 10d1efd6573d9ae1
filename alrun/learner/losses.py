"""Weighted sum of several losses, each of which is logged raw and weighted."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.arguments import raise_any
from alrun.core.errors import Problem
from alrun.core.types import Task, TaskSpec
from alrun.learner.gaussian import gaussian_nll

__all__ = [
    "CrossEntropy",
    "GaussianNLL",
    "SquaredError",
    "Weighted",
    "loss_problems",
    "one_class_each",
    "weighted_sum",
]


class Weighted(nn.Module):
    """Any loss with a weight: ``{_target_: alrun.learner.losses.Weighted, loss: {_target_: torch.nn.L1Loss}, …}``.

    Args:
        loss: Called as ``loss(outputs, targets)``: logits ``[B, C]`` and classes ``[B]``, or means and targets
            ``[B, T]`` in units of the standardized target. Returns a scalar.
        loss_reweight: Factor in the sum that is minimized.
    """

    moments: ClassVar[bool] = False

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor], loss_reweight: float = 1.0) -> None:
        super().__init__()
        self.loss = loss
        self.loss_reweight = loss_reweight

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss without its weight."""
        return self.loss(outputs, targets)


class CrossEntropy(Weighted):
    """Cross-entropy in nats of logits ``[B, C]`` and classes ``[B]``.

    Args:
        loss_reweight: Factor in the sum that is minimized.
        label_smoothing: Share of a label that is spread over all classes, in ``[0, 1]``.
        class_weights: ``balanced`` for ``n / (k n_c)``, of ``n`` labels ``n_c`` in each of the ``k`` classes that have
            any (scikit-learn's ``compute_class_weight``), taken anew for each training phase; or one number for each
            class. A batch is divided by the weights of its rows. ``None`` for 1.
        spec: The task, which comes from the data.

    Raises:
        ConfigError: Class weights that are neither.
    """

    class_weights: Tensor

    def __init__(
        self,
        loss_reweight: float = 1.0,
        label_smoothing: float = 0.0,
        class_weights: Any = None,
        spec: TaskSpec | None = None,
    ) -> None:
        raise_any(_class_weight_problems(class_weights, spec))
        super().__init__(nn.CrossEntropyLoss(label_smoothing=label_smoothing), loss_reweight)
        self._balanced, self._weighs = class_weights == "balanced", class_weights is not None and spec is not None
        if class_weights is not None and spec is not None:
            given = torch.ones(spec.num_outputs) if self._balanced else torch.tensor(list(class_weights)).float()
            self.register_buffer("class_weights", given)
            self._smoothing = label_smoothing

    def fit_statistics(self, targets: Tensor) -> None:
        """Take balanced weights from the classes ``[n]`` of a training set."""
        if self._balanced and self._weighs:
            counts = torch.bincount(one_class_each(targets), minlength=len(self.class_weights)).double()
            seen = counts > 0
            balanced = counts.sum() / (seen.sum() * counts.clamp_min(1))
            self.class_weights.copy_(torch.where(seen, balanced, torch.ones_like(balanced)))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss without its weight."""
        if not self._weighs:
            return self.loss(outputs, targets)
        return functional.cross_entropy(outputs, targets, self.class_weights, label_smoothing=self._smoothing)


class SquaredError(Weighted):
    """Mean squared error of means and targets ``[B, T]``, in units of the standardized target."""

    def __init__(self, loss_reweight: float = 1.0) -> None:
        super().__init__(functional.mse_loss, loss_reweight)


class GaussianNLL(Weighted):
    """Gaussian negative log-likelihood, as ``alrun.learner.gaussian.gaussian_nll``; needs ``likelihood=gaussian``.

    Attributes:
        moments: Says that it takes ``(mean, log_variance, targets)``, each ``[B, T]``.
    """

    moments: ClassVar[bool] = True

    def __init__(self, loss_reweight: float = 1.0) -> None:
        super().__init__(gaussian_nll, loss_reweight)  # type: ignore[arg-type]

    def forward(self, mean: Tensor, log_variance: Tensor, targets: Tensor) -> Tensor:  # type: ignore[override]
        """Return the loss without its weight."""
        return gaussian_nll(mean, log_variance, targets)


def one_class_each(targets: Tensor) -> Tensor:
    """Return classes ``[B]`` ``int64`` of ``targets`` ``[B]`` or ``[B, 1]`` in any dtype: the form that was checked."""
    return targets.flatten().long()


def weighted_sum(losses: Mapping[str, Any], terms: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the sum of ``terms``, each times the weight that its loss declares (1 where none), and what to log of it.

    To log are each term as ``<name>`` and ``<name>_weighted``, and the sum as ``loss``; detached.
    """
    weighted = {name: float(getattr(losses[name], "loss_reweight", 1.0)) * value for name, value in terms.items()}
    total = torch.stack(list(weighted.values())).sum()
    values = {**terms, **{f"{name}_weighted": value for name, value in weighted.items()}, "loss": total}
    return total, {name: value.detach() for name, value in values.items()}


def loss_problems(losses: object, spec: TaskSpec, gaussian: bool) -> Iterator[Problem]:
    """Yield what is wrong with ``losses``, each of which is tried on two rows; ``None`` are none."""
    if losses is None:
        return
    if not isinstance(losses, Mapping):
        example = "learner.losses.ce._target_=alrun.learner.losses.CrossEntropy"
        yield Problem(f"{losses!r} is not a mapping of losses", "learner.losses", example)
        return
    for name, loss in losses.items():
        key = f"learner.losses.{name}"
        if not callable(loss) or not str(name).isidentifier() or name == "loss":
            what = f"{name!r} is not a valid name of a loss" if callable(loss) else f"{loss!r} is not a loss"
            yield Problem(what, key, f"{key}._target_=alrun.learner.losses.CrossEntropy")
        elif not _is_weight(getattr(loss, "loss_reweight", 1.0)):
            yield Problem(f"{loss.loss_reweight!r} is not a number", f"{key}.loss_reweight", f"{key}.loss_reweight=0.5")
        elif getattr(loss, "moments", False) and not gaussian:
            yield Problem("needs a regression with a variance", key, "learner.likelihood=gaussian")
        else:
            yield from _trial_problems(loss, spec, key)


def _class_weight_problems(weights: Any, spec: TaskSpec | None) -> Iterator[Problem]:
    if weights is None or weights == "balanced":
        return
    numbers = list(weights) if isinstance(weights, Sequence) and not isinstance(weights, str) else []
    wanted = len(numbers) if spec is None else spec.num_outputs
    if not numbers or len(numbers) != wanted or not all(_is_weight(one) and one >= 0 for one in numbers):
        what = f"{weights!r} is not a list of {wanted or 'some'} weights of classes"
        yield Problem(what, "class_weights", "class_weights=balanced")


def _is_weight(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _trial_problems(loss: Any, spec: TaskSpec, key: str) -> Iterator[Problem]:
    rows = torch.zeros(2, spec.num_outputs)
    targets = torch.zeros(2, dtype=torch.int64) if spec.task is Task.CLASSIFICATION else torch.zeros_like(rows)
    inputs = (rows, rows, targets) if getattr(loss, "moments", False) else (rows, targets)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = loss(*inputs)
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        yield Problem(f"does not fit a {spec.task}: {str(error).splitlines()[0]}", key)
        return
    if not isinstance(value, Tensor) or value.ndim:
        yield Problem("does not return a scalar", key, f"{key}.reduction=mean")
