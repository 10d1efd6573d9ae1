"""Ledger: measurements and acquisitions, as rows of the tables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from alrun.core.metrics import LOGGED, ambiguous_metrics, metric_recorders, qualified
from alrun.core.request import Request, restored
from alrun.core.types import Annotation, LabelStatus
from alrun.store import codec
from alrun.store.records import write_acquisitions, write_records
from alrun.store.rundir import RunDirectory

T = TypeVar("T")

__all__ = ["Ledger"]

MANY_VALUES = 1024
#: Order of an answer that belongs to no request.
UNASKED = -1


class Ledger:
    """Rows of ``records.parquet`` and ``acquisitions.parquet``, filled by the phases as they run or are replayed."""

    def __init__(self, reset: str) -> None:
        """Start empty; ``reset`` (how training starts) is written into every record."""
        self._latest: dict[tuple[str, str], float] = {}
        self._metrics: dict[str, float] | None = None
        self._measured: dict[tuple[str, str], int] = {}
        self._reset = reset
        self._records: list[dict[str, Any]] = []
        self._chosen: dict[int, Mapping[str, Any]] = {}
        self._requests: dict[int, list[Request]] = {}
        self._answers: dict[int, Mapping[int, Annotation]] = {}
        self._costs: dict[int, Mapping[int, float]] = {}
        self._labels = 0

    def set_labels(self, labels: int) -> None:
        """Say how many labels have been bought by now."""
        self._labels = labels

    def add_records(self, step: int, strategy: str, records: Sequence[Any]) -> dict[str, float]:
        """Add what a metrology strategy recorded: alrun's own records, or a mapping with numbers in it.

        Returns:
            The value of each metric among them, the last where there are several.
        """
        values: dict[str, float] = {}
        for record in records:
            for row in _rows(record):
                self._records.append(
                    {"step": step, "labels": self._labels, "strategy": strategy, "reset": self._reset, **row}
                )
                values[row["metric"]] = row["value"]
        self._latest |= {(strategy, metric): value for metric, value in values.items()}
        self._measured |= {(strategy, metric): self._labels for metric in values}
        self._metrics = None
        return values

    @property
    def metrics(self) -> Mapping[str, float]:
        """Latest value of every metric, by name; as ``strategy/metric`` where several strategies record it."""
        if self._metrics is None:
            self._metrics = self._named(self._latest)
        return self._metrics

    @property
    def measured(self) -> Mapping[str, int]:
        """Labels that had been bought when each of ``metrics`` was measured."""
        return self._named(self._measured)

    def _named(self, values: Mapping[tuple[str, str], T]) -> dict[str, T]:
        recorders = metric_recorders(self._latest)
        several = ambiguous_metrics(recorders)
        return {
            qualified(strategy, metric) if metric in several else metric: value
            for (strategy, metric), value in values.items()
            if strategy in recorders[metric]
        }

    @property
    def every_metric(self) -> Mapping[str, float]:
        """``metrics``, and each of them as ``strategy/metric`` too."""
        return {qualified(*pair): value for pair, value in self._latest.items()} | dict(self.metrics)

    def add_requests(self, step: int, state: Mapping[str, Any]) -> None:
        """Add what a query phase chose."""
        self._chosen[step] = state
        self._requests[step] = restored(state["items"], state.get("uuids", ()))

    def requests(self, step: int) -> list[Request]:
        """Return the requests of a step, in the order of its queue; none where it has not come to its query."""
        return self._requests.get(step, [])

    def add_answers(self, step: int, answers: Mapping[int, Annotation], costs: Mapping[int, float]) -> None:
        """Add what a labeling phase got, and what was paid for each request, attempts and rejected answers included."""
        self._answers[step] = answers
        self._costs[step] = costs

    def uuid(self, step: int, order: int) -> str:
        """Return the name of the datum that request ``order`` of ``step`` asks for, as the acquisitions have it."""
        return _uuid(step, order, self._requests[step][order])

    def add_logged(self, step: int, logged: Mapping[str, Mapping[str, float]]) -> None:
        """Add what the learner logged in the last epoch of a training phase, in the order of splits and names."""
        records = [
            {"split": split, "metric": name, "value": value, "higher_is_better": None}
            for split, values in sorted(logged.items())
            for name, value in sorted(values.items())
        ]
        self.add_records(step, LOGGED, records)

    def write(self, directory: RunDirectory) -> None:
        """Write both projections."""
        write_records(directory.records, self.records)
        write_acquisitions(directory.acquisitions, self.acquisitions)

    @property
    def records(self) -> list[dict[str, Any]]:
        """Rows of ``records.parquet``."""
        return self._records

    @property
    def acquisitions(self) -> list[dict[str, Any]]:
        """Rows of ``acquisitions.parquet``: the requests that labeling phases are done with.

        After those of a step comes one of order -1, where something was paid for answers that nobody had asked for.
        """
        rows: list[dict[str, Any]] = []
        for step, state in sorted(self._chosen.items()):
            if step not in self._answers:
                continue
            answers, costs = self._answers[step], self._costs[step]
            for order, request in enumerate(self._requests[step]):
                row = _acquisition(step, order, request, state, answers.get(order))
                rows.append(row | {"cost": costs.get(order, 0.0)})
            if costs.get(UNASKED):
                rows.append(_unasked(step, costs[UNASKED]))
        return rows


def _rows(record: Any) -> list[dict[str, Any]]:
    if not isinstance(record, Mapping):
        return []
    if {"metric", "value"} <= record.keys():
        better = record.get("higher_is_better")
        return [_row(str(record["metric"]), record["value"], str(record.get("split", "")), better)]
    numbers = {key: value for key, value in record.items() if _is_number(value) and key not in ("step", "labels")}
    return [_row(str(key), value, "", None) for key, value in numbers.items()]


def _row(metric: str, value: Any, split: str, higher_is_better: bool | None) -> dict[str, Any]:
    return {"metric": metric, "value": float(value), "split": split, "higher_is_better": higher_is_better}


def _is_number(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int | float) or (getattr(value, "shape", None) == () and hasattr(value, "item"))


def _acquisition(
    step: int, order: int, request: Request, state: Mapping[str, Any], answer: Annotation | None
) -> dict[str, Any]:
    return {
        "step": step,
        "order": order,
        "index": request.row,
        "uuid": _uuid(step, order, request),
        "score": state["scores"][order],
        "strategy": state["strategies"][order],
        "label": _label(answer.target) if answer else "null",
        "annotator": answer.annotator if answer else "",
        "seconds": answer.seconds if answer else None,
        "status": str(answer.status) if answer else "",
        "task": request.task,
    }


def _unasked(step: int, cost: float) -> dict[str, Any]:
    empty = dict.fromkeys(("uuid", "strategy", "annotator"), "")
    absent = {"index": None, "task": None, "score": math.nan, "label": "null"}
    return {"step": step, "order": UNASKED, "cost": cost, "status": str(LabelStatus.REJECTED)} | empty | absent


def _uuid(step: int, order: int, request: Request) -> str:
    """Return the datum's own uuid, else its row, else the place of the request."""
    return request.uuid or (str(request.row) if request.row is not None else f"{step}-{order}")


def _label(target: Any) -> str:
    """Return a label as JSON; of one with many values what it is, as the values are in the label log."""
    if math.prod(getattr(target, "shape", ())) > MANY_VALUES:
        return codec.compact_json({"dtype": str(target.dtype), "shape": list(target.shape)}).decode()
    plain = target.tolist() if hasattr(target, "tolist") else target
    try:
        return codec.compact_json(plain).decode()
    except (TypeError, ValueError):
        return codec.compact_json(str(plain)).decode()
