"""The driver as its strategies see it: names of the common interface, and questions between steps."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from driver_bench import Choose, flat, opened, run  # type: ignore[import-not-found]

from alrun.core.errors import RunDirectoryLost
from alrun.core.phases import ActiveLearningPhase
from alrun.query.entropy import Entropy
from alrun.query.random import Random
from alrun.query.restricted import with_pool


def test_names_of_the_common_interface(tmp_path: Path) -> None:
    query, other = Random(3), Entropy(3)
    with opened(tmp_path, query=[query, other]) as driver:
        assert driver.query_strategies == [query, other]
        assert driver.metrology_strategies == []
        assert driver.label_strategy is driver.experiment.strategies.label["Oracle"]
        assert driver.train_datapool is driver.training_pool is driver.experiment.pools.training
        assert driver.val_datapool is driver.validation_pool
        assert driver.unlabeled_datapool is driver.unlabeled_pool
        assert driver.inference_fn == driver.learner.inference_step
        assert (driver.log_dir, driver.current_phase, driver.active_learning_step_idx) == (tmp_path, None, 0)
        assert query.driver is other.driver is driver


def test_a_question_between_steps_leaves_the_driver_where_it_is(tmp_path: Path) -> None:
    asked: list[tuple[Any, ActiveLearningPhase | None]] = []

    def choose(driver: Any) -> list[int]:
        asked.append((driver, driver.current_phase))
        rows: list[int] = driver.unlabeled_pool.indices[:2].tolist()
        return rows

    strategy = Choose(choose)
    with opened(tmp_path, query=[strategy, Random(4)]) as driver:
        driver.query_and_update(6)
        before, rows = asdict(driver.state), driver.unlabeled_pool.indices.tolist()
        told = driver.query_train(6)
        assert asdict(driver.state).keys() == before.keys()
        assert (driver.state.phase, driver.query_queue.to_list()) == (None, [])
        assert driver.unlabeled_pool.indices.tolist() == rows
        ((host, phase),) = asked
        assert host is not driver
        assert phase is ActiveLearningPhase.QUERY
        assert strategy.driver is driver
        driver.query_and_update(6)
        assert asked[-1][0] is driver
        bought = driver.experiment.ledger.acquisitions[6:]
        assert [row["index"] for row in bought] == told, "what is said beforehand is what is chosen then"


def test_a_question_that_fails_leaves_the_strategies_with_their_driver(tmp_path: Path) -> None:
    strategy = Choose(lambda driver: 1 / 0)
    with opened(tmp_path, query=[strategy]) as driver:
        driver.query_and_update(6)
        with pytest.raises(ZeroDivisionError):
            driver.query_train(6)
        assert strategy.driver is driver


def test_a_host_with_another_pool_is_the_same_otherwise(tmp_path: Path) -> None:
    with opened(tmp_path) as driver:
        view: Any = with_pool(driver, "other")
        assert (view.unlabeled_pool, driver.unlabeled_pool) != ("other", "other")
        driver.query_and_update(6)
        assert (view.labels_bought, view.active_learning_step_idx, view.seeds) == (6, 1, driver.seeds)
        assert view.learner is driver.learner


def test_learner_and_inference_are_attached_where_they_want_it(tmp_path: Path) -> None:
    attached: list[Any] = []
    with opened(tmp_path) as driver:
        for part in (driver.learner, driver.experiment.inference):
            part.attach = attached.append
        driver.attach_strategies()
        assert attached == [driver, driver]


def test_passes_that_are_made_by_hand_end_like_a_run(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    with opened(tmp_path / "by hand") as driver:
        ended = []
        for step in range(9):
            driver.active_learning_step_idx = step
            driver.active_learning_step()
            ended.append((step, driver.current_phase))
            if driver.stop_reason:
                break
    last = ActiveLearningPhase.DATA_INTEGRATION
    assert ended == [(0, last), (1, last), (2, last), (3, last), (4, ActiveLearningPhase.METROLOGY)]
    assert driver.stop_reason == whole.stop_reason
    assert driver.training_pool.indices.equal(whole.training_pool.indices)
    assert flat(driver.learner).equal(flat(whole.learner))


def test_records_are_not_written_where_the_run_no_longer_is(tmp_path: Path) -> None:
    with opened(tmp_path / "run") as driver:
        (tmp_path / "run").rename(tmp_path / "elsewhere")
        with pytest.raises(RunDirectoryLost):
            driver.save_records(tmp_path / "run/metrology/mine/records.json", [1])
    assert not (tmp_path / "run").exists()
