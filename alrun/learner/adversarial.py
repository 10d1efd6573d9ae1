"""Classifier with a discriminator between labeled and unlabeled rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.arguments import choice_problems, number_problems, raise_any
from alrun.core.compat import can_log
from alrun.core.errors import Problem, StrategyError
from alrun.core.evaluation import evaluating
from alrun.core.protocols.driver import StrategyHost
from alrun.core.seeding import Role
from alrun.core.types import Task, TaskSpec
from alrun.learner.adversary import UnlabeledStream, discrimination_loss, gradient_penalty
from alrun.learner.base import Learner, OptimizerFactory
from alrun.learner.checks import dropout_problems, size_problems
from alrun.learner.layers import ACTIVATIONS, dense, flatten_for
from alrun.learner.losses import one_class_each

__all__ = ["Adversarial"]


class Adversarial(Learner):
    """Backbone, classification head and discriminator, each with an optimizer of its own (manual optimization).

    For each minibatch of labeled rows one of as many unlabeled rows is drawn, inputs only. Backbone and head descend
    ``cross-entropy - adversarial_weight * discrimination``, so that the latents of both kinds of rows become alike; the
    discriminator descends ``discrimination + gradient_penalty_weight * gradient penalty`` on the latents of the same
    two minibatches. After Shui et al. (2020), "Deep Active Learning: Unified and Principled Method for Query and
    Training" (arXiv:1911.09162), with the squared errors that Deeplay has in place of the Wasserstein critic. An epoch
    is a pass over the labeled rows; each epoch draws other unlabeled rows, without replacement. Without a driver, or
    when nothing is left unlabeled, it is a classifier like any other.

    Args:
        spec: Input shape and number of classes.
        optimizer: Makes the backbone's optimizer, and those of the others where they have none.
        classifier_optimizer: Makes the head's optimizer.
        discriminator_optimizer: Makes the discriminator's optimizer.
        backbone: From inputs to latents; ``None`` for dense layers of ``hidden``.
        classifier: From latents ``[B, d]`` to logits ``[B, C]``; ``None`` for a linear layer.
        discriminator: From latents ``[B, d]`` to ``[B, 1]``; ``None`` for dense layers of ``discriminator_hidden``.
        hidden: Width of each layer of the default backbone; the last is the width ``d`` of the latents.
        discriminator_hidden: Width of each hidden layer of the default discriminator.
        dropout: Probability after each layer of the default backbone, in ``[0, 1)``.
        activation: ``relu``, ``gelu``, ``silu``, ``tanh``, ``elu`` or ``leaky_relu``.
        adversarial_weight: Share of the discrimination in the backbone's loss, at least 0.
        gradient_penalty_weight: Share of the gradient penalty in the discriminator's loss, at least 0.

    Attributes:
        discriminator: 1 for latents of labeled rows, 0 for unlabeled ones.

    Raises:
        ConfigError: With every problem at once; also where backbone and heads do not fit.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION})
    embedding_layer = "body.1"
    body: nn.Sequential

    def __init__(
        self,
        spec: TaskSpec,
        optimizer: OptimizerFactory,
        classifier_optimizer: OptimizerFactory | None = None,
        discriminator_optimizer: OptimizerFactory | None = None,
        backbone: nn.Module | None = None,
        classifier: nn.Module | None = None,
        discriminator: nn.Module | None = None,
        hidden: Sequence[int] = (128, 128),
        discriminator_hidden: Sequence[int] = (128,),
        dropout: float = 0.1,
        activation: str = "relu",
        adversarial_weight: float = 1e-3,
        gradient_penalty_weight: float = 0.02,
    ) -> None:
        problems = chain(
            size_problems("learner.hidden", hidden),
            size_problems("learner.discriminator_hidden", discriminator_hidden),
            dropout_problems("learner.dropout", dropout),
            choice_problems("learner.activation", activation, ACTIVATIONS),
            number_problems("learner.adversarial_weight", adversarial_weight, "learner.adversarial_weight=0.001"),
            number_problems(
                "learner.gradient_penalty_weight", gradient_penalty_weight, "learner.gradient_penalty_weight=0.02"
            ),
        )
        super().__init__(spec, optimizer, problems=problems)
        self.automatic_optimization = False
        self.adversarial_weight, self.gradient_penalty_weight = adversarial_weight, gradient_penalty_weight
        self._factories = (optimizer, classifier_optimizer or optimizer, discriminator_optimizer or optimizer)
        flatten, width = flatten_for(spec.input_shape)
        built = backbone or nn.Sequential(*flatten, *dense(width, hidden, activation, dropout, batch_norm=False))
        size = _width(built, torch.zeros(1, *spec.input_shape), "backbone")
        self.body = nn.Sequential(nn.Sequential(built, nn.Flatten()), classifier or nn.Linear(size, spec.num_outputs))
        critic = dense(size, discriminator_hidden, activation, 0.0, batch_norm=False)
        self.discriminator = discriminator or nn.Sequential(*critic, nn.Linear([size, *discriminator_hidden][-1], 1))
        _check_width(self.body[1], size, spec.num_outputs, "classifier")
        _check_width(self.discriminator, size, 1, "discriminator")
        self._host: StrategyHost | None = None
        self._stream: UnlabeledStream | None = None

    def attach(self, driver: StrategyHost) -> None:
        """Draw unlabeled minibatches from the unlabeled pool of ``driver``, by its seeds."""
        self._host = driver

    def latents(self, inputs: Tensor) -> Tensor:
        """Return the latents ``[B, d]`` of ``inputs`` ``[B, *input_shape]``."""
        if self._standardizes:
            inputs = (inputs - self.input_mean) / self.input_std
        latents: Tensor = self.body[0](inputs)
        return latents

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int = 0) -> Tensor:
        """Make one step of each optimizer on ``(inputs, targets)``; return the loss of backbone and head."""
        inputs, targets = batch
        backbone, classifier, critic = self._three_optimizers()
        unlabeled = self._unlabeled(inputs, batch_idx)
        latents = self.latents(inputs)
        loss = supervised = functional.cross_entropy(self.body[1](latents), one_class_each(targets))
        strangers = None if unlabeled is None else self.latents(unlabeled)
        if strangers is not None:
            told_apart = discrimination_loss(self.discriminator(latents), self.discriminator(strangers))
            loss = supervised - self.adversarial_weight * told_apart
        backbone.zero_grad()
        classifier.zero_grad()
        self.manual_backward(loss)
        backbone.step()
        classifier.step()
        self._note("classification_loss", supervised)
        if strangers is not None:
            self._discriminate(critic, latents.detach(), strangers.detach())
        return loss.detach()

    def _discriminate(self, optimizer: Any, labeled: Tensor, unlabeled: Tensor) -> None:
        assert self._stream is not None  # noqa: S101 - there are unlabeled latents
        loss = discrimination_loss(self.discriminator(labeled), self.discriminator(unlabeled))
        penalty = gradient_penalty(self.discriminator, labeled, unlabeled, self._stream.generator)
        optimizer.zero_grad()
        self.manual_backward(loss + self.gradient_penalty_weight * penalty)
        optimizer.step()
        self._note("discriminator_loss", loss)
        self._note("gradient_penalty", penalty)

    def _unlabeled(self, inputs: Tensor, batch_idx: int) -> Tensor | None:
        """Return as many unlabeled inputs as there are labeled ones; ``None`` where there are none at all."""
        pool = self._host.unlabeled_pool if self._host else None
        if self._host is None or pool is None or len(pool) == 0:
            return None
        if batch_idx == 0 or self._stream is None:
            name = f"unlabeled epoch {self._host.training_epoch}"
            generator = self._host.seeds.torch(Role.SHUFFLE, name)
            self._stream = UnlabeledStream(pool, generator)
        return self._stream.take(len(inputs)).to(inputs)

    def _note(self, name: str, value: Tensor) -> None:
        if can_log(self):
            self.log(name, value.detach(), on_step=False, on_epoch=True)

    def _three_optimizers(self) -> tuple[Any, Any, Any]:
        optimizers: Any = self.optimizers()
        if not isinstance(optimizers, list) or len(optimizers) != 3:
            raise StrategyError(
                "an adversarial learner has its own three optimizers\n"
                "    → training.optimizer=null, and learner.optimizer, learner.discriminator_optimizer …"
            )
        return optimizers[0], optimizers[1], optimizers[2]

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Return the optimizers of backbone, head and discriminator."""
        parts = (self.body[0], self.body[1], self.discriminator)
        return [make(part.parameters()) for make, part in zip(self._factories, parts, strict=True)]


def _width(module: nn.Module, inputs: Tensor, name: str) -> int:
    """Return how many columns ``module`` makes of ``inputs``, which stand for one row."""
    try:
        with evaluating(module), torch.no_grad():
            output = module(inputs)
        return int(output.flatten(1).shape[1])
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        what = f"does not take inputs of shape {tuple(inputs.shape[1:])}: {str(error).splitlines()[0]}"
        raise_any([Problem(what, f"learner.{name}", f"learner.{name}=null makes one that fits")])
        raise


def _check_width(module: nn.Module, size: int, wanted: int, name: str) -> None:
    width = _width(module, torch.zeros(1, size), name)
    if width != wanted:
        what = f"gives {width} outputs per row, but {wanted} are needed"
        raise_any([Problem(what, f"learner.{name}", f"learner.{name}=null makes one that fits")])
