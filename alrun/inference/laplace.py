"""Last-layer Laplace approximation: a Gaussian around the trained weights of the last layer, in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from alrun.core.arguments import choice_problems, count_problems
from alrun.core.digest import weights_digest
from alrun.core.errors import ConfigError, Problem, StrategyError
from alrun.core.evaluation import evaluating
from alrun.core.learners import own_prior
from alrun.core.protocols.driver import StrategyHost
from alrun.core.seeding import Seeds
from alrun.core.types import Task, TaskSpec
from alrun.inference.evaluation import outputs_of
from alrun.inference.last_layer.curvature import STRUCTURES
from alrun.inference.last_layer.layer import LastLayer
from alrun.inference.last_layer.posterior import Posterior, fitted
from alrun.pool.foreign import gives_batches

__all__ = ["Laplace"]

PREDICTIVES = ("samples", "probit")


class Laplace:
    """A Gaussian posterior over the last layer's weights, from the training pool and the trained weights alone.

    Daxberger et al. (2021), "Laplace redux"; Kristiadi et al. (2020), "Being Bayesian, even just a bit". Its precision
    is the generalized Gauss-Newton matrix of the negative log-likelihood over the training pool, in evaluation mode,
    plus the prior's. For a regression it is the Fisher information of the Gaussian that the learner predicts; a learner
    that predicts means alone gets a noise variance by marginal likelihood, where several targets share one factor on
    the mean squares of their residuals. Deviations: the trained weights count as the mode, whatever regularization and
    losses they were trained with; the prior's precision is the one of maximal marginal likelihood while the
    Gauss-Newton matrix is held fixed, which is unique, and 1 while nothing is labeled.

    Nothing is trained or saved: it is computed anew when the step, the training pool or the weights have changed.

    * ``samples``: ``K`` draws of the last layer, each one fixed network for all rows, drawn from the seeds of the step:
      outputs ``[K, B, ...]`` of the learner's own kind, with log-variances where a noise variance was found. Networks
      trained to the last of their loss on few labels have a wide posterior, so that many draws are needed.
    * ``probit``: outputs ``[B, C]``, logits whose softmax is the predictive distribution: each divided by
      ``sqrt(1 + pi/8 v)`` with its variance ``v`` (MacKay 1992, "The evidence framework applied to classification
      networks"; for several classes as in Daxberger et al. 2021, correlations left out). For a regression the exact
      moments ``[B, 2T]``: the mean, and the logarithm of the noise variance plus the variance of the mean.

    Args:
        predictive: ``samples`` or ``probit``.
        num_samples: Number ``K`` of draws.
        structure: Of the Gauss-Newton matrix: ``full``; ``kron``, two factors; ``diag``. ``None`` for ``full`` up to
            1500 weights and ``kron`` beyond.
        prior_precision: Of the isotropic Gaussian prior; ``None`` for the one that the learner says it was trained with
            (``learner=probe``), else the marginal likelihood's.
        spec: The task, which comes from the data.

    Attributes:
        stochastic: Whether outputs have a leading dimension of ``K`` draws.

    Raises:
        ConfigError: With every problem at once; also for data with several tasks or labels.
    """

    stochastic: bool

    def __init__(
        self,
        predictive: str = "samples",
        num_samples: int = 20,
        structure: str | None = None,
        prior_precision: float | None = None,
        spec: TaskSpec | None = None,
    ) -> None:
        problems = list(_problems(predictive, num_samples, structure, prior_precision, spec))
        if problems:
            raise ConfigError(problems)
        self.stochastic = predictive == "samples"
        self.num_samples, self.structure, self.prior_precision = num_samples, structure, prior_precision
        self.spec = spec
        self._host: StrategyHost | None = None
        self._known: tuple[tuple[int, int, bytes], Posterior] | None = None

    def attach(self, driver: StrategyHost) -> None:
        """Fit to the training pool of ``driver``."""
        self._host, self._known = driver, None

    def validate(self, learner: nn.Module) -> None:
        """Raise ``ConfigError`` unless the learner's embedding goes into one linear layer."""
        if getattr(learner, "multi_task", False):
            what = "Laplace needs a single last layer, but the learner has several heads"
            raise ConfigError(Problem(what, "inference", "inference=mc_dropout"))
        try:
            LastLayer(learner)
        except StrategyError as error:
            raise ConfigError(Problem(str(error).splitlines()[0], "inference", "inference=mc_dropout")) from error

    @contextmanager
    def prepared(self, learner: nn.Module, seeds: Seeds) -> Iterator[Callable[[Any], Tensor]]:
        """Yield a function from inputs ``[B, ...]`` to outputs ``[K, B, ...]`` or ``[B, ...]``, gradients off.

        Raises:
            StrategyError: There is no training pool to fit to, or its targets or the learner's outputs are not finite.
        """
        last = LastLayer(learner)
        with evaluating(learner):
            posterior = self.posterior(learner, seeds.step)
            answers = _Samples if self.stochastic else _Moments
            yield answers(posterior, last, outputs_of(learner), seeds, self.num_samples)

    def posterior(self, learner: nn.Module, step: int) -> Posterior:
        """Return the posterior over the last layer of ``learner``, which is in evaluation mode; known ones again."""
        pool: Any = self._host.training_pool if self._host else None
        if not gives_batches(pool):
            raise StrategyError("Laplace needs a training pool with inputs and targets: attach(driver) gives it one")
        key = (step, len(pool), weights_digest(learner))
        if self._known is None or self._known[0] != key:
            spec, precision = self.spec or pool.spec, self.prior_precision or own_prior(learner)
            self._known = key, fitted(learner, pool, spec, self.structure, precision)
        return self._known[1]


class _Samples:
    """What ``prepared`` yields for ``samples``."""

    def __init__(self, posterior: Posterior, last: LastLayer, step: Any, seeds: Seeds, count: int) -> None:
        weights = last.weights()
        noise = torch.randn(count, *weights.shape, generator=seeds.torch("posterior", "laplace"), dtype=torch.float64)
        self._weights = weights + posterior.covariance.root(noise).to(weights)
        self._posterior, self._last, self._step = posterior, last, step

    def __call__(self, inputs: Any) -> Tensor:
        return self.with_inputs_of(inputs, self._last.layer)[0]

    def with_inputs_of(self, inputs: Any, layer: nn.Module) -> tuple[Tensor, Tensor | None]:
        """Return the outputs, and the input of ``layer`` where it is the last one."""
        outputs, values = self._last.sampled(self._step, inputs, self._weights)
        return self._posterior.with_noise(outputs), values if layer is self._last.layer else None


class _Moments:
    """What ``prepared`` yields for ``probit``."""

    def __init__(self, posterior: Posterior, last: LastLayer, step: Any, seeds: Seeds, count: int) -> None:
        self._posterior, self._last, self._step = posterior, last, step

    def __call__(self, inputs: Any) -> Tensor:
        features, outputs, derivative = self._last.taken_apart(self._step, inputs)
        variance = self._posterior.variance(features, derivative)
        if self._posterior.spec.task is Task.CLASSIFICATION:
            return outputs / (1 + math.pi / 8 * variance).sqrt()
        outputs = self._posterior.with_noise(outputs)
        means, noise = outputs.chunk(2, dim=1)
        return torch.cat([means, (noise.exp() + variance[:, : means.shape[1]]).log()], dim=1)


def _problems(
    predictive: Any, num_samples: Any, structure: Any, precision: Any, spec: TaskSpec | None
) -> Iterator[Problem]:
    yield from choice_problems("inference.predictive", predictive, PREDICTIVES)
    yield from count_problems("inference.num_samples", num_samples, "inference.num_samples=20")
    if structure is not None:
        yield from choice_problems("inference.structure", structure, STRUCTURES, otherwise=", or null")
    if precision is not None and (not isinstance(precision, int | float) or not 0 < precision < math.inf):
        hint = "inference.prior_precision=1.0, or null for the marginal likelihood's"
        yield Problem(f"{precision!r} is not a positive number", "inference.prior_precision", hint)
    if spec is not None and spec.task in (Task.MULTI_LABEL, Task.SEGMENTATION):
        yield Problem(f"Laplace is not defined for a {spec.task} task", "inference", "inference=mc_dropout")
    if spec is not None and spec.tasks:
        yield Problem("Laplace is not defined for several tasks", "inference", "inference=mc_dropout")
