"""Transformations of data: each against its closed form, what they compose to, and each fault named."""

from __future__ import annotations

from functools import reduce
from typing import Any

import pytest
import torch
from torch import Tensor

from alrun.core.errors import DataError
from alrun.core.seeding import Seeds
from alrun.core.types import Task, TaskSpec
from alrun.data.diabetes import Diabetes
from alrun.data.digits import Digits
from alrun.data.digits_multitask import DigitsMultitask
from alrun.data.source import ArraySource
from alrun.pool.pools import pools
from alrun.pool.view import View
from alrun.transform.imbalance import Imbalance
from alrun.transform.label_noise import LabelNoise
from alrun.transform.near_duplicates import NearDuplicates
from alrun.transform.ood import OOD
from alrun.transform.pool_ratio import PoolRatio
from alrun.transform.shift import Shift

DIGITS = Digits()
PLAIN = DIGITS.split(Seeds(0))


def applied(*transforms: Any, data: Any = DIGITS, seed: int = 0) -> View:
    """Return ``data`` after all ``transforms``."""
    numbered = [(str(place), one) for place, one in enumerate(transforms)]
    found: View = reduce(lambda source, pair: pair[1](source, Seeds(seed), pair[0]), numbered, data)
    return found


def counts(source: Any, rows: Tensor) -> list[int]:
    found: list[int] = source.targets(rows).bincount(minlength=source.spec.num_outputs).tolist()
    return found


def equal(first: Tensor, second: Tensor) -> bool:
    return first.equal(second)


def test_a_long_tail_has_its_shares() -> None:
    view = applied(Imbalance(10))
    split = view.split(Seeds(0))
    found = counts(view, split.train)
    ideal = [found[0] * 10 ** (-rank / 9) for rank in range(10)]
    assert [abs(one - other) <= 0.51 for one, other in zip(found, ideal, strict=True)] == [True] * 10
    assert equal(split.test, PLAIN.test)
    assert equal(split.validation, PLAIN.validation)
    assert torch.isin(split.train, PLAIN.train).all()
    # As many rows as the shares allow: no class could have one row more.
    assert found[0] == counts(DIGITS, PLAIN.train)[0]


def test_a_step_makes_the_last_classes_of_the_order_rare() -> None:
    view = applied(Imbalance(5, profile="step", rare=0.3, order=[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]))
    found = counts(view, view.split(Seeds(0)).train)
    assert len(set(found[3:])) == 1
    assert len(set(found[:3])) == 1
    assert round(found[5] / found[0]) == 5


def test_a_share_of_the_pool_keeps_the_classes() -> None:
    view = applied(PoolRatio(0.25))
    before, after = counts(DIGITS, PLAIN.train), counts(view, view.split(Seeds(0)).train)
    assert all(abs(one / 4 - other) <= 1 for one, other in zip(before, after, strict=True))
    assert sum(after) == round(len(PLAIN.train) / 4)
    assert len(applied(PoolRatio(100)).split(Seeds(0)).train) == 100


@pytest.mark.parametrize("kind", ["symmetric", "pair", "matrix"])
def test_labels_are_wrong_at_the_rate_in_the_pool_alone(kind: str) -> None:
    matrix = (0.7 * torch.eye(10) + 0.3 * torch.eye(10).roll(3, dims=1)).tolist() if kind == "matrix" else None
    view = applied(LabelNoise(0.3, kind=kind, matrix=matrix))
    true, noisy = DIGITS.targets(PLAIN.train), view.targets(PLAIN.train)
    wrong = true != noisy
    assert abs(float(wrong.double().mean()) - 0.3) < 4 * (0.3 * 0.7 / len(true)) ** 0.5
    offsets = ((noisy - true) % 10)[wrong].unique().tolist()
    assert offsets == {"symmetric": [*range(1, 10)], "pair": [1], "matrix": [3]}[kind]
    for rows in (PLAIN.test, PLAIN.validation):
        assert equal(view.targets(rows), DIGITS.targets(rows))
    assert equal(view.marks["label_noise"].nonzero()[:, 0], PLAIN.train[wrong])
    made: Any = pools(view, Seeds(0)).unlabeled
    assert equal(made.reveal(PLAIN.train), noisy)
    assert equal(made.reveal(PLAIN.train[:5]), noisy[:5])


def test_labels_of_validation_rows_are_wrong_where_it_is_asked_for() -> None:
    view = applied(LabelNoise(1.0, validation=True))
    assert (view.targets(PLAIN.validation) != DIGITS.targets(PLAIN.validation)).all()
    assert equal(view.targets(PLAIN.test), DIGITS.targets(PLAIN.test))


def test_tasks_and_numbers_are_disturbed_each_by_itself() -> None:
    tasks = DigitsMultitask()
    rows = tasks.split(Seeds(0)).train
    wrong = applied(LabelNoise(0.4), data=tasks).targets(rows) != tasks.targets(rows)
    assert ((wrong.double().mean(dim=0) - 0.4).abs() < 0.06).all()
    assert 0 < float((wrong[:, 0] & wrong[:, 1]).double().mean()) < 0.25
    numbers = Diabetes()
    split = numbers.split(Seeds(0))
    view = applied(LabelNoise(sigma=0.5), data=numbers)
    errors = (view.targets(split.train) - numbers.targets(split.train)) / numbers.targets(split.train).std()
    assert abs(float(errors.std()) - 0.5) < 0.1
    assert equal(view.targets(split.test), numbers.targets(split.test))


def test_unknown_classes_are_bought_as_one_and_never_measured() -> None:
    view = applied(OOD(["3", "7"]))
    split = view.split(Seeds(0))
    assert view.spec.class_names == ("0", "1", "2", "4", "5", "6", "8", "9")
    assert (view.spec.num_outputs, view.spec.num_labels) == (8, 9)
    names = [(*view.spec.class_names, "unknown")[one] for one in view.targets(split.train).tolist()]
    true = [str(one) for one in DIGITS.targets(split.train).tolist()]
    assert names == ["unknown" if one in ("3", "7") else one for one in true]
    assert equal(split.train, PLAIN.train)
    for rows in (split.test, split.validation):
        assert 8 not in view.targets(rows)
    assert len(split.test) == sum(one not in (3, 7) for one in DIGITS.targets(PLAIN.test).tolist())
    marked = view.marks["ood"].nonzero()[:, 0]
    assert equal(marked, split.train[view.targets(split.train) == 8])


@pytest.mark.parametrize("ratio", [0.1, 0.3])
def test_the_pool_has_the_open_set_share(ratio: float) -> None:
    view = applied(OOD(unknown=0.5, ratio=ratio))
    train = view.split(Seeds(0)).train
    assert abs(float(view.marks["ood"][train].double().mean()) - ratio) < 1e-3
    assert view.spec.num_outputs == 5


def test_rows_of_another_source_come_last() -> None:
    noise = ArraySource(torch.rand(50, 64), torch.arange(50) % 2, TaskSpec(Task.CLASSIFICATION, (64,), 2))
    view = applied(OOD(source=noise))
    split = view.split(Seeds(0))
    new = torch.arange(len(DIGITS), len(view))
    assert len(new) == 50
    assert torch.isin(new, split.train).all()
    assert (view.targets(new) == 10).all()
    mixed = torch.tensor([len(DIGITS) + 3, 5, len(DIGITS)])
    assert equal(view.inputs(mixed)[1], DIGITS.inputs([5])[0])
    assert equal(view.inputs(mixed)[0], noise.inputs([3])[0])
    assert view.spec.class_names == DIGITS.spec.class_names


def test_copies_are_near_and_on_one_side_of_the_split() -> None:
    labeled = ArraySource(DIGITS.inputs(range(500)), DIGITS.targets(range(500)), DIGITS.spec, labeled=[4, 9])
    view = applied(NearDuplicates(2, noise=0.1), data=labeled)
    before, split = labeled.split(Seeds(0)), view.split(Seeds(0))
    free = before.train[~torch.isin(before.train, before.labeled)]
    new = torch.arange(500, len(view))
    assert len(new) == 2 * len(free)
    assert equal(split.train, torch.cat([before.train, new]))
    for part in ("test", "validation", "labeled"):
        rows = getattr(split, part)
        assert equal(rows, getattr(before, part))
        assert equal(view.inputs(rows), labeled.inputs(rows))
    origin = free.repeat(2)
    assert equal(view.targets(new), labeled.targets(origin))
    error = view.inputs(new) - labeled.inputs(origin)
    spread = labeled.inputs(free).std()
    assert abs(float(error.std() / spread) - 0.1) < 0.002
    assert (
        abs(float(torch.corrcoef(torch.stack([error[: len(free)].flatten(), error[len(free) :].flatten()]))[0, 1]))
        < 0.02
    )
    # What is copied is disturbed like its copies, and a row has the same noise whatever it is read with.
    assert not equal(view.inputs(free), labeled.inputs(free))
    assert equal(view.inputs(torch.tensor([700, 3, 520]))[2], view.inputs([520])[0])
    exact = applied(NearDuplicates(1, noise=0, share=0.1), data=labeled)
    assert equal(exact.inputs(range(500)), labeled.inputs(range(500)))


def test_standardized_columns_have_noise_in_their_own_units() -> None:
    numbers = Diabetes()
    scaled = numbers.inputs(range(len(numbers))) * torch.logspace(-3, 3, 10)
    spec = TaskSpec(Task.REGRESSION, (10,), 1, standardize=tuple(range(10)))
    data = ArraySource(scaled, numbers.targets(range(len(numbers))), spec)
    view = applied(NearDuplicates(1, noise=0.2), data=data)
    rows = data.split(Seeds(0)).train
    errors = (view.inputs(torch.arange(len(data), len(view))) - data.inputs(rows)) / data.inputs(rows).std(dim=0)
    assert ((errors.std(dim=0) - 0.2).abs() < 0.05).all()


def test_test_rows_have_the_shares_that_are_given() -> None:
    view = applied(Shift(priors=[0.3, 0.7, *[0.0] * 8]))
    split = view.split(Seeds(0))
    found = counts(view, split.test)
    assert found[2:] == [0] * 8
    assert abs(found[1] / sum(found) - 0.7) < 0.03
    assert equal(split.train, PLAIN.train)
    assert counts(applied(Shift(alpha=0.3)), applied(Shift(alpha=0.3)).split(Seeds(0)).test) != counts(
        DIGITS, PLAIN.test
    )


@pytest.mark.parametrize("part", ["test", "train"])
def test_inputs_are_tilted_along_where_they_vary_most(part: str) -> None:
    pool = DIGITS.inputs(PLAIN.train)
    first = torch.linalg.svd(pool - pool.mean(dim=0), full_matrices=False).Vh[0]
    first *= torch.sign(first[first.abs().argmax()])
    means = {}
    for strength in (-3.0, 0.0, 3.0):
        split = applied(Shift("covariate", part=part, strength=strength)).split(Seeds(0))
        rows = getattr(split, part)
        assert len(rows) == round(len(getattr(PLAIN, part)) / 2)
        means[strength] = float((DIGITS.inputs(rows) @ first).mean())
    whole = float((DIGITS.inputs(getattr(PLAIN, part)) @ first).mean())
    spread = float((DIGITS.inputs(PLAIN.train) @ first).std())
    assert means[-3.0] < whole - 0.5 * spread
    assert means[3.0] > whole + 0.5 * spread
    assert abs(means[0.0] - whole) < 0.25 * spread


def test_transformations_compose() -> None:
    view = applied(OOD([9]), NearDuplicates(1, noise=0), LabelNoise(0.2), Imbalance(4), Shift(alpha=5))
    split = view.split(Seeds(0))
    assert set(view.marks) == {"ood", "near_duplicate", "label_noise"}
    assert all(len(mark) == len(view) for mark in view.marks.values())
    new = torch.arange(len(DIGITS), len(view))
    made_from = PLAIN.train
    assert equal(view.marks["ood"][new], DIGITS.targets(made_from) == 9)
    assert not torch.isin(split.test, split.train).any()
    assert 9 not in view.targets(split.test)
    assert len(view.notes) == 5
    row = int(split.train[view.marks["label_noise"][split.train]][0])
    assert view.targets([row]) == view.targets(torch.tensor([row, 0]))[:1]


FAULTS: dict[str, tuple[Any, Any, str]] = {
    "factor": (lambda: Imbalance(0.5), DIGITS, "transform.imbalance.factor=10"),
    "profile": (lambda: Imbalance(profile="stepp"), DIGITS, "transform.imbalance.profile=step"),
    "order": (lambda: Imbalance(order=[0, 1]), DIGITS, "transform.imbalance.order=[0,1,2,3,4,5,6,7,8,9]"),
    "no classes": (Imbalance, Diabetes(), "needs classes, and the data are a regression"),
    "ratio": (lambda: PoolRatio(1.5), DIGITS, "transform.pool_ratio.ratio=0.5"),
    "too many": (lambda: PoolRatio(10_000), DIGITS, "fewer than 10000"),
    "rate": (lambda: LabelNoise(2.0), DIGITS, "transform.label_noise.rate=0.1"),
    "matrix": (lambda: LabelNoise(kind="matrix"), DIGITS, "go together"),
    "no square": (lambda: LabelNoise(kind="matrix", matrix=[[1.0]]), DIGITS, "there are 10 classes"),
    "no distribution": (lambda: LabelNoise(kind="matrix", matrix=[[0.5, 0.2], [0, 1]]), DIGITS, "do not sum to 1"),
    "class": (lambda: OOD(["42"]), DIGITS, "there is no class '42'"),
    "all classes": (lambda: OOD(list(range(9))), DIGITS, "fewer than two are left"),
    "several tasks": (OOD, DigitsMultitask(), "needs classes of a single task"),
    "shape": (lambda: OOD(source=Diabetes()), DIGITS, "its inputs have shape (10,), those of the data (64,)"),
    "both": (lambda: OOD([1], source=Diabetes()), DIGITS, "transform.ood.classes=null"),
    "copies": (lambda: NearDuplicates(0), DIGITS, "transform.near_duplicates.copies=2"),
    "priors": (lambda: Shift(priors=[0.5, 0.1]), DIGITS, "transform.shift.priors=[0.7,0.3]"),
    "other priors": (lambda: Shift(priors=[0.5, 0.5]), DIGITS, "are 2 shares, but there are 10 classes"),
    "no test": (Shift, Digits(test_size=0), "transform.shift.part=train"),
    "seed": (lambda: Shift(seed=-1), DIGITS, "transform.shift.seed=0"),
}


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS)
def test_faults_are_named(case: tuple[Any, Any, str]) -> None:
    make, data, message = case
    with pytest.raises(Exception) as caught:
        make()(data, Seeds(0), "x")
    assert message in str(caught.value)
    assert type(caught.value) in (DataError, DataError.__base__)
