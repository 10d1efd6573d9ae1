"""Split of rows into training, validation and test: a pure function of sizes, classes and seed."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from alrun.core.apportion import apportion
from alrun.core.errors import DataError, Problem
from alrun.core.seeding import Role, Seeds
from alrun.core.types import Split

__all__ = ["check_sizes", "resolve_size", "split_beside", "split_groups", "split_rows"]

Integers = npt.NDArray[np.int64]


def resolve_size(size: float, rows: int, key: str) -> int:
    """Return how many of ``rows`` a size means: a fraction below 1 (rounded, at least one row), or a count.

    Raises:
        DataError: ``size`` is negative, no number, or neither a fraction below 1 nor a whole number; ``key`` is named.
    """
    if isinstance(size, float) and size >= 1 and size.is_integer():
        hint = f"{key}=0.2 (a fifth of the rows) or {key}={int(size)} (so many rows, written as a whole number)"
        raise DataError(Problem(f"{size} is neither a fraction below 1 nor a whole number of rows", key, hint))
    if not 0 <= size < float("inf") or (size >= 1 and size != int(size)):
        hint = f"{key}=0.2 (a fifth of the rows), {key}=100 (so many rows) or {key}=0 (none)"
        raise DataError(Problem(f"{size} is neither a fraction below 1 nor a number of rows", key, hint))
    if size >= 1 or size == 0:
        return int(size)
    return max(1, int(size * rows + 0.5))


def check_sizes(counts: Integers, validation: float, test: float) -> tuple[int, int]:
    """Return the numbers of validation and test rows for strata of ``counts`` rows that may be held out.

    Raises:
        DataError: A size makes no sense, or they do not leave one training row of each class (or one in a regression).
    """
    rows, present = int(counts.sum()), int((counts > 0).sum())
    sizes = resolve_size(validation, rows, "data.validation_size"), resolve_size(test, rows, "data.test_size")
    if sum(sizes) > rows - present or rows == 0:
        needed = "one row of each class" if present > 1 else "a row"
        what = f"{rows} rows are too few: {sizes[0]} for validation and {sizes[1]} for test do not leave {needed}"
        raise DataError(Problem(what, "data", "lower data.validation_size or data.test_size, or provide more rows"))
    return sizes


def split_rows(
    strata: Integers, validation: float, test: float, seeds: Seeds, labeled: Integers | None = None
) -> Split:
    """Split ``N`` rows at random, in each stratum in proportion to its size (largest remainder).

    Test and validation rows are drawn from the rows that are not ``labeled``; at least one of each stratum's rows
    stays in training. The draw reads the stream ``Role.SPLIT`` of ``seeds`` and nothing else.

    Args:
        strata: ``[N]`` ``int64`` class of each row; all 0 for a plain random split.
        validation: Fraction below 1, or number of rows.
        test: Fraction below 1, or number of rows.
        seeds: The experiment's seeds.
        labeled: ``[l]`` rows that start labeled, and so belong to training.

    Raises:
        DataError: See ``check_sizes``.
    """
    known = np.zeros(0, dtype=np.int64) if labeled is None else np.unique(labeled)
    free = np.setdiff1d(np.arange(len(strata)), known, assume_unique=True)
    counts = np.bincount(strata[free], minlength=int(strata.max(initial=0)) + 1)
    num_validation, num_test = check_sizes(counts, validation, test)
    in_test = apportion(num_test, counts, np.maximum(counts - 1, 0))
    rest = counts - in_test
    in_validation = apportion(num_validation, rest, np.maximum(rest - 1, 0))
    shuffled = free[seeds.numpy(Role.SPLIT).permutation(len(free))]
    shuffled = shuffled[np.argsort(strata[shuffled], kind="stable")]
    stratum = strata[shuffled]
    rank = np.arange(len(shuffled)) - (np.cumsum(counts) - counts)[stratum]
    tested = rank < in_test[stratum]
    validated = ~tested & (rank < (in_test + in_validation)[stratum])
    train = np.concatenate([shuffled[~tested & ~validated], known])
    parts = (train, shuffled[validated], shuffled[tested], known)
    return Split(*(torch.from_numpy(np.sort(part)) for part in parts))


def split_beside(
    test: Integers,
    strata: Integers,
    validation: float,
    seeds: Seeds,
    labeled: Integers,
    groups: Integers | None = None,
) -> Split:
    """Split the rows that are not in ``test``, which the data set itself sets apart, as ``split_rows`` does.

    Args:
        test: ``[t]`` rows that are the test pool, ascending, none of them ``labeled``.
        strata: See ``split_rows``.
        validation: See ``split_rows``.
        seeds: See ``split_rows``.
        labeled: See ``split_rows``.
        groups: See ``split_groups``; ``None`` where each row stands for itself.

    Raises:
        DataError: See ``check_sizes``.
    """
    rest = np.delete(np.arange(len(strata)), test)
    known = np.searchsorted(rest, labeled)
    if groups is None:
        found = split_rows(strata[rest], validation, 0, seeds, known)
    else:
        found = split_groups(np.unique(groups[rest], return_inverse=True)[1], strata[rest], validation, 0, seeds, known)
    rows = torch.from_numpy(rest)
    return Split(rows[found.train], rows[found.validation], torch.from_numpy(test.copy()), rows[found.labeled])


def split_groups(
    groups: Integers, strata: Integers, validation: float, test: float, seeds: Seeds, labeled: Integers
) -> Split:
    """Split whole groups of rows at random, so that no group is in two parts.

    In random order, groups go to test and then to validation as long as they bring these nearer to their size, unless a
    class would be gone from training. Groups of ``labeled`` rows are for training.

    Args:
        groups: ``[N]`` ``int64`` number of each row's group, from 0 on.
        strata: See ``split_rows``.
        validation: See ``split_rows``.
        test: See ``split_rows``.
        seeds: See ``split_rows``.
        labeled: See ``split_rows``.

    Raises:
        DataError: See ``check_sizes``; or groups are so large that one of these parts gets none.
    """
    known = np.unique(labeled)
    count, classes = int(groups.max()) + 1, int(strata.max(initial=0)) + 1
    held = np.bincount(groups * classes + strata, minlength=count * classes).reshape(count, classes)
    wanted = check_sizes(np.bincount(np.delete(strata, known), minlength=1), validation, test)
    left, part = held.sum(axis=0), np.zeros(count, dtype=np.int64)
    order = seeds.numpy(Role.SPLIT).permutation(np.setdiff1d(np.arange(count), groups[known]))
    for number, size in ((2, wanted[1]), (1, wanted[0])):
        taken = 0
        for group in order[part[order] == 0].tolist():
            rows = int(held[group].sum())
            is_spared = bool(((left > held[group]) | (held[group] == 0)).all())
            if is_spared and abs(taken + rows - size) <= size - taken and taken < size:
                part[group], taken, left = number, taken + rows, left - held[group]
        if size and not taken:
            name = "test" if number == 2 else "validation"
            what = f"no group is small enough for the {size} {name} rows that are asked for"
            raise DataError(Problem(what, "data.groups", f"data.{name}_size={int(held.sum(axis=1).min())}"))
    rows_of = [torch.from_numpy(np.flatnonzero(part[groups] == number)) for number in range(3)]
    return Split(rows_of[0], rows_of[1], rows_of[2], torch.from_numpy(known))
