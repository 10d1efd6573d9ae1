"""Scores of pool and picks, and beliefs before and after: against the learner itself, and after kills."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import SMALL, Alrun, Warm, only_run, results  # type: ignore[import-not-found]

from alrun.cold_start.random import Random
from alrun.core.phases import ActiveLearningPhase
from alrun.core.types import Task
from alrun.metrology.beliefs import Beliefs
from alrun.metrology.scores import Scores
from alrun.pool.subset import Subset
from alrun.query.entropy import Entropy
from alrun.query.variance import Variance
from alrun.stopping.steps import Steps
from alrun.testing.host import hosted

MEASURED = "metrology=[classification,scores,beliefs]"


def records(run: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((run / f"metrology/{name}/records.json").read_text())["records"]
    return [record[name] for record in found]


def test_scores_are_those_of_the_pool_that_was_asked(tmp_path: Path) -> None:
    scores, query = Scores(), Entropy(10)
    with hosted(tmp_path / "run", cold=True, cold_start=Random(20), query=[query], metrology=[scores]) as driver:
        for phase in driver.phases():
            if driver.active_learning_step_idx == 1 and phase is ActiveLearningPhase.METROLOGY:
                each = [query.score(one) for one in driver.predictor(driver.unlabeled_pool)]
                pool = torch.cat(each).double().tolist()
            if driver.active_learning_step_idx == 2 and phase is ActiveLearningPhase.METROLOGY:
                break
    (found,) = (record["scores"] for record in scores.records)
    edges = [found["start"] + found["width"] * number for number in range(len(found["pool"]) + 1)]
    best = sorted(pool)[-10:]
    for name, values in (("pool", pool), ("picks", best)):
        within = [sum(low <= one < high for one in values) for low, high in pairwise(edges)]
        assert found[name] == within
        assert sum(found[name]) == len(values)
    assert (found["step"], found["labels"], found["strategy"]) == (1, 30, "Entropy")


@pytest.mark.parametrize("task", sorted(Beliefs.tasks))
def test_beliefs_are_of_the_learner_before_and_after(task: Task, tmp_path: Path) -> None:
    beliefs, seen = Beliefs(), dict[str, Any]()
    query: list[Any] = [Entropy(10) if task is Task.CLASSIFICATION else Variance(10)]
    parts: dict[str, Any] = {"query": query, "metrology": [beliefs], "stopping": [Steps(2)]}
    with hosted(tmp_path / "run", task, cold=True, cold_start=Random(20), **parts) as driver:

        def predicted(rows: list[int]) -> list[float]:
            (outputs,) = (one.outputs for one in driver.predictor(Subset(driver.unlabeled_pool.source, rows)))
            if task is Task.REGRESSION:
                return [float(f"{one:.4g}") for one in outputs[:, 0].double().tolist()]
            labels = driver.training_pool.targets(torch.arange(len(driver.training_pool)))[-len(rows) :]
            chances = outputs.double().softmax(dim=1).gather(1, labels[:, None]).flatten()
            return [float(f"{one:.4g}") for one in chances.tolist()]

        for phase in driver.phases():
            if driver.active_learning_step_idx == 1 and phase is ActiveLearningPhase.DATA_INTEGRATION:
                rows = driver.training_pool.indices[-10:].tolist()
                seen = {"index": rows, "before": predicted(rows)}
            if driver.active_learning_step_idx == 2 and phase is ActiveLearningPhase.METROLOGY:
                seen["after"] = predicted(seen["index"])
        labels = driver.training_pool.targets(torch.arange(len(driver.training_pool)))[-10:].flatten().tolist()
    first, second = (record["beliefs"] for record in beliefs.records)
    assert first["before"] is None
    assert len(first["after"]["predicted"]) == 20
    what = "probability" if task is Task.CLASSIFICATION else "predicted"
    assert {"index": second["index"], **{when: second[when][what] for when in ("before", "after")}} == seen
    assert second["label"] == pytest.approx(labels, rel=1e-3)
    assert second["before"] != second["after"]


def test_a_run_that_is_killed_between_labels_and_training_records_the_same(
    alrun: Alrun, warm: Warm, tmp_path: Path
) -> None:
    """MC dropout, whose predictions are drawn: before the label, and after it."""
    words = (*SMALL, MEASURED, "inference=mc_dropout", "learner.dropout=0.2", "query=bald")
    assert alrun(*words, "output_dir=peace").code == 0
    for phase in ("step_1/labeling", "step_1/data_integration"):
        assert warm.run(tmp_path, *words, "name=cut", die_at=f"outputs/*/*/checkpoints/{phase}").code == -9
    assert warm.run(tmp_path, *words, "name=cut").code == 0
    run, peace = only_run(tmp_path / "outputs"), only_run(tmp_path / "peace")
    assert results(run) == results(peace)
    for name in ("scores", "beliefs"):
        assert records(run, name) == records(peace, name)
        assert len(records(run, name)) == (2 if name == "scores" else 3)


def test_a_run_without_them_commits_what_it_did_before(small_run: Path) -> None:
    """Nothing of a histogram is in the commits of a run that does not measure it."""
    assert b"pool_scores" not in b"".join(path.read_bytes() for path in small_run.rglob("*") if path.is_file())
