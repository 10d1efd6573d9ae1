"""A strategy that breaks its contract ends the run, is named, and leaves nothing for a repaired one to trip over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from driver_bench import Answer, Choose, opened, run  # type: ignore[import-not-found]
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.types import Annotation, Prediction, Task
from alrun.query.base import ScoreQuery
from alrun.query.random import Random
from alrun.stopping.steps import Steps
from alrun.store.label_lines import LabelLine, LabelReader
from alrun.testing.host import hosted


class NotANumber(ScoreQuery):
    """Scores one row as NaN."""

    def score(self, prediction: Prediction) -> Tensor:
        scores = prediction.outputs[:, 0].clone()
        scores[3] = float("nan")
        return scores


def read(place: Path) -> list[LabelLine]:
    return [line for line in LabelReader(place / "labels") if isinstance(line, LabelLine)]


def first(driver: Any) -> int:
    return int(driver.unlabeled_pool.indices[0])


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        (Choose(lambda driver: [first(driver)] * 2), "Choose chose row .* twice"),
        (Choose(lambda driver: driver.training_pool.indices[:1].tolist()), "Choose chose row .* not in the unlabeled"),
        (Choose(lambda driver: driver.test_pool.indices[:1].tolist()), "Choose chose row .* not in the unlabeled"),
        (Choose(lambda driver: [first(driver), 10**6]), "Choose chose row 1000000, which is not in the unlabeled pool"),
        (Choose(lambda driver: [-1]), "Choose chose row -1, which is not in the unlabeled pool"),
        (NotANumber(3), "NotANumber scored row .* as NaN"),
    ],
    ids=["twice", "labelled", "held out", "unknown", "negative", "NaN"],
)
def test_a_query_strategy_that_chooses_what_it_may_not(tmp_path: Path, strategy: Any, said: str) -> None:
    with pytest.raises(StrategyError, match=said):
        run(tmp_path, query=[strategy])
    assert not (tmp_path / "checkpoints/step_1/query").exists()
    repaired = run(tmp_path)
    assert repaired.labels_bought == 20


def test_the_strategy_at_fault_is_named_among_several(tmp_path: Path) -> None:
    class Again(Choose):
        """Chooses what was chosen before it."""

    again = Again(lambda driver: driver.query_queue.to_list()[-1:])
    with pytest.raises(StrategyError, match=r"^Again chose row"):
        run(tmp_path, query=[Choose(lambda driver: [first(driver)]), again])


def too_many(item: int, truth: int) -> Annotation:
    return Annotation(item, truth)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda item, truth: item + 1000, "label 1.* is not a class"),
        (lambda item, truth: Annotation(item + 10**6, truth), "Answer answered a request that was not made: 10"),
        (lambda item, truth: Annotation(torch.zeros(2), truth), "Answer answered a request that was not made"),
        (lambda item, truth: Annotation(item, object()), "labels that are not numbers"),
        (lambda item, truth: Annotation(item, 7), "label 7 is not a class"),
    ],
    ids=["no class", "not asked", "another point", "cannot be stored", "another class"],
)
def test_a_label_strategy_that_answers_what_it_may_not(tmp_path: Path, answer: Any, said: str) -> None:
    with pytest.raises(Exception, match=said) as caught:
        run(tmp_path, label=Answer(answer))
    assert type(caught.value).__module__ == "alrun.core.errors"
    assert [line.annotation.status for line in read(tmp_path)] == ["rejected"]
    repaired = run(tmp_path)
    assert repaired.labels_bought == 20
    assert sum(row["cost"] for row in repaired.experiment.ledger.acquisitions) == 21


class Twice(Answer):
    def label(self, queue_to_label: Any, serialize_queue: Any, *args: Any, **kwargs: Any) -> None:
        items = queue_to_label.to_list()
        super().label(queue_to_label, serialize_queue)
        serialize_queue.put(Annotation(items[0], 1))


class PassedOn(Answer):
    """Hands requests through; in one call, or one by one."""

    def __init__(self, together: bool) -> None:
        super().__init__(lambda item, truth: None)
        self._together = together

    def label(self, queue_to_label: Any, serialize_queue: Any, *args: Any, **kwargs: Any) -> None:
        items = queue_to_label.to_list()
        if self._together:
            serialize_queue.put_many(items)
            return
        for item in items:
            serialize_queue.put(item)


def test_a_label_strategy_that_answers_twice(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match=r"Twice answered a request a second time \(request 0, \d+\)"):
        run(tmp_path, label=Twice(too_many))
    repaired = run(tmp_path)
    assert repaired.labels_bought == 20
    assert [row["cost"] for row in repaired.experiment.ledger.acquisitions][:2] == [2, 1]


@pytest.mark.parametrize(
    ("together", "said"),
    [
        (True, "PassedOn returned the requests themselves"),
        (False, r"PassedOn gave an answer .* label \d+ is not a class"),
    ],
    ids=["together", "one by one"],
)
def test_a_label_strategy_that_passes_requests_on(tmp_path: Path, together: bool, said: str) -> None:
    with pytest.raises(StrategyError, match=said):
        run(tmp_path, label=PassedOn(together))
    if together:
        assert {line.annotation.status for line in read(tmp_path)} == {"rejected"}, "garbage was acknowledged"
        assert run(tmp_path).labels_bought == 20


@pytest.mark.parametrize("together", [True, False], ids=["together", "one by one"])
def test_requests_passed_on_are_no_numbers_to_learn(tmp_path: Path, together: bool) -> None:
    """In a regression any row number would do as a label: that answers are the requests is all that tells."""
    parts: dict[str, Any] = {"cold_start": Random(5), "label": PassedOn(together), "stopping": [Steps(1)]}
    with hosted(tmp_path / "run", Task.REGRESSION, cold=True, query=[Random(5)], **parts) as driver:
        with pytest.raises(StrategyError, match="PassedOn returned the requests themselves"):
            driver.run()
        assert len(driver.training_pool) == 0


def test_a_single_answer_may_be_the_number_of_its_row(tmp_path: Path) -> None:
    parts: dict[str, Any] = {"cold_start": Random(1), "label": PassedOn(together=True), "stopping": [Steps(1)]}
    with hosted(tmp_path / "run", Task.REGRESSION, cold=True, query=[Random(1)], **parts) as driver:
        driver.run()
        assert len(driver.training_pool) == 1


def test_rows_that_are_their_own_labels_are_no_requests_passed_on(tmp_path: Path) -> None:
    with opened(tmp_path, query=[Choose(lambda driver: [])]) as driver:
        driver.experiment.ledger.add_requests(driver.state.step, {"items": [0, 1]})
        from alrun.driver.phases.labeling import LabelingPhase

        strategies = replace(driver.experiment.strategies, label={"mine": PassedOn(together=True)})
        LabelingPhase().run(replace(driver.experiment, strategies=strategies), driver.state)
        assert [(one.item, one.target) for one in driver.label_queue.to_list()] == [(0, 0), (1, 1)]
