"""Label savings: how many labels fewer a strategy needs to reach what the baseline reaches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from alrun.report.statistics.intervals import LEVEL, RESAMPLES, resampled_counts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Savings", "label_savings", "labels_to_reach"]


@dataclass(frozen=True)
class Savings:
    """Savings at each number of labels of the baseline; all arrays are ``[L]``.

    Attributes:
        level: What the baseline reaches with that many labels, the best so far of its mean curve.
        saving: Share of the labels that the strategy does without, ``1 - m / n``; negative where it needs more, ``NaN``
            where it does not reach the level.
        low: Lower end of the 95 % bootstrap interval, among the samples that reach the level.
        high: Upper end.
        reached: Share of the bootstrap samples in which the level is reached at all.
    """

    level: NDArray[np.float64]
    saving: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    reached: NDArray[np.float64]


def labels_to_reach(labels: ArrayLike, values: ArrayLike, level: ArrayLike) -> NDArray[np.float64]:
    """Return the fewest labels at which a curve comes to ``level``; ``NaN`` where it never does.

    Higher is better. The curve is straight between its points, and the first point that is good enough ends it.

    Args:
        labels: Ascending, ``[L]``.
        values: The curve, ``[..., L]``.
        level: Of each curve, ``[...]``.

    >>> labels_to_reach([10, 20, 30], [0.5, 0.7, 0.6], 0.6)
    array(15.)
    """
    import numpy as np

    x = np.asarray(labels, dtype=np.float64)
    y, wanted = np.asarray(values, dtype=np.float64), np.asarray(level, dtype=np.float64)[..., None]
    good = y >= wanted
    first = good.argmax(axis=-1)[..., None]
    before = np.maximum(first - 1, 0)
    y0, y1 = np.take_along_axis(y, before, -1), np.take_along_axis(y, first, -1)
    rise = np.where(y1 > y0, y1 - y0, 1.0)
    at = x[before] + (x[first] - x[before]) * np.where(first > 0, (wanted - y0) / rise, 0.0)
    return np.where(good.any(axis=-1), at[..., 0], np.nan)


def label_savings(labels: ArrayLike, strategy: ArrayLike, baseline: ArrayLike) -> Savings:
    """Return what a strategy saves against the baseline, over paired seeds.

    Levels are those of the baseline's mean curve; labels are read off the strategy's mean curve. Both are averaged over
    seeds before they are read, since single curves are too rough; seeds are resampled in pairs for the interval.

    Args:
        labels: Ascending, ``[L]``.
        strategy: Its curves, ``[n, L]``, higher is better.
        baseline: The baseline's curves of the same seeds, ``[n, L]``.
    """
    import numpy as np

    x = np.asarray(labels, dtype=np.float64)
    ours, theirs = np.asarray(strategy, dtype=np.float64), np.asarray(baseline, dtype=np.float64)
    level, saving = _savings(x, ours.mean(axis=0), theirs.mean(axis=0))
    n = len(ours)
    weights = resampled_counts(n, RESAMPLES // 10) / n
    if n < 2:
        nothing = np.full(len(x), np.nan)
        return Savings(level, saving, nothing, nothing.copy(), np.isfinite(saving).astype(np.float64))
    _, resampled = _savings(x, weights @ ours, weights @ theirs)
    reached = np.isfinite(resampled)
    low, high = _ends(resampled, reached)
    return Savings(level, saving, low, high, reached.mean(axis=0))


def _savings(
    x: NDArray[np.float64], ours: NDArray[np.float64], theirs: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return level and saving at each number of labels, ``[..., L]``, of mean curves ``[..., L]``."""
    import numpy as np

    level = np.maximum.accumulate(theirs, axis=-1)
    columns = [
        1 - labels_to_reach(x, ours, level[..., i]) / labels_to_reach(x, theirs, level[..., i]) for i in range(len(x))
    ]
    return level, np.stack(columns, axis=-1)


def _ends(values: NDArray[np.float64], known: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    some = known.any(axis=0)
    ends = np.full((2, values.shape[1]), np.nan)
    if some.any():
        ends[:, some] = np.nanquantile(values[:, some], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return ends[0], ends[1]
