"""Beliefs of the learner about each sample: before its label was bought, and after the next training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from alrun.core.protocols.driver import spec_of
from alrun.core.types import Task
from alrun.metrology.base import Metrology
from alrun.metrology.probabilities import predictive_probabilities
from alrun.metrology.regression import predictive_moments
from alrun.pool.foreign import keeps_account, newest, takes_requests
from alrun.pool.labels import encode_targets, from_zero
from alrun.pool.subset import Subset

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Beliefs"]

#: Significant digits of a number.
DIGITS = 4
Belief = dict[str, list[float]]


class Beliefs(Metrology):
    """Predictions for each sample that was bought, for the report; no metric.

    Each step has ``{"beliefs": {"step", "labels", "index", "label", "before", "after"}}``: rows of the source, their
    labels as they were bought, and what was predicted by the learner that the query asked, and by the one that has been
    trained on them. A belief is ``{"predicted", "probability"}`` of a classification, the most probable class and the
    probability of the label; ``{"predicted"}`` of a regression, the mean (of the first target). ``before`` is ``None``
    for the first labels, of which nothing could be believed. Samples that are no rows of the source are left out.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION, Task.REGRESSION})
    multi_task: ClassVar[bool] = False

    def __init__(self) -> None:
        """Start without records."""
        super().__init__()
        self._before: dict[str, Any] = {}

    def anticipate(self, rows: Sequence[int], targets: Sequence[Any]) -> None:
        """Predict what the labels of ``rows`` are, which have just been bought and nothing was trained on yet.

        Args:
            rows: Rows of the source.
            targets: Their labels, as the label strategy gave them.
        """
        labels = encode_targets(targets, spec_of(self.driver)) if len(rows) else torch.empty(0)
        self._before = {"index": list(rows), **self._belief(torch.tensor(rows, dtype=torch.int64), labels)}

    def compute(self, *args: Any, **kwargs: Any) -> None:
        """Append what is predicted now for the last batch, and what was before."""
        pool = self.driver.training_pool
        if not (keeps_account(self.driver.unlabeled_pool) and takes_requests(pool)):
            return
        picks = newest(pool, int(self.driver.last_batch))
        picks = picks[pool.indices[picks] >= 0]
        rows, labels = pool.indices[picks], pool.targets(picks)
        if not len(rows):
            return
        step, bought = int(self.driver.active_learning_step_idx) - 1, int(self.driver.labels_bought)
        found = {"step": step, "labels": bought, "index": rows.tolist(), "label": self._shown(labels)}
        before = {name: values for name, values in self._before.items() if name != "index"}
        known = self._before.get("index") == rows.tolist()
        self.append({"beliefs": found | {"before": before if known else None, "after": self._belief(rows, labels)}})

    def state_dict(self) -> Mapping[str, Any]:
        """Return what was predicted for the labels that are not trained on yet."""
        return {"before": self._before}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with that."""
        self._before = dict(state["before"])

    def _belief(self, rows: Tensor, labels: Tensor) -> Belief:
        """Return what the learner predicts for ``rows``, ``[n]``, whose labels are ``[n]`` or ``[n, 1]``."""
        spec = spec_of(self.driver)
        predictions = self.driver.predictor(Subset(self.driver.unlabeled_pool.source, rows)) if len(rows) else ()
        if spec.task is Task.REGRESSION:
            means = [predictive_moments(one, spec.num_outputs).mean for one in predictions]
            return {"predicted": self._shown(torch.cat(means)) if means else []}
        chances = [predictive_probabilities(one) for one in predictions]
        if not chances:
            return {"predicted": [], "probability": []}
        whole = torch.cat(chances)
        of_label = whole.gather(1, labels.long().reshape(-1, 1)).flatten()
        return {"predicted": whole.argmax(dim=1).tolist(), "probability": [_short(one) for one in of_label.tolist()]}

    def _shown(self, values: Tensor) -> list[float]:
        """Return classes, or the first target of a regression in the units of its labels."""
        spec = spec_of(self.driver)
        if spec.task is Task.CLASSIFICATION:
            return list(values.tolist())
        return [_short(one) for one in from_zero(values, spec.target_origin).flatten(1)[:, 0].tolist()]


def _short(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
