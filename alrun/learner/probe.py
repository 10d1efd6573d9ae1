"""Linear probe: logistic regression or ridge regression, solved exactly."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alrun.core.arguments import number_problems
from alrun.core.errors import Problem
from alrun.core.seeding import Seeds
from alrun.core.types import Task, TaskSpec
from alrun.learner.fitted import Fitted
from alrun.learner.gaussian import MAX_LOG_VARIANCE, MIN_LOG_VARIANCE
from alrun.learner.layers import flatten_for
from alrun.learner.logistic import logistic_regression
from alrun.learner.losses import loss_targets, one_class_each
from alrun.learner.ridge import ridge_regression

__all__ = ["Probe"]


class Probe(Fitted):
    """One linear layer on the flattened input, at the optimum of its penalized loss.

    Multinomial logistic regression is fitted to convergence (``alrun.learner.logistic``), ridge regression in closed
    form (``alrun.learner.ridge``), both in ``float64``: with the same penalty they are scikit-learn's
    ``LogisticRegression(C=1 / l2)`` and ``Ridge(alpha=l2)``. Of several labels a row each has a logistic regression of
    its own (scikit-learn's ``MultiOutputClassifier``). Columns in ``spec.standardize`` are standardized before,
    and targets too, which changes no ridge solution. Alain and Bengio (2016), "Understanding intermediate layers using
    linear classifier probes".

    With ``inference=laplace`` it is Bayesian: the penalty is the precision of a Gaussian prior, which the inference
    takes from ``prior_precision``. For ridge regression of one target the posterior is exact, with the noise variance
    of highest evidence; several targets have a noise each, and share its mean in the prior. The intercept has the
    weights' prior there, and none here.

    Args:
        spec: Input shape (flattened), task and number of outputs.
        l2: Penalty on the sum of squared weights, halved beside the cross-entropy, whole beside the squared error (in
            units of the standardized target); positive.
        likelihood: For regression ``gaussian``, means and one noise variance for all rows, or ``mean``.

    Attributes:
        log_noise: Logarithm of the noise variance ``[T]`` of a regression, in units of the standardized target.

    Raises:
        ConfigError: With every problem at once.
    """

    body: nn.Sequential
    log_noise: Tensor

    def __init__(self, spec: TaskSpec, l2: float = 1.0, likelihood: str = "gaussian") -> None:
        wrong = number_problems("learner.l2", l2, "learner.l2=1.0")
        zero = [Problem("0 is no penalty, without which there may be no optimum", "learner.l2", "learner.l2=0.001")]
        super().__init__(spec, likelihood, chain(wrong, zero if l2 == 0 else ()))
        self.l2 = l2
        self.num_raw_outputs = spec.num_outputs
        flatten, width = flatten_for(spec.input_shape)
        self.body = nn.Sequential(*flatten, nn.Linear(width, spec.num_outputs))
        self._set(np.zeros((spec.num_outputs, width)), np.zeros(spec.num_outputs))
        if self._regression:
            self.register_buffer("log_noise", torch.zeros(spec.num_outputs))

    @property
    def prior_precision(self) -> float:
        """Precision of the prior on each weight, in nats per squared unit, that the penalty amounts to."""
        if self._regression:
            return self.l2 / float(self.log_noise.double().exp().mean())
        return self.l2 * (2 if self.spec.num_outputs == 2 else 1)

    def fit_at_once(self, inputs: Tensor, targets: Tensor, seeds: Seeds) -> Mapping[str, float]:
        """Solve for the weights; nothing is random."""
        rows = _exact((inputs - self.input_mean) / self.input_std if self._standardizes else inputs)
        if self._regression:
            wanted = (targets.reshape(len(inputs), -1).double() - self.target_mean.double()) / self.target_std.double()
            weights, intercepts, noise = ridge_regression(rows, _exact(wanted), self.l2)
            with torch.no_grad():
                level = torch.from_numpy(noise).clamp_min(torch.finfo(torch.float64).tiny).log()
                self.log_noise.copy_(level.clamp(MIN_LOG_VARIANCE, MAX_LOG_VARIANCE))
        elif self.spec.task is Task.MULTI_LABEL:
            weights, intercepts = self._of_labels(rows, loss_targets(targets, self.spec))
        else:
            classes = one_class_each(targets).cpu().numpy()
            weights, intercepts = logistic_regression(rows, classes, self.spec.num_outputs, self.l2)
        self._set(weights, intercepts)
        with torch.no_grad():
            return {"train_loss": float(self.loss(inputs, targets))}

    def _of_labels(self, rows: NDArray[np.float64], marks: Tensor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the weights ``[L, d]`` and intercepts ``[L]`` of the logit of each label."""
        found = [logistic_regression(rows, column.cpu().numpy(), 2, self.l2) for column in marks.long().unbind(dim=1)]
        weights, intercepts = (np.stack([each[1] - each[0] for each in part]) for part in zip(*found, strict=True))
        return weights, intercepts

    @torch.no_grad()
    def _set(self, weights: NDArray[np.float64], intercepts: NDArray[np.float64]) -> None:
        for parameter, values in zip(self.body[-1].parameters(), (weights, intercepts), strict=True):
            parameter.copy_(torch.from_numpy(values))

    def _standard_moments(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        mean = self._raw(inputs)
        return mean, self.log_noise.expand_as(mean)


def _exact(values: Tensor) -> NDArray[np.float64]:
    return values.flatten(1).double().cpu().numpy()
