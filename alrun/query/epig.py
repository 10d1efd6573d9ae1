"""Expected predictive information gain (EPIG) of a label about the labels of other inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import torch
from numpy.typing import NDArray
from torch import Tensor

from alrun.core.arguments import count_problems, raise_any
from alrun.core.errors import StrategyError
from alrun.core.needs import require_samples
from alrun.core.outputs import gaussian_moments, probabilities
from alrun.core.protocols.driver import spec_of
from alrun.core.protocols.queue import AbstractQueue
from alrun.core.seeding import Role
from alrun.core.types import Prediction, Task, TaskSpec
from alrun.pool.subset import Subset
from alrun.query import scores
from alrun.query.base import ScoreQuery
from alrun.query.targets import drawn_targets, given_targets

__all__ = ["Epig"]

#: Stands for the inputs of the test rows.
TEST = "test"


class Epig(ScoreQuery):
    """Highest expected predictive information gain (Bickford Smith et al. 2023): ``scores.epig``.

    BALD asks what a label tells of the weights; this asks what it tells of the labels of target inputs, and so leaves
    out what is rare and strange. It takes one pass over the targets and one over the pool, with the same posterior
    samples. Regressions need a learner that predicts a variance: ``scores.epig_gaussian``.

    Like BALD it is as good as the posterior, see there: as measured there +.002 ± .007 with ten networks, -.032 ± .007
    with MC dropout at 0.1 (-.017 ± .006 in batches of 5), -.065 ± .018 at 0.5. Where test rows come from elsewhere and
    the posterior is exact up to Laplace's approximation (``experiment=shift``) it is the best of all.

    Args:
        max_samples: Rows a call.
        num_targets: How many rows of the unlabeled pool stand for the inputs to come, drawn anew at each step; all if
            there are fewer.
        targets: In place of rows of the pool: inputs ``[M, *input_shape]``, the path of a ``.npy`` file of them, or
            ``test`` for as many rows of the test pool, whose labels are not looked at: predictions are to be good
            there, wherever the pool comes from (the paper's targets are drawn from the inputs to come).
        spec: What the data are; from the data.

    Raises:
        ConfigError: The number is not positive, or the targets cannot be read or have the wrong shape.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    requires_stochastic: ClassVar[bool] = True

    def __init__(
        self,
        max_samples: int,
        num_targets: int = 100,
        targets: str | Path | Tensor | NDArray[Any] | None = None,
        spec: TaskSpec | None = None,
    ) -> None:
        super().__init__(max_samples)
        raise_any(count_problems("query.epig.num_targets", num_targets, "query.epig.num_targets=100"))
        self.num_targets = num_targets
        shape = spec.input_shape if spec else None
        self._of_test = isinstance(targets, str) and targets == TEST
        given = None if self._of_test else targets
        self._given = None if given is None else given_targets(given, shape, "query.epig.targets")
        self._aims = torch.empty(0)

    def sample(self, query_queue: AbstractQueue[Any], *args: Any, **kwargs: Any) -> None:
        """Put the rows with the highest gain in ``query_queue``.

        Raises:
            StrategyError: When a score is NaN, inference gives one sample only, or a regression has no noise.
        """
        if self.max_samples and len(self.driver.unlabeled_pool):
            chunks = [self._samples(prediction) for prediction in self.driver.predictor(self._targets())]
            self._aims = torch.cat(chunks, dim=1)
        super().sample(query_queue)
        self._aims = torch.empty(0)

    def score(self, prediction: Prediction) -> Tensor:
        """Return the gain, averaged over the targets, ``[B]`` in nats."""
        candidates = self._samples(prediction)
        if self._regression:
            targets = spec_of(self.driver).num_outputs
            return scores.epig_gaussian(gaussian_moments(candidates, targets), gaussian_moments(self._aims, targets))
        return scores.epig(probabilities(candidates), probabilities(self._aims))

    @property
    def _regression(self) -> bool:
        return self.driver.spec is not None and self.driver.spec.task is Task.REGRESSION

    def _targets(self) -> Subset:
        if self._given is not None:
            return self._given
        stream = self.driver.seeds.integer(Role.QUERY, f"{self.stream_name}/targets")
        if self._of_test and not self.driver.test_pool:
            raise StrategyError("there are no test rows to be targets\n    → query.epig.targets=null")
        pool = self.driver.test_pool if self._of_test else self.driver.unlabeled_pool
        return drawn_targets(pool, self.num_targets, stream)

    def _samples(self, prediction: Prediction) -> Tensor:
        """Return the outputs ``[K, B, C]`` ``float32``."""
        require_samples(self, prediction.stochastic, self.strategy_name)
        if self._regression and prediction.outputs.shape[-1] == spec_of(self.driver).num_outputs:
            raise StrategyError(
                "the learner predicts no noise, without which the information gain is infinite\n"
                "    → let the learner predict a variance: learner.likelihood=gaussian"
            )
        return prediction.outputs.float()
