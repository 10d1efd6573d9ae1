"""Names of metrics, where several strategies record the same one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from alrun.core.phases import ActiveLearningPhase

__all__ = ["LOGGED", "PREFERRED", "VALIDATION", "ambiguous_metrics", "metric_recorders", "qualified"]

#: Name under which the records have what the learner itself logs.
LOGGED = str(ActiveLearningPhase.TRAINING)
#: Metrics that stand for a run where nobody names one, the first that it has.
PREFERRED = ("accuracy", "rmse", "macro_f1", "mean_iou")
#: Name under which the ledger has what is drawn for validation.
VALIDATION = "validation"


def metric_recorders(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return for each metric of one run the strategies that the name alone stands for, in order of appearance.

    They are the metrology strategies that record it; ``LOGGED`` only where none of these does.

    Args:
        pairs: Strategy and metric of every record, or of every kind of record.
    """
    recorders: dict[str, dict[str, None]] = {}
    for strategy, metric in pairs:
        recorders.setdefault(metric, {})[strategy] = None
    return {metric: [one for one in found if one != LOGGED] or [LOGGED] for metric, found in recorders.items()}


def ambiguous_metrics(recorders: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return the metrics that several strategies record, with all names that they go by instead."""
    named = {metric: [qualified(one, metric) for one in found] for metric, found in recorders.items()}
    return {metric: names for metric, names in named.items() if len(names) > 1}


def qualified(strategy: str, metric: str) -> str:
    """Return the name of a metric that says which strategy records it."""
    return f"{strategy}/{metric}"
