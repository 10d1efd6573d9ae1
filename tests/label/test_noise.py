"""Label noise as distributions: rates within binomial bounds, and bound to the row."""

from __future__ import annotations

import math

import pytest
import torch

from alrun.core.errors import ConfigError
from alrun.core.types import Task, TaskSpec
from alrun.label.noisy_oracle import NoisyOracle, confused, flipped

ROWS = torch.arange(60_000)
TRUE = ROWS % 3


def within_binomial(count: int, trials: int, rate: float) -> bool:
    """Whether ``count`` is within five standard deviations of what ``rate`` predicts."""
    return abs(count - trials * rate) <= 5 * math.sqrt(trials * rate * (1 - rate)) + 1e-9


@pytest.mark.parametrize("rate", [0.0, 0.2, 1.0])
def test_flip_rate_is_exact_and_errors_are_uniform(rate: float) -> None:
    given = flipped(TRUE, 3, rate, ROWS, key=7)
    assert within_binomial(int((given != TRUE).sum()), len(ROWS), rate)
    for shift in (1, 2):
        assert within_binomial(int(((given - TRUE) % 3 == shift).sum()), len(ROWS), rate / 2)


def test_confusion_matrix_is_reproduced() -> None:
    confusion = torch.tensor([[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]], dtype=torch.float64)
    given = confused(TRUE, confusion, ROWS, key=7)
    for true in range(3):
        answers = given[true == TRUE]
        for answer in range(3):
            count, expected = int((answers == answer).sum()), float(confusion[true, answer])
            assert within_binomial(count, len(answers), expected), (true, answer)


def test_rows_that_sum_to_almost_one_give_no_impossible_class() -> None:
    confusion = torch.tensor([[0.5, 0.49999999, 0.0]] * 3, dtype=torch.float64)
    assert set(confused(TRUE, confusion, ROWS, key=1).tolist()) == {0, 1}


def test_a_label_belongs_to_its_row() -> None:
    order = torch.randperm(len(ROWS), generator=torch.Generator().manual_seed(0))
    assert flipped(TRUE[order], 3, 0.3, ROWS[order], key=7).equal(flipped(TRUE, 3, 0.3, ROWS, key=7)[order])
    assert not flipped(TRUE, 3, 0.3, ROWS, key=8).equal(flipped(TRUE, 3, 0.3, ROWS, key=7))


CLASSES = TaskSpec(Task.CLASSIFICATION, (2,), 2)


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        ({"flip_rate": 1.1}, "label.flip_rate"),
        ({"flip_rate": float("nan")}, "label.flip_rate"),
        ({"confusion": [[0.5, 0.6], [0.0, 1.0]]}, "label.confusion"),
        ({"confusion": [[1.2, -0.2], [0.0, 1.0]]}, "label.confusion"),
        ({"confusion": [[1.0], [0.0, 1.0]]}, "label.confusion"),
        ({"confusion": [[1.0]], "spec": CLASSES}, "label.confusion"),
        ({"sigma": -1.0}, "label.sigma"),
        ({"spec": TaskSpec(Task.REGRESSION, (2,), 1)}, "label.sigma"),
        ({"cost": -1.0}, "label.cost"),
        ({"batch_size": 0}, "label.batch_size"),
    ],
)
def test_impossible_noise_is_refused(arguments: dict[str, object], where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        NoisyOracle(**arguments)  # type: ignore[arg-type]
    assert [problem.where for problem in caught.value.problems] == [where]
