"""Base of learners that train on unlabeled rows too: network, minibatches without labels, averaged weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from alrun.core.arguments import choice_problems, count_problems, number_problems
from alrun.core.compat import can_log, trainer_of
from alrun.core.errors import Problem
from alrun.core.protocols.driver import StrategyHost
from alrun.core.seeding import Role
from alrun.core.types import Task, TaskSpec
from alrun.learner.adversary import UnlabeledStream
from alrun.learner.augmentation import FeatureNoise, ImageAugmentation
from alrun.learner.base import Learner, OptimizerFactory, SchedulerFactory
from alrun.learner.checks import dropout_problems, image_problems, size_problems
from alrun.learner.layers import ACTIVATIONS, convolutions, dense, flatten_for
from alrun.learner.weight_average import WeightAverage

__all__ = ["SemiSupervised"]


class SemiSupervised(Learner, ABC):
    """A classifier whose loss has a second term, on inputs of the unlabeled pool.

    For each minibatch of ``B`` labeled rows one of ``unlabeled_ratio * B`` unlabeled rows is drawn, inputs only,
    without replacement within an epoch and anew for each, from the seeds of the training phase. An epoch is a pass over
    the labeled rows, so that few labels make short ones: give ``training.max_train_steps``. Without a driver, or when
    nothing is left unlabeled, it is a classifier like any other. At the end of a training phase the weights are their
    exponential moving average over its steps; validation sees it, and ``restore_best`` puts the weights of the best
    epoch in its place.

    Args:
        spec: Input shape and number of classes.
        optimizer: Makes the optimizer from the parameters.
        scheduler: Makes the learning-rate scheduler from the optimizer.
        scheduler_monitor: Value that the scheduler watches.
        network: From inputs to logits; ``None`` for convolutions on images ``(channels, height, width)``, dense layers
            on all other inputs.
        channels: Output channels of each convolution of the default network.
        hidden: Width of each dense layer of the default network.
        dropout: Probability after each dense layer, in ``[0, 1)``.
        activation: ``relu``, ``gelu``, ``silu``, ``tanh``, ``elu`` or ``leaky_relu``.
        unlabeled_ratio: Unlabeled rows for each labeled one.
        unlabeled_weight: Factor on the second term.
        ema: Decay of the average of the weights, in ``[0, 1)``; ``None`` for the last weights.
        augmentation: Weak augmentation of labeled inputs; ``None`` for a default by the kind of inputs.
        problems: What the subclass found wrong with its own options.

    Raises:
        ConfigError: With every problem at once.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION})

    def __init__(
        self,
        spec: TaskSpec,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        scheduler_monitor: str | None = None,
        network: nn.Module | None = None,
        channels: Sequence[int] = (16, 32),
        hidden: Sequence[int] = (128,),
        dropout: float = 0.1,
        activation: str = "relu",
        unlabeled_ratio: int = 7,
        unlabeled_weight: float = 1.0,
        ema: float | None = 0.999,
        augmentation: nn.Module | None = None,
        problems: Iterable[Problem] = (),
    ) -> None:
        images = len(spec.input_shape) == 3
        own = chain(
            problems,
            size_problems("learner.hidden", hidden),
            dropout_problems("learner.dropout", dropout),
            choice_problems("learner.activation", activation, ACTIVATIONS),
            count_problems("learner.unlabeled_ratio", unlabeled_ratio, "learner.unlabeled_ratio=7"),
            number_problems("learner.unlabeled_weight", unlabeled_weight, "learner.unlabeled_weight=1.0"),
            () if ema is None else dropout_problems("learner.ema", ema),
            image_problems(spec.input_shape, channels, "learner.channels") if images and network is None else (),
        )
        super().__init__(spec, optimizer, scheduler, scheduler_monitor, problems=own)
        made = convolved if images else flattened
        self.body = network or made(spec.input_shape, self.num_raw_outputs, channels, hidden, dropout, activation)
        self.augmentation = augmentation or (ImageAugmentation() if images else FeatureNoise(0.05))
        self.unlabeled_ratio, self.unlabeled_weight = unlabeled_ratio, unlabeled_weight
        self.average = None if ema is None else WeightAverage(self.body, ema)
        self._own_weights: list[Tensor] = []
        self._host: StrategyHost | None = None
        self._stream: UnlabeledStream | None = None

    def attach(self, driver: StrategyHost) -> None:
        """Draw unlabeled minibatches from the unlabeled pool of ``driver``, by its seeds."""
        self._host = driver

    @abstractmethod
    def unlabeled_loss(self, unlabeled: Tensor) -> Tensor:
        """Return the scalar second term for inputs ``[U, *input_shape]`` without labels, without its weight."""

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int = 0) -> Tensor:
        """Return the loss of ``(inputs, targets)`` and of as many unlabeled rows as belong to them."""
        inputs, targets = batch
        loss = self.loss(self.augmentation(inputs), targets)
        unlabeled = self._unlabeled(inputs, batch_idx)
        if unlabeled is None:
            return loss
        second = self.unlabeled_loss(unlabeled)
        self.note("supervised_loss", loss)
        self.note("unlabeled_loss", second)
        return loss + self.unlabeled_weight * second

    def note(self, name: str, value: Tensor) -> None:
        """Log the mean of ``value`` over the epoch."""
        if can_log(self):
            self.log(name, value.detach(), on_step=False, on_epoch=True)

    @property
    def progress(self) -> float:
        """Share of the epochs of the training phase that are done, from 0 to 1; 1 where nobody knows."""
        trainer = trainer_of(self)
        epochs = getattr(trainer, "max_epochs", None)
        if trainer is None or epochs is None or epochs <= 0:
            return 1.0
        return min(1.0, float(trainer.current_epoch) / float(epochs))

    def _unlabeled(self, inputs: Tensor, batch_idx: int) -> Tensor | None:
        pool = self._host.unlabeled_pool if self._host else None
        if self._host is None or pool is None or len(pool) == 0:
            return None
        if batch_idx == 0 or self._stream is None:
            generator = self._host.seeds.torch(Role.SHUFFLE, f"unlabeled epoch {self._host.training_epoch}")
            self._stream = UnlabeledStream(pool, generator)
        return self._stream.take(self.unlabeled_ratio * len(inputs)).to(inputs)

    def on_train_epoch_start(self) -> None:
        """Forget what the training phase before has left."""
        if self.average is not None and trainer_of(self).current_epoch == 0:
            self.average.restart(self.body)

    def on_train_batch_end(self, *_: Any) -> None:
        """Add the weights after an optimizer step to their average."""
        if self.average is not None:
            self.average.update(self.body)

    def on_validation_start(self) -> None:
        """Validate with the average."""
        if self.average is not None:
            self._own_weights = [parameter.detach().clone() for parameter in self.body.parameters()]
            self.average.put_into(self.body)

    @torch.no_grad()
    def on_validation_end(self) -> None:
        """Go on with the weights as they were."""
        for parameter, value in zip(self.body.parameters(), self._own_weights, strict=False):
            parameter.copy_(value)
        self._own_weights = []

    def on_train_end(self) -> None:
        """Leave the average as the weights."""
        if self.average is not None:
            self.average.put_into(self.body)


def convolved(
    shape: tuple[int, ...],
    outputs: int,
    channels: Sequence[int],
    hidden: Sequence[int],
    dropout: float,
    activation: str,
) -> nn.Module:
    """Return blocks of convolution and pooling, then dense layers and a linear one."""
    depth, height, width = shape
    flat = [depth, *channels][-1] * (height >> len(channels)) * (width >> len(channels))
    head = dense(flat, hidden, activation, dropout, batch_norm=False)
    blocks = convolutions(depth, channels, activation, batch_norm=False)
    return nn.Sequential(*blocks, nn.Flatten(), *head, nn.Linear([flat, *hidden][-1], outputs))


def flattened(
    shape: tuple[int, ...], outputs: int, _: Sequence[int], hidden: Sequence[int], dropout: float, activation: str
) -> nn.Module:
    """Return dense layers and a linear one."""
    flatten, width = flatten_for(shape)
    layers = dense(width, hidden, activation, dropout, batch_norm=False)
    return nn.Sequential(*flatten, *layers, nn.Linear([width, *hidden][-1], outputs))
