"""Apportionment: division of a whole number in proportion to weights, by largest remainder (Hamilton's method)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Numbers = npt.NDArray[np.int64] | npt.NDArray[np.float64]

__all__ = ["apportion"]


def apportion(total: int, weights: npt.ArrayLike, room: npt.ArrayLike | None = None) -> npt.NDArray[np.int64]:
    """Divide ``total`` in proportion to ``weights``.

    Each place gets the floor of its quota; what is left over goes one each to the largest remainders, ties to the
    earlier place. Where ``room`` does not bind, each part is within one of its quota. Whole weights are divided in
    integer arithmetic, so that the result is the same everywhere.

    Args:
        total: What is divided, at least 0.
        weights: ``[n]``, not negative; where all are 0, nothing is given out.
        room: ``[n]`` most that each place takes; ``None`` for no bound.

    Returns:
        ``[n]`` parts that sum to ``total``.

    Raises:
        ValueError: ``total`` does not fit in ``room``.
    """
    import numpy as np

    weighed = np.asarray(weights)
    if not weighed.any():
        return np.zeros(len(weighed), dtype=np.int64)
    if weighed.dtype.kind == "f":
        exact = total * weighed / math.fsum(weighed)
        floor = np.floor(exact)
        remainder = exact - floor
    else:
        floor, remainder = np.divmod(total * weighed, int(weighed.sum()))
    most = np.full(len(weighed), total) if room is None else np.asarray(room)
    parts: npt.NDArray[np.int64] = np.minimum(floor.astype(np.int64), most)
    order = np.argsort(-remainder, kind="stable")
    while (left := total - int(parts.sum())) > 0:
        open_places = order[parts[order] < most[order]][:left]
        if len(open_places) == 0:
            raise ValueError(f"{total} do not fit in {int(most.sum())} places")
        parts[open_places] += 1
    return parts
