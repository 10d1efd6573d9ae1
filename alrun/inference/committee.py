"""Committee: the members that a learner itself is made of, as samples of a posterior."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from alrun.core.errors import ConfigError, Problem
from alrun.core.evaluation import evaluating
from alrun.core.learners import committee_of
from alrun.core.seeding import Seeds

__all__ = ["Committee"]


class Committee:
    """Outputs ``[K, B, ...]`` of the ``K`` members of a learner: the trees of a forest, estimators bagged or voting.

    Each is fitted to a bootstrap sample of the labels, or to some of the columns, so that where they differ is where
    the labels leave it open (Seung, Opper and Sompolinsky 1992, "Query by committee"; Abe and Mamitsuka 1998, "Query
    learning strategies using boosting and bagging").
    """

    stochastic: bool = True

    def validate(self, learner: nn.Module) -> None:
        """Raise ``ConfigError`` unless the learner is made of members."""
        if committee_of(learner) is None:
            name = type(getattr(learner, "recipe", learner)).__name__
            what = f"{name} is not made of members whose predictions are averaged"
            hint = "'learner.estimator={_target_: sklearn.ensemble.RandomForestClassifier}', or inference=deterministic"
            other = "learner=sklearn, or inference=ensemble"
            raise ConfigError(Problem(what, "inference", hint if hasattr(learner, "has_committee") else other))

    @contextmanager
    def prepared(self, learner: nn.Module, seeds: Seeds) -> Iterator[Callable[[Any], Tensor]]:
        """Yield a function from inputs ``[B, ...]`` to outputs ``[K, B, ...]``, gradients off; nothing is random."""
        self.validate(learner)
        committee = committee_of(learner)
        assert committee is not None  # noqa: S101 - it has been validated
        with evaluating(learner):
            yield torch.no_grad()(committee)
