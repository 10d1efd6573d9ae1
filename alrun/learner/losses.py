"""Weighted sum of several losses, each of which is logged raw and weighted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.arguments import raise_any
from alrun.core.types import Task, TaskSpec
from alrun.learner.gaussian import gaussian_nll
from alrun.learner.loss_checks import weight_problems

__all__ = [
    "BinaryCrossEntropy",
    "CrossEntropy",
    "GaussianNLL",
    "SquaredError",
    "Weighted",
    "class_loss",
    "loss_targets",
    "one_class_each",
    "weighted_sum",
]


class Weighted(nn.Module):
    """Any loss with a weight: ``{_target_: alrun.learner.losses.Weighted, loss: {_target_: torch.nn.L1Loss}, …}``.

    Args:
        loss: Called as ``loss(outputs, targets)``: logits ``[B, C]`` and classes ``[B]``, logits and marks ``[B, L]``
            ``float32``, or means and targets ``[B, T]`` in units of the standardized target. Returns a scalar.
        loss_reweight: Factor in the sum that is minimized.
    """

    moments: ClassVar[bool] = False

    def __init__(self, loss: Callable[[Tensor, Tensor], Tensor], loss_reweight: float = 1.0) -> None:
        super().__init__()
        self.loss = loss
        self.loss_reweight = loss_reweight

    def fit_statistics(self, targets: Tensor) -> None:
        """Take what it needs to know from the targets ``[n, ...]`` of a training set; by default nothing."""

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
        raise_any(weight_problems("class_weights", "classes", class_weights, spec))
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


class BinaryCrossEntropy(Weighted):
    """Binary cross-entropy in nats of logits and marks ``[B, L]``, mean over rows and labels.

    Args:
        loss_reweight: Factor in the sum that is minimized.
        pos_weight: Factor on the loss of a label where it holds, one number each (``torch.nn.BCEWithLogitsLoss``);
            ``balanced`` for how often it does not hold per time that it does, taken anew for each training phase, and 1
            where it always or never holds. ``None`` for 1.
        spec: The labels, which come from the data.

    Raises:
        ConfigError: The weights are neither.
    """

    pos_weight: Tensor

    def __init__(self, loss_reweight: float = 1.0, pos_weight: Any = None, spec: TaskSpec | None = None) -> None:
        raise_any(weight_problems("pos_weight", "labels", pos_weight, spec))
        super().__init__(functional.binary_cross_entropy_with_logits, loss_reweight)
        self._balanced, self._weighs = pos_weight == "balanced", pos_weight is not None and spec is not None
        if pos_weight is not None and spec is not None:
            given = torch.ones(spec.num_outputs) if self._balanced else torch.tensor(list(pos_weight)).float()
            self.register_buffer("pos_weight", given)

    def fit_statistics(self, targets: Tensor) -> None:
        """Take balanced weights from the marks ``[n, L]`` of a training set."""
        if self._balanced and self._weighs:
            holds = targets.double().sum(dim=0)
            lacks = len(targets) - holds
            self.pos_weight.copy_(torch.where((holds > 0) & (lacks > 0), lacks / holds.clamp_min(1), 1.0))

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss without its weight."""
        weight = self.pos_weight if self._weighs else None
        return functional.binary_cross_entropy_with_logits(outputs, targets, pos_weight=weight)


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


def loss_targets(targets: Tensor, spec: TaskSpec) -> Tensor:
    """Return targets of classes as losses take them: ``[B]`` ``int64``, or marks of labels ``[B, L]`` ``float32``.

    Those of pixels are ``[B, H, W]`` ``int64``, beside logits ``[B, C, H, W]``.
    """
    if spec.task is Task.MULTI_LABEL:
        return targets.reshape(-1, spec.num_outputs).float()
    return targets.long() if spec.task is Task.SEGMENTATION else one_class_each(targets)


def class_loss(logits: Tensor, targets: Tensor, spec: TaskSpec) -> Tensor:
    """Return the mean loss in nats of logits: cross-entropy, or binary cross-entropy over rows and labels."""
    if spec.task is Task.MULTI_LABEL:
        return functional.binary_cross_entropy_with_logits(logits, loss_targets(targets, spec))
    return functional.cross_entropy(logits, loss_targets(targets, spec))


def weighted_sum(losses: Mapping[str, Any], terms: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the sum of ``terms``, each times the weight that its loss declares (1 where none), and what to log of it.

    To log are each term as ``<name>`` and ``<name>_weighted``, and the sum as ``loss``; detached.
    """
    weighted = {name: float(getattr(losses[name], "loss_reweight", 1.0)) * value for name, value in terms.items()}
    total = torch.stack(list(weighted.values())).sum()
    values = {**terms, **{f"{name}_weighted": value for name, value in weighted.items()}, "loss": total}
    return total, {name: value.detach() for name, value in values.items()}
