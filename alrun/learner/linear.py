"""Logistic or linear regression, trained by gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from alrun.core.types import TaskSpec
from alrun.learner.base import Learner, OptimizerFactory, SchedulerFactory
from alrun.learner.layers import flatten_for

__all__ = ["Linear"]


class Linear(Learner):
    """One linear layer on the flattened input: multinomial logistic regression, or linear regression.

    With ``likelihood="gaussian"`` the log-variance is linear in the input too. See ``Learner`` for the other arguments.
    """

    def __init__(
        self,
        spec: TaskSpec,
        optimizer: OptimizerFactory,
        scheduler: SchedulerFactory | None = None,
        scheduler_monitor: str | None = None,
        likelihood: str = "gaussian",
        losses: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(spec, optimizer, scheduler, scheduler_monitor, likelihood, losses=losses)
        flatten, width = flatten_for(spec.input_shape)
        self.body = nn.Sequential(*flatten, nn.Linear(width, self.num_raw_outputs))
