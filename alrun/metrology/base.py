"""Base of the metrology strategies: records, their files, and the stream of predictions to measure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from alrun.core.errors import ConfigError, Problem, StrategyError
from alrun.core.protocols.strategies import MetrologyStrategy
from alrun.core.types import Prediction, Task

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Metrology"]

Record = dict[str, Any]


class Metrology(MetrologyStrategy):
    """Base of the metrology strategies: one record per metric, appended in the order of measuring.

    A record is ``{"step", "labels", "split", "metric", "value", "higher_is_better"}``; ``labels`` counts
    those bought so far.

    Attributes:
        tasks: Tasks on which the strategy can measure something.
        metrics: Name of every metric that it may record, and whether higher is better (``None``: neither).
        records: The records so far, oldest first.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset(Task)
    metrics: Mapping[str, bool | None] = {}
    _args: dict[str, Any]

    def __init__(self) -> None:
        """Start without records."""
        self.records: list[Record] = []

    def record(self, split: str, values: Mapping[str, float]) -> None:
        """Append one record for each of ``values``, measured on ``split`` at the driver's current step."""
        step, labels = int(self.driver.active_learning_step_idx), int(self.driver.labels_bought)
        for metric, value in values.items():
            self.append(
                {
                    "step": step,
                    "labels": labels,
                    "split": split,
                    "metric": metric,
                    "value": float(value),
                    "higher_is_better": self.metrics.get(metric),
                }
            )

    def measured_pool(self) -> tuple[str, Any]:
        """Return the name and the pool to measure on: test, or else validation.

        Raises:
            ConfigError: The data set has neither, so there is nothing to measure on.
        """
        for split, pool in (("test", self.driver.test_pool), ("validation", self.driver.validation_pool)):
            if pool is not None and len(pool) > 0:
                return split, pool
        what = f"{self.strategy_name} has nothing to measure on: the data set has no test and no validation rows"
        raise ConfigError(Problem(what, "data", "data.test_size=0.2"))

    def predictions(self, pool: Any) -> Iterator[tuple[Prediction, Tensor]]:
        """Yield what the learner predicts for ``pool``, chunk by chunk in pool order, with the targets of each chunk.

        Raises:
            StrategyError: An output is not finite, or the predictor did not cover the pool.
        """
        import torch

        start = 0
        for prediction in self.driver.predictor(pool):
            stop = start + len(prediction.indices)
            if not bool(torch.isfinite(prediction.outputs).all()):
                raise StrategyError(
                    f"the learner's outputs on the {len(pool)} measured rows are not finite: training has diverged"
                    "\n    → lower the learning rate: learner.optimizer.lr=1e-4"
                )
            yield prediction, pool.targets(torch.arange(start, stop))
            start = stop
        if start != len(pool):
            raise StrategyError(f"the predictor gave {start} predictions for a pool of {len(pool)} rows")

    def serialize_records(self, path: Path | None = None, *args: Any, **kwargs: Any) -> None:
        """Write the records as JSON to ``path``, by default ``strategy_dir/records.json``."""
        self.driver.save_records(path or self._default_path(), self.records)

    def load_records(self, path: Path | None = None, *args: Any, **kwargs: Any) -> None:
        """Overwrite ``records`` in place from ``path``, by default from what was written last, if anything was."""
        if path is None and not self._default_path().exists():
            self.records.clear()
            return
        self.records[:] = self.driver.load_records(path or self._default_path())

    def _default_path(self) -> Path:
        return self.strategy_dir / "records.json"
