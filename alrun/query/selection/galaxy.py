"""GALAXY: bisection between differently labeled rows on one line per class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["bisected", "galaxy", "ranking"]

Ints = NDArray[np.int64]


def ranking(probabilities: Tensor, label: int) -> Tensor:
    """Return all rows ``[N]`` ``int64`` on the line of class ``label``: least likely to be of it first.

    By ``p_label - max p``; rows whose most probable class it is come last, by ``p_label``. Ties go by position.
    """
    highest, own = probabilities.amax(dim=1), probabilities[:, label]
    behind = own - highest
    by_own = own.argsort(stable=True)
    return by_own[torch.where(behind < 0, behind, 0.0)[by_own].argsort(stable=True)]


def bisected(signs: NDArray[np.int8], order: int) -> int | None:
    """Return the place in the middle of the shortest path between rows of opposite label, or ``None``.

    Places at most ``order`` apart are joined, but not two of opposite label. Of equally short paths the one that
    begins at the lowest place is taken; a path of odd length is cut on the positive side of its middle.

    Args:
        signs: ``[N]``: 1 for rows labeled with the class, -1 for those labeled with another, 0 for the others.
        order: How far a step may reach.
    """
    known = np.flatnonzero(signs)
    reach = np.arange(-order, order + 1)
    if len(known) * len(reach) < len(signs):
        near = np.unique(np.clip(known[:, None] + reach, 0, len(signs) - 1))
        near = near[signs[near] == 0]
    else:
        near = np.flatnonzero(signs == 0)
    positive = _within(near, known[signs[known] > 0], order)
    negative = _within(near, known[signs[known] < 0], order)
    both = near[positive & negative]
    if len(both):
        return int(both[0])
    ends = positive | negative
    near, positive = near[ends], positive[ends]
    # Between two neighboring ends that touch opposite labels either all places are free or all are labeled.
    joined = (np.diff(near) == 1) | (signs[np.minimum(near[:-1] + 1, len(signs) - 1)] == 0)
    pairs = np.flatnonzero((positive[1:] != positive[:-1]) & joined)
    if len(pairs) == 0:
        return None
    steps = -(-(near[pairs + 1] - near[pairs]) // order)
    best = int(steps.argmin())
    low, high = int(near[pairs[best]]), int(near[pairs[best] + 1])
    hops = (int(steps[best]) + 1) // 2 * order
    return min(high, low + hops) if positive[pairs[best] + 1] else max(low, high - hops)


def _within(places: Ints, targets: Ints, distance: int) -> NDArray[np.bool_]:
    """Return which of ``places`` lie within ``distance`` of one of ``targets``, both ascending."""
    if len(targets) == 0:
        return np.zeros(len(places), dtype=np.bool_)
    after = np.searchsorted(targets, places)
    ahead = targets[np.minimum(after, len(targets) - 1)] - places
    behind = places - targets[np.maximum(after - 1, 0)]
    near: NDArray[np.bool_] = (np.abs(ahead) <= distance) | (np.abs(behind) <= distance)
    return near


@dataclass
class _Line:
    """The line of one class: the row at each place, the place of each row, and what is known there."""

    rows: Ints
    places: Ints
    signs: NDArray[np.int8]
    label: int

    def know(self, row: int, label: int) -> None:
        self.signs[self.places[row]] = 1 if label == self.label else -1


def _line(probabilities: Tensor, known: dict[int, int], label: int) -> _Line:
    rows = ranking(probabilities, label).cpu().numpy()
    places = np.empty_like(rows)
    places[rows] = np.arange(len(rows))
    line = _Line(rows, places, np.zeros(len(rows), dtype=np.int8), label)
    for row, given in known.items():
        line.know(row, given)
    return line


def galaxy(
    probabilities: Tensor, labeled: Tensor, labels: Tensor, n: int, generator: torch.Generator, *, order: int = 1
) -> Tensor:
    """Bisect the lines of the classes in turn (Zhang, Katz-Samuels and Nowak 2022, GALAXY).

    For each class all rows stand on a line, ordered by the margin of the class. The row in the middle of the shortest
    path between a row labeled with the class and one labeled with another is picked; then it is the next class's
    turn. Where no such path is left, steps along all lines reach one place further from then on, and if there is none
    even so, a random row is picked. As in the authors' code the lines take turns, whichever has the shortest path.

    The authors get each label before the next pick. Here a batch is labeled as a whole, so that a pick counts as
    labeled with its most probable class until the batch has returned.

    Args:
        probabilities: Class probabilities ``[N, C]`` of all rows.
        labeled: Positions ``[L]`` of the labeled rows.
        labels: Their classes ``[L]`` ``int64``.
        n: How many to pick.
        generator: For the random rows.
        order: How far a step along a line reaches at first.

    Returns:
        ``[min(n, N - L)]`` ``int64`` in order of choice. Memory: 17 bytes per row for each of ``min(n, C)`` lines.
    """
    device, count, classes = probabilities.device, len(probabilities), probabilities.shape[1]
    known = dict(zip(labeled.tolist(), labels.tolist(), strict=True))
    guesses = probabilities.argmax(dim=1).cpu().numpy()
    spare = iter(torch.randperm(count, generator=generator, device=generator.device).tolist())
    lines: dict[int, _Line] = {}
    picks: list[int] = []
    while len(picks) < n and len(known) < count:
        label = len(picks) % classes
        line = lines[label] if label in lines else lines.setdefault(label, _line(probabilities, known, label))
        place = bisected(line.signs, order)
        if place is None and order < count:
            order += 1
            place = bisected(line.signs, order)
        row = next(row for row in spare if row not in known) if place is None else int(line.rows[place])
        picks.append(row)
        known[row] = int(guesses[row])
        for other in lines.values():
            other.know(row, known[row])
    return torch.tensor(picks, dtype=torch.int64, device=device)
