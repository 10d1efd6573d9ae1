"""Base of alrun's learners: units, losses, steps and optimizers. Nothing requires a learner to inherit it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, ClassVar

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.arguments import choice_problems, raise_any
from alrun.core.compat import can_log
from alrun.core.errors import Problem
from alrun.core.types import Task, TaskSpec
from alrun.learner.checks import factory_problems, standardize_problems
from alrun.learner.gaussian import bounded_log_variance, gaussian_nll
from alrun.learner.loss_checks import loss_problems
from alrun.learner.losses import Weighted, class_loss, loss_targets, weighted_sum
from alrun.learner.standardization import column_statistics

__all__ = ["Learner", "OptimizerFactory", "SchedulerFactory"]

OptimizerFactory = Callable[[Iterator[nn.Parameter]], torch.optim.Optimizer]
SchedulerFactory = Callable[[torch.optim.Optimizer], Any]


class Learner(LightningModule):
    """A network for one task. A subclass sets ``body``, from inputs to ``num_raw_outputs`` columns, in its constructor.

    Inputs are ``[B, *spec.input_shape]`` ``float32``, in the units of the data: columns in ``spec.standardize`` are
    standardized inside, and so are regression targets, both with the statistics that ``fit_statistics`` last saw.
    Outputs follow ``alrun.core.outputs``. The losses are cross-entropy in nats, of several labels the mean of binary
    ones; for regression, in units of the standardized target, mean squared error (``likelihood="mean"``) or the
    Gaussian negative log-likelihood (``"gaussian"``). Weights at construction are a function of torch's global seed.

    Args:
        spec: Input shape, task and number of outputs.
        optimizer: Makes the optimizer from the parameters.
        scheduler: Makes the learning-rate scheduler from the optimizer; stepped once per epoch.
        scheduler_monitor: Value that the scheduler watches; ``val_loss`` for ``ReduceLROnPlateau`` when unset.
        likelihood: ``mean`` or ``gaussian``; means nothing to classification.
        problems: What the subclass found wrong with its own options.
        losses: Losses by name, in place of the one above, see ``alrun.learner.losses``; minimized is their sum, each
            times the ``loss_reweight`` that it declares. Raw and weighted values are logged, as ``train/<name>`` and
            ``train/<name>_weighted``, with their sum as ``train/loss``; as ``val/…`` on validation data.

    Attributes:
        tasks: Tasks that the learner supports.
        multi_task: Whether it learns several tasks at once.
        embedding_layer: Name of the module whose input is the embedding; ``None`` for the last ``nn.Linear``.
        num_raw_outputs: ``C`` or ``L`` logits, ``T`` means, or ``2T`` means and log-variances.

    Raises:
        ConfigError: With every problem at once.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset(Task) - {Task.SEGMENTATION}
    multi_task: ClassVar[bool] = False
    embedding_layer: str | None = None
    body: nn.Module
    input_mean: Tensor
    input_std: Tensor
    target_mean: Tensor
    target_std: Tensor

    def __init__(
        self,
        spec: TaskSpec,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        scheduler_monitor: str | None = None,
        likelihood: str = "gaussian",
        problems: Iterable[Problem] = (),
        losses: Mapping[str, Any] | None = None,
    ) -> None:
        known = choice_problems("learner.likelihood", likelihood, ("mean", "gaussian"))
        adam, decay = "torch.optim.Adam", "torch.optim.lr_scheduler.ExponentialLR"
        factories = [
            *factory_problems("learner.optimizer", optimizer, adam),
            *(factory_problems("learner.scheduler", scheduler, decay) if scheduler is not None else ()),
        ]
        gaussian = spec.task is Task.REGRESSION and likelihood == "gaussian"
        raise_any(chain(problems, known, factories, standardize_problems(spec), loss_problems(losses, spec, gaussian)))
        super().__init__()
        self.spec = spec
        self._make_optimizer = optimizer
        self._make_scheduler = scheduler
        self._scheduler_monitor = scheduler_monitor
        self._regression = spec.task is Task.REGRESSION
        self._gaussian = gaussian
        self._standardizes = bool(spec.standardize)
        self.num_raw_outputs = spec.num_outputs * (2 if self._gaussian else 1)
        self._losses = dict(losses or {})
        self.loss_modules = nn.ModuleList(one for one in self._losses.values() if isinstance(one, nn.Module))
        self._register_units(spec)

    def _register_units(self, spec: TaskSpec) -> None:
        if self._standardizes:
            self.register_buffer("input_mean", torch.zeros(spec.input_shape))
            self.register_buffer("input_std", torch.ones(spec.input_shape))
        if self._regression:
            self.register_buffer("target_mean", torch.zeros(spec.num_outputs))
            self.register_buffer("target_std", torch.ones(spec.num_outputs))

    def fit_statistics(self, inputs: Tensor, targets: Tensor) -> None:
        """Take the statistics for standardization from a training set; no rows leave them as they are.

        Args:
            inputs: ``[N, *input_shape]``.
            targets: ``[N]`` classes or ``[N, L]`` marks, which losses alone look at, or ``[N, T]`` values.
        """
        if len(inputs) == 0:
            return
        for loss in self._losses.values():
            if isinstance(loss, Weighted):
                loss.fit_statistics(targets)
        if self._standardizes:
            columns = list(self.spec.standardize)
            mean, std = column_statistics(inputs[:, columns].to(self.input_mean))
            self.input_mean[columns], self.input_std[columns] = mean, std
        if self._regression:
            mean, std = column_statistics(targets.reshape(len(inputs), -1).to(self.target_mean))
            self.target_mean.copy_(mean)
            self.target_std.copy_(std)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits ``[B, C]``, means ``[B, T]`` or means and log-variances ``[B, 2T]``, in units of the target.

        Logits of several labels are ``[B, L]``.
        """
        if self._gaussian:
            mean, log_variance = self._standard_moments(inputs)
            shifted = log_variance + 2 * self.target_std.log()
            return torch.cat([mean * self.target_std + self.target_mean, shifted], dim=-1)
        outputs = self._raw(inputs)
        return outputs * self.target_std + self.target_mean if self._regression else outputs

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the scalar mean loss of a batch: ``inputs`` ``[B, ...]``, ``targets`` ``[B]`` or ``[B, T]``."""
        if self._losses:
            return self._weighted_sum(inputs, targets, None)
        if not self._regression:
            return class_loss(self._raw(inputs), targets, self.spec)
        standard = (targets.reshape(len(inputs), -1) - self.target_mean) / self.target_std
        if self._gaussian:
            return gaussian_nll(*self._standard_moments(inputs), standard)
        return functional.mse_loss(self._raw(inputs), standard)

    def loss_terms(self, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return the scalar value of each of several losses, without their weights, by name."""
        if not self._regression:
            logits, targets = self._raw(inputs), loss_targets(targets, self.spec)
            return {name: loss(logits, targets) for name, loss in self._losses.items()}
        standard = (targets.reshape(len(inputs), -1) - self.target_mean) / self.target_std
        moments = self._standard_moments(inputs) if self._gaussian else (self._raw(inputs),)
        parts = {
            name: moments if getattr(loss, "moments", False) else moments[:1] for name, loss in self._losses.items()
        }
        return {name: loss(*parts[name], standard) for name, loss in self._losses.items()}

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int = 0) -> Tensor:
        """Return the loss of ``(inputs, targets)``. A single loss is not logged: the loop reports what it sums up."""
        inputs, targets = batch
        return self._weighted_sum(inputs, targets, "train") if self._losses else self.loss(inputs, targets)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int = 0) -> Tensor:
        """Return the loss of ``(inputs, targets)``; several losses are logged."""
        inputs, targets = batch
        return self._weighted_sum(inputs, targets, "val") if self._losses else self.loss(inputs, targets)

    def _weighted_sum(self, inputs: Tensor, targets: Tensor, split: str | None) -> Tensor:
        total, values = weighted_sum(self._losses, self.loss_terms(inputs, targets))
        if split is not None and can_log(self):
            named = {f"{split}/{name}": value for name, value in values.items()}
            self.log_dict(named, on_step=False, on_epoch=True, batch_size=len(inputs))
        return total

    def inference_step(self, inputs: Tensor) -> Tensor:
        """Return the outputs, as ``forward`` does."""
        output: Tensor = self(inputs)
        return output

    @property
    def scheduler_monitor(self) -> str | None:
        """Name of the value that the scheduler watches; ``None`` where it watches none."""
        kind = getattr(self._make_scheduler, "func", self._make_scheduler)
        on_plateau = isinstance(kind, type) and issubclass(kind, torch.optim.lr_scheduler.ReduceLROnPlateau)
        return self._scheduler_monitor or ("val_loss" if on_plateau else None)

    def configure_optimizers(self) -> Any:
        """Return the optimizer, or Lightning's dict of optimizer and ``lr_scheduler`` where there is a scheduler."""
        optimizer = self._make_optimizer(self.parameters())
        if self._make_scheduler is None:
            return optimizer
        scheduler = self._make_scheduler(optimizer)
        monitor = self.scheduler_monitor
        config = {"scheduler": scheduler, "interval": "epoch", "frequency": 1}
        return {"optimizer": optimizer, "lr_scheduler": config | ({"monitor": monitor} if monitor else {})}

    def _raw(self, inputs: Tensor) -> Tensor:
        if self._standardizes:
            inputs = (inputs - self.input_mean) / self.input_std
        outputs: Tensor = self.body(inputs)
        return outputs

    def _standard_moments(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        mean, raw_log_variance = self._raw(inputs).chunk(2, dim=-1)
        return mean, bounded_log_variance(raw_log_variance)
