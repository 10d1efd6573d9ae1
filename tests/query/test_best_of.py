"""Best of several strategies: chances by the formulas of the papers, and who is paid for what."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from alrun.core.errors import ConfigError
from alrun.core.queues import FifoQueue
from alrun.core.types import Annotation
from alrun.query.base import ScoreQuery
from alrun.query.best_of import BestOf
from alrun.query.exp4p import chances, least_chance, updated
from alrun.query.margin import Margin
from alrun.query.random import Random
from alrun.testing.host import hosted


class First(ScoreQuery):
    """Asks for the rows with the lowest numbers."""

    def score(self, prediction: Any) -> Any:
        return -prediction.indices.float()


def asked(strategy: Any, driver: Any) -> list[int]:
    strategy.attach(driver)
    queue = FifoQueue()
    strategy(queue)
    return queue.to_list()


def test_weights_and_chances_are_those_of_the_papers() -> None:
    before = torch.tensor([0.0, math.log(3)], dtype=torch.float64)
    assert chances(before, 0.1).tolist() == pytest.approx([0.8 * 0.25 + 0.1, 0.8 * 0.75 + 0.1])
    gains, spreads = torch.tensor([2.0, 0.0]), torch.tensor([4.0, 1.0])
    bonus = math.sqrt(math.log(2 / 0.05) / (2 * 10))
    raised = [0.1 / 2 * (2 + 4 * bonus), math.log(3) + 0.1 / 2 * bonus]
    found = updated(before, gains, spreads, 0.1, 10, 0.05)
    assert found.tolist() == pytest.approx([one - max(raised) for one in raised])
    assert least_chance(1, 10) == 1.0
    assert least_chance(3, 1) == pytest.approx(1 / 6), "never more than half of an even share"


def test_a_batch_is_that_of_the_strategy_that_is_drawn_and_all_are_drawn(tmp_path: Path) -> None:
    drawn = Counter[str]()
    with hosted(tmp_path / "run") as driver:
        whole = {"first": asked(First(5), driver), "margin": asked(Margin(5), driver)}
        for step in range(40):
            driver.active_learning_step_idx = step
            picks = asked(BestOf(5, {"first": First(1), "margin": Margin(1)}), driver)
            (name,) = [name for name, rows in whole.items() if rows == picks]
            drawn[name] += 1
    assert min(drawn.values()) > 10


def test_who_brings_labels_that_the_learner_knows_is_drawn_more_often(tmp_path: Path) -> None:
    with hosted(tmp_path / "run") as driver:
        strategy = BestOf(4, {"first": First(1), "random": Random(1)}, rounds=5)
        start = driver.active_learning_step_idx
        picks = asked(strategy, driver)
        (batch,) = strategy._batches
        first = asked(First(4), driver)
        assert [member[0] for member in batch.members] == [row in first for row in picks]
        even = least_chance(2, 5)
        assert batch.chances == pytest.approx([0.5 * sum(member) for member in batch.members])
        assert asked(strategy, driver) == picks, "asked again, it answers the same"
        assert len(strategy._batches) == 1
        truth = driver.unlabeled_pool.reveal(torch.tensor(picks)).flatten().tolist()
        said = {
            row: label
            for one in driver.predictor(driver.unlabeled_pool)
            for row, label in zip(one.indices.tolist(), one.outputs.argmax(dim=1).tolist(), strict=True)
        }
        driver.training_pool.extend([Annotation(row, label) for row, label in zip(picks, truth, strict=True)])
        driver.active_learning_step_idx = start + 1
        restored = BestOf(4, {"first": First(1), "random": Random(1)}, rounds=5)
        restored.load_state_dict(strategy.state_dict())
        assert asked(restored, driver) == asked(strategy, driver)
        assert restored.chances == strategy.chances
        inverse = [1 / one for one in batch.chances]
        right = [said[row] == label for row, label in zip(picks, truth, strict=True)]
        accuracy = sum(w * one for w, one in zip(inverse, right, strict=True)) / sum(inverse)
        gains = [
            accuracy * sum(member[k] * w for member, w in zip(batch.members, inverse, strict=True)) / 4 for k in (0, 1)
        ]
        expected = updated(torch.zeros(2).double(), torch.tensor(gains), torch.tensor(batch.spreads), even, 5)
        least = chances(expected, even).tolist()
        assert list(strategy.chances.values()) == pytest.approx(least, abs=1e-6)


@pytest.mark.parametrize("wrong", [{"rounds": 0}, {"delta": 0.0}, {"delta": 2.0}])
def test_what_is_out_of_range_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"query\.best_of\.{next(iter(wrong))}"):
        BestOf(4, {"first": First(1)}, **wrong)
