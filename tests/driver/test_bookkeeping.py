from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from driver_bench import (  # type: ignore[import-not-found]
    Answer,
    Choose,
    Events,
    Hook,
    failing,
    opened,
    run,
)

from alrun.core.errors import StrategyError
from alrun.core.stopping import Progress
from alrun.core.types import Annotation
from alrun.data.moons import Moons
from alrun.data.source import ArraySource
from alrun.metrology.acquisition import Acquisition
from alrun.query.entropy import Entropy
from alrun.query.random import Random
from alrun.stopping.pool_exhausted import PoolExhausted
from alrun.stopping.steps import Steps

PHASES = ["training", "metrology", "query", "labeling", "data_integration"]


def acquisitions(driver: Any) -> pd.DataFrame:
    return pd.read_parquet(driver.log_dir / "acquisitions.parquet")


def parts(driver: Any) -> tuple[list[int], list[int], list[int]]:
    pool = driver.unlabeled_pool
    return pool.indices.tolist(), pool.pending.tolist(), pool.labelled.tolist()


@pytest.mark.parametrize("label", [None, failing(lambda row: row % 5 == 0)], ids=["oracle", "with failures"])
def test_labelled_pending_and_unlabeled_are_a_partition_after_every_phase(tmp_path: Path, label: Any) -> None:
    seen = 0

    def check(moment: str, step: int, phase: str) -> None:
        nonlocal seen
        seen += 1
        unlabeled, pending, labelled = parts(driver)
        assert sorted(unlabeled + pending + labelled) == rows
        assert sorted(driver.training_pool.indices.tolist()) == labelled
        assert len(labelled) == driver.labels_bought
        if moment == "finished":
            assert bool(pending) == (phase in ("query", "labeling")), (step, phase)

    with opened(tmp_path, callbacks=[Hook(check)], label=label) as driver:
        rows = driver.unlabeled_pool.indices.tolist()
        driver.run()
    assert seen >= 30


def test_the_budget_is_spent_exactly(tmp_path: Path) -> None:
    driver = run(tmp_path, budget=20, query_size=6, initial_size=6)
    assert driver.labels_bought == len(driver.training_pool) == 20
    table = acquisitions(driver)
    assert table.groupby("step").size().tolist() == [6, 6, 6, 2]
    assert table["index"].is_unique
    assert driver.stop_reason == "the budget of 20 labels is spent"
    assert driver.active_learning_step_idx == 4


def test_failed_requests_cost_no_budget_and_go_back_to_the_pool(tmp_path: Path) -> None:
    label = failing(lambda row: row % 3 == 0)
    driver = run(tmp_path, budget=20, label=label)
    table = acquisitions(driver)
    assert (table["status"] == "labelled").sum() == driver.labels_bought == 20
    failed = table[table["status"] == "failed"]
    assert len(failed) > 0
    unlabeled, pending, _ = parts(driver)
    assert pending == []
    assert set(failed["index"]) <= set(unlabeled)
    assert not set(failed["index"]) & set(driver.training_pool.indices.tolist())


def test_a_run_in_which_every_request_fails_ends_and_says_why(tmp_path: Path) -> None:
    label = failing(lambda row: True)
    with pytest.raises(StrategyError, match=r"none of the 6 label requests of step 0 .* the simulator diverged"):
        run(tmp_path, label=label)


def test_a_step_in_which_every_request_failed_is_asked_again(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match="none of the 6 label requests"):
        run(tmp_path / "repaired", label=failing(lambda row: True))
    repaired, whole = run(tmp_path / "repaired"), run(tmp_path / "whole")
    one, other = acquisitions(repaired), acquisitions(whole)
    assert one.drop(columns="cost").equals(other.drop(columns="cost"))
    assert (one["cost"] - other["cost"]).tolist() == [1.0] * 6 + [0.0] * 14, "what failed was paid too"
    assert repaired.labels_bought == 20


def test_what_is_not_answered_is_skipped(tmp_path: Path) -> None:
    label = Answer(lambda item, truth: Annotation(item, truth) if item % 2 else None)
    driver = run(tmp_path, budget=50, stopping=[Steps(3)], label=label)
    table = acquisitions(driver)
    assert len(table) == 18
    assert set(table.loc[table["index"] % 2 == 0, "status"]) == {"skipped"}
    assert set(table.loc[table["index"] % 2 == 0, "cost"]) == {0.0}
    assert (table["status"] == "labelled").sum() == driver.labels_bought < 18


@pytest.mark.parametrize("answer", [lambda item, truth: (item, truth), lambda item, truth: ("anything", truth)])
def test_bare_answers_belong_to_the_oldest_request(tmp_path: Path, answer: Any) -> None:
    whole, bare = run(tmp_path / "a"), run(tmp_path / "b", label=Answer(answer))
    assert acquisitions(bare)["label"].tolist() == acquisitions(whole)["label"].tolist()
    assert set(acquisitions(bare)["annotator"]) == {"Answer"}


@pytest.mark.parametrize("kind", [torch.tensor, lambda row: torch.tensor([row]).numpy()[0]], ids=["tensor", "numpy"])
def test_row_numbers_of_any_kind(tmp_path: Path, kind: Any) -> None:
    def choose(driver: Any) -> list[Any]:
        return [kind(row) for row in driver.unlabeled_pool.indices[:6].tolist()]

    driver = run(tmp_path, query=[Choose(choose)])
    assert driver.labels_bought == 20
    assert acquisitions(driver)["index"].is_unique
    _, pending, labelled = parts(driver)
    assert (len(pending), len(labelled)) == (0, 20)


def test_several_strategies_fill_one_queue_in_order(tmp_path: Path) -> None:
    driver = run(tmp_path, query=[Entropy(2), Random(3)], budget=26, initial_size=6, metrology=[Acquisition()])
    table = acquisitions(driver)
    authors = table[table["step"] > 0].groupby("step")["strategy"].agg(list).tolist()
    assert authors == [["Entropy", "Entropy", "Random", "Random", "Random"]] * 4
    assert table["index"].is_unique
    assert table.loc[table["strategy"] == "Entropy", "score"].notna().all()
    assert table.loc[table["strategy"] == "Random", "score"].isna().all()


def test_a_data_set_that_starts_with_labels_needs_no_cold_start(tmp_path: Path) -> None:
    moons = Moons(n_samples=120)
    everything = torch.arange(120)
    labeled = [3, 50, 70, 100]
    source = ArraySource(moons.inputs(everything), moons.targets(everything), moons.spec, labeled=labeled)
    events = Events()
    driver = run(tmp_path, source=source, cold_start=False, budget=12, callbacks=[events], metrology=[Acquisition()])
    assert sorted(driver.training_pool.indices[:4].tolist()) == labeled
    assert driver.labels_bought == 12
    assert len(driver.training_pool) == 16
    assert (driver.log_dir / "checkpoints/step_0/training/weights.safetensors").exists()
    assert not set(acquisitions(driver)["index"]) & set(labeled)


def test_an_empty_pool_without_a_cold_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match="cold_start=random"):
        run(tmp_path, cold_start=False)


def test_step_0_trains_nothing_and_measures_nothing(tmp_path: Path) -> None:
    driver = run(tmp_path, metrology=[Acquisition()])
    assert not (tmp_path / "checkpoints/step_0/training/weights.safetensors").exists()
    assert (tmp_path / "checkpoints/step_1/training/weights.safetensors").exists()
    records = pd.read_parquet(tmp_path / "records.parquet")
    assert sorted(records["step"].unique()) == [1, 2, 3, 4]
    assert records.groupby("step")["labels"].first().tolist() == [6, 12, 18, 20]
    assert len(driver.metrology_strategies[0].records) > 0


def test_events_come_in_order(tmp_path: Path) -> None:
    events = Events()
    run(tmp_path, callbacks=[events], budget=12)
    expected = []
    for step, before in ((0, 0), (1, 6), (2, 12)):
        for phase in PHASES if step < 2 else PHASES[:2]:
            labels = before + 6 if phase == "data_integration" else before
            expected += [f"{step} {phase} started"]
            expected += [f"{step} received {order}" for order in range(6)] if phase == "labeling" else []
            expected += [f"{step} {phase} finished, {labels} labels"]
    assert events.told == expected
    events = Events()
    run(tmp_path, callbacks=[events], budget=12)
    assert events.told == []  # all of it is replayed


@pytest.mark.parametrize(
    ("stopping", "budget", "reason"),
    [
        ([Steps(2)], 50, "2 steps are done"),
        ([PoolExhausted()], 500, "the unlabeled pool is empty"),
        ([lambda progress: "enough" if progress.labels >= 12 else None], 50, "enough"),
        ([], 12, "the budget of 12 labels is spent"),
        ([], 500, "the query strategies chose nothing"),
    ],
    ids=["steps", "pool exhausted", "own criterion", "budget", "nothing chosen"],
)
def test_reasons_to_stop(tmp_path: Path, stopping: list[Any], budget: int, reason: str) -> None:
    driver = run(tmp_path, stopping=stopping, budget=budget, source=Moons(n_samples=60))
    assert driver.stop_reason == reason
    assert driver.labels_bought == len(driver.training_pool)


def test_criteria_see_how_far_the_run_is(tmp_path: Path) -> None:
    seen: list[Progress] = []

    def criterion(progress: Progress) -> str | None:
        seen.append(progress)
        return None

    run(tmp_path, stopping=[criterion], budget=20, metrology=[Acquisition()])
    assert [(progress.step, progress.labels) for progress in seen] == [(1, 6), (2, 12), (3, 18)]
    assert [progress.unlabeled for progress in seen] == [84 - 6, 84 - 12, 84 - 18]
    assert all(progress.metrics for progress in seen)
    assert sorted(progress.elapsed for progress in seen) == [progress.elapsed for progress in seen]
