"""Labels for validation out of the same budget: how they are divided, drawn, booked and resumed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from driver_bench import Choose, Events, Hook, PlainLoop, failing, flat, opened  # type: ignore[import-not-found]
from hypothesis import given
from hypothesis import strategies as st

from alrun.core.errors import StrategyError
from alrun.data.moons import Moons
from alrun.driver.apportion import split_between
from alrun.driver.driver import Driver
from alrun.query.random import Random


@contextmanager
def sold(place: Path, **options: Any) -> Iterator[Driver]:
    source = Moons(n_samples=120, validation_size=0.25)
    with opened(
        place,
        **{"source": source, "sell_validation": True, "budget": 40, "query_size": 8, "initial_size": 8, **options},
    ) as driver:
        yield driver


counts = st.integers(0, 300)


@given(counts, counts, counts, st.booleans())
def test_division_is_proportional_and_never_more_than_there_is(n: int, train: int, val: int, first: bool) -> None:
    chosen, drawn = split_between(n, train, val, first)
    assert chosen + drawn == min(n, train + val)
    assert 0 <= chosen <= train
    assert 0 <= drawn <= val
    if n and train:
        assert chosen >= 1
    if first and val and n >= 2:
        assert drawn >= 1
    if 2 <= n <= min(train, val) and not first:
        assert abs(drawn - n * val / (train + val)) <= 1


def test_division_by_hand() -> None:
    assert split_between(20, 1258, 180, False) == (17, 3)  # 2.50… is nearer to 3
    assert split_between(4, 70, 10, False) == (4, 0)  # exactly one half goes to training
    assert split_between(4, 70, 10, True) == (3, 1)
    assert split_between(1, 1, 100, True) == (1, 0)


def booked(driver: Driver) -> list[tuple[int, str]]:
    return [(row["index"], row["strategy"]) for row in driver.experiment.ledger.acquisitions]


def test_labels_are_bought_for_both_and_count(tmp_path: Path) -> None:
    with sold(tmp_path) as driver:
        pool: Any = driver.unlabeled_pool
        before = len(pool), len(pool.validation_indices)
        driver.run()
        training, validation = driver.training_pool, driver.validation_pool
        assert driver.labels_bought == 40 == len(training) + len(validation)
        assert (len(pool) + len(training), len(pool.validation_indices) + len(validation)) == before
        assert len(validation) == pytest.approx(40 * before[1] / sum(before), abs=2)
        assert not set(training.indices.tolist()) & set(validation.indices.tolist())
        rows = booked(driver)
        assert {row for row, name in rows if name == "validation"} == set(validation.indices.tolist())
        assert {row for row, name in rows if name != "validation"} == set(training.indices.tolist())
        assert len(rows) == 40
        assert validation.targets(torch.arange(3)).equal(pool.reveal(validation.indices[:3]))
        assert driver.last_batch < 8


def test_validation_rows_do_not_depend_on_the_strategies(tmp_path: Path) -> None:
    drawn = []
    for name, query in (("a", [Random(8)]), ("b", [Choose(lambda driver: driver.unlabeled_pool.indices[:6].tolist())])):
        with sold(tmp_path / name, query=query) as driver:
            driver.query_and_update(8)
            driver.query_and_update(8)
            drawn.append(driver.validation_pool.indices.tolist())
    assert drawn[0] == drawn[1]


def test_a_strategy_may_not_choose_validation_rows(tmp_path: Path) -> None:
    greedy = Choose(lambda driver: driver.unlabeled_pool.validation_indices[:2].tolist())
    with sold(tmp_path, query=[greedy]) as driver, pytest.raises(StrategyError, match="Choose chose row"):
        driver.run()


def test_failed_validation_labels_go_back(tmp_path: Path) -> None:
    with sold(tmp_path, label=failing(lambda row: row % 3 == 0)) as driver:
        bought = sum(driver.query_and_update(12) for _ in range(3))
        pool: Any = driver.unlabeled_pool
        validation: Any = driver.validation_pool
        assert all(row % 3 for row in validation.indices.tolist())
        assert not len(pool.pending)
        assert 0 < bought == driver.labels_bought == len(validation) + len(driver.training_pool) < 36


def test_loop_validates_on_what_was_bought_alone(tmp_path: Path) -> None:
    sizes: list[int] = []

    class Loop(PlainLoop):
        def __call__(self, model: Any, optimizer: Any, train: Any, validation: Any = None, **rest: Any) -> None:
            sizes.append(sum(len(targets) for _, targets in validation))
            super().__call__(model, optimizer, train)

    with sold(tmp_path, loop=Loop(), validate=True) as driver:
        driver.run()
    assert sizes == sorted(sizes)
    assert 0 < sizes[0] < sizes[-1] == len(driver.validation_pool)


@pytest.mark.parametrize("phase", ["query", "labeling", "data_integration", "training"])
def test_resume_is_exact(tmp_path: Path, phase: str) -> None:
    def stop(kind: str, step: int, name: str) -> None:
        if (kind, step, name) == ("finished", 2, phase):
            raise KeyboardInterrupt

    with sold(tmp_path / "whole") as whole:
        whole.run()
    with sold(tmp_path / "cut", callbacks=[Hook(stop)]) as cut, pytest.raises(KeyboardInterrupt):
        cut.run()
    with sold(tmp_path / "cut") as resumed:
        resumed.run()
    assert booked(resumed) == booked(whole)
    assert resumed.state.digest == whole.state.digest
    assert resumed.validation_pool.indices.equal(whole.validation_pool.indices)


def test_what_is_asked_is_what_is_bought(tmp_path: Path) -> None:
    with sold(tmp_path) as driver:
        for count in (9, 5, 7):
            training, validation = driver.query(count)
            assert driver.query(count) == (training, validation)
            assert driver.query_val(len(validation)) == validation
            assert len(asked := driver.query_train(count)) == count
            assert not driver.unlabeled_pool.status.for_validation[asked].any()
            held = driver.labels_bought
            assert driver.query_and_update(count) == count
            assert [row for row, _ in booked(driver)][held:] == training + validation
        assert driver.labels_bought == 21
        driver.run()
        assert driver.labels_bought == 40
        assert driver.query(5) == ([], [])


def test_interactive_steps_are_told_like_any_other(tmp_path: Path) -> None:
    with sold(tmp_path / "a", callbacks=[one := Events()], budget=8) as driver:
        driver.query_and_update(8)
    with sold(tmp_path / "b", callbacks=[other := Events()], budget=8) as driver:
        driver.run()
    assert one.told == other.told[: len(one.told)]
    assert len(one.told) > 5


def test_interactive_steps_resume(tmp_path: Path) -> None:
    with sold(tmp_path) as driver:
        driver.query_and_update(9)
        driver.query_and_update(5)
        digest, rows = driver.state.digest, booked(driver)
    with sold(tmp_path) as again:
        again.query_and_update(9)
        again.query_and_update(5)
        assert (again.state.digest, booked(again)) == (digest, rows)
        again.run()
        assert again.labels_bought == 40


def test_without_validation_for_sale_all_is_for_training(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        training, validation = driver.query(7)
        assert (len(training), validation, driver.query_val(3)) == (7, [], [])
        assert driver.query_train(7) == training
        assert driver.query_and_update(7) == 7
        assert driver.training_pool.indices.tolist() == training
        driver.run()
        assert driver.labels_bought == 20


def test_reset_model_restores_step_0_at_any_step_and_after_a_resume(tmp_path: Path) -> None:
    with opened(tmp_path) as fresh:
        initial = flat(fresh.learner)
        for _ in range(3):
            fresh.query_and_update(5)
        assert not flat(fresh.learner).equal(initial)
        fresh.reset_model()
        assert flat(fresh.learner).equal(initial)
    with opened(tmp_path) as resumed:
        resumed.run()
        assert not flat(resumed.learner).equal(initial)
        resumed.reset_model()
        assert flat(resumed.learner).equal(initial)
