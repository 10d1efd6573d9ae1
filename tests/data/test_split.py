"""How rows are divided: complete, disjoint, in proportion, and a function of the seed alone."""

from __future__ import annotations

import random
from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from alrun.core.errors import DataError
from alrun.core.seeding import Seeds
from alrun.data.digits import Digits
from alrun.data.split import resolve_size, split_rows

strata_lists = st.lists(st.integers(0, 4), min_size=30, max_size=120)


@given(classes=strata_lists, seed=st.integers(0, 2**31), labeled=st.sets(st.integers(0, 29), max_size=10))
def test_a_split_is_a_partition_with_labelled_rows_in_training(
    classes: list[int], seed: int, labeled: set[int]
) -> None:
    strata = np.array(classes)
    split = split_rows(strata, 0.1, 0.2, Seeds(seed), np.array(sorted(labeled), dtype=np.int64))
    parts = [split.train.tolist(), split.validation.tolist(), split.test.tolist()]
    assert sorted(chain(*parts)) == list(range(len(classes)))
    assert all(part == sorted(part) for part in parts)
    assert split.labeled.tolist() == sorted(labeled)
    assert labeled <= set(parts[0])
    assert set(strata[parts[0]].tolist()) == set(classes)


@given(classes=strata_lists, seed=st.integers(0, 100))
def test_each_class_is_within_one_row_of_its_quota(classes: list[int], seed: int) -> None:
    strata = np.array(classes)
    counts = np.bincount(strata, minlength=5)
    test = split_rows(strata, 0.1, 0.25, Seeds(seed)).test.numpy()
    assert len(test) == resolve_size(0.25, len(classes), "")
    quota = len(test) * counts / len(classes)
    common = counts >= 2
    if (quota[common] <= counts[common] - 1).all() and (counts != 1).all():
        assert (np.abs(np.bincount(strata[test], minlength=5) - quota) < 1).all()


def test_only_the_seed_matters() -> None:
    first = Digits().split(Seeds(3))
    random.seed(1)
    torch.manual_seed(1)
    again = Digits().split(Seeds(3))
    other = Digits().split(Seeds(4))
    for name in ("train", "validation", "test"):
        assert torch.equal(getattr(first, name), getattr(again, name))
        assert not torch.equal(getattr(first, name), getattr(other, name))


def test_the_rows_of_a_split_are_drawn_uniformly() -> None:
    hits = np.zeros(60)
    for seed in range(400):
        hits[split_rows(np.zeros(60, dtype=np.int64), 0, 0.5, Seeds(seed)).test.numpy()] += 1
    assert abs(hits.mean() - 200) < 1e-9
    assert np.abs(hits - 200).max() < 5 * 10  # five standard deviations of Binomial(400, 1/2)


@pytest.mark.parametrize(("size", "count"), [(0, 0), (0.25, 25), (0.001, 1), (7, 7), (0.105, 11)])
def test_a_size_is_a_fraction_or_a_count(size: float, count: int) -> None:
    assert resolve_size(size, 100, "data.test_size") == count


@pytest.mark.parametrize("size", [-0.1, 1.5, float("nan"), float("inf"), -3])
def test_a_senseless_size_is_refused(size: float) -> None:
    with pytest.raises(DataError, match=r"data\.test_size"):
        resolve_size(size, 100, "data.test_size")


def test_a_class_is_never_held_out_whole() -> None:
    strata = np.array([0] * 50 + [1] + [2] * 2)
    split = split_rows(strata, 0, 0.9, Seeds(0))
    assert len(split.test) == 48
    assert np.bincount(strata[split.train.numpy()]).tolist() == [3, 1, 1]
