"""Criteria: closed forms, the right way round, safe at zero; their algebra in Python and in text."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alrun.core.errors import ConfigError, StrategyError
from alrun.core.outputs import probabilities
from alrun.core.types import Prediction
from alrun.query.criteria.base import Constant, Criterion, Quotient, Sum
from alrun.query.criteria.expression import CRITERIA, as_criterion
from alrun.query.criteria.uncertainty import Entropy, L1Upper, L2Upper, LeastConfidence, Margin
from alrun.query.criterion import ByCriterion
from alrun.testing.host import hosted

SURE = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
ROWS = torch.tensor([[0.7, 0.2, 0.1], [0.4, 0.35, 0.25], [1 / 3, 1 / 3, 1 / 3]])
KEY = "query.criterion.expression"


def test_closed_forms() -> None:
    p, q, r = 0.7, 0.2, 0.1
    expected = {
        "least_confidence": 1 - p,
        "margin": q - p,
        "entropy": -(p * math.log(p) + q * math.log(q) + r * math.log(r)),
        "l1_upper": math.log(p) + math.log(q) + math.log(r),
        "l2_upper": -math.sqrt(math.log(p) ** 2 + math.log(q) ** 2 + math.log(r) ** 2),
    }
    assert set(expected) == set(CRITERIA)
    for name, value in expected.items():
        assert float(CRITERIA[name]().score(ROWS)[0]) == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("name", sorted(CRITERIA))
def test_higher_is_more_informative_and_certainty_is_finite(name: str) -> None:
    criterion = CRITERIA[name]()
    values = criterion.score(torch.cat([SURE[:1], ROWS]))
    assert values.isfinite().all()
    assert (values.diff() > 0).all(), "the nearer to uniform, the higher"
    assert criterion.score(SURE).unique().numel() == 1
    assert repr(as_criterion(name, KEY)) == name


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1, width=32), min_size=2, max_size=6), st.sampled_from(sorted(CRITERIA)))
def test_nothing_beats_the_uniform_prediction(weights: list[float], name: str) -> None:
    total = sum(weights)
    row = torch.tensor([[w / total for w in weights] if total > 0 else [1.0] + [0.0] * (len(weights) - 1)])
    uniform = torch.full_like(row, 1 / len(weights))
    score = CRITERIA[name]().score
    assert float(score(row)) <= float(score(uniform)) + 1e-4


def test_operators_are_those_of_numbers() -> None:
    a, b = Entropy().score(ROWS), LeastConfidence().score(ROWS)
    one, other = Entropy(), LeastConfidence()
    cases: list[tuple[Criterion, torch.Tensor]] = [
        (one + other, a + b),
        (one - other, a - b),
        (one * other, a * b),
        (one / other, a / b),
        (2 + one, 2 + a),
        (2 - one, 2 - a),
        (2 * one, 2 * a),
        (2 / one, 2 / a),
        (one / 2, a / 2),
        (-one, -a),
        ((one + other) / 2 - 3 * Margin(), (a + b) / 2 - 3 * Margin().score(ROWS)),
    ]
    for combined, expected in cases:
        torch.testing.assert_close(combined.score(ROWS), expected)
        torch.testing.assert_close(as_criterion(repr(combined), KEY).score(ROWS), expected)
    torch.testing.assert_close(one.score(ROWS), a)  # nothing was changed in place


def test_division_by_zero_has_a_value() -> None:
    zero = Margin() - Margin()
    largest = torch.finfo(torch.float32).max
    assert (zero / zero).score(ROWS).tolist() == [0.0] * 3
    assert (Constant(5) / zero).score(ROWS).tolist() == [largest] * 3
    assert (-Constant(5) / (0 * Margin())).score(ROWS).tolist() == [-largest] * 3
    assert (1e-20 * Entropy() / zero).score(ROWS).diff().gt(0).all(), "order is kept where it can be"
    assert ((Constant(5) / zero) - (Constant(5) / zero)).score(ROWS).tolist() == [0.0] * 3
    assert Quotient(1, Entropy()).score(SURE).isfinite().all()


def test_nan_stays_nan() -> None:
    broken = torch.tensor([[math.nan, math.nan]])
    for text in ("entropy / margin", "l1_upper + 1", "l2_upper * 0", "least_confidence - 2"):
        assert as_criterion(text, KEY).score(broken).isnan().all()


def test_samples_are_read_both_ways() -> None:
    logits = torch.randn(4, 6, 3, generator=torch.Generator().manual_seed(0))
    prediction = Prediction(torch.arange(6), logits, stochastic=True)
    p = probabilities(logits)
    criterion = L2Upper() * Entropy()
    mean, expected = ByCriterion(2, "l2_upper * entropy"), ByCriterion(2, "l2_upper * entropy", expected=True)
    torch.testing.assert_close(mean.score(prediction), criterion.score(p.mean(dim=0)))
    torch.testing.assert_close(expected.score(prediction), criterion.score(p).mean(dim=0))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("entropi + 1", "did you mean entropy?"),
        ("entropy ** 2", "is not a criterion"),
        ("__import__('os').system('true')", "is not a criterion"),
        ("entropy.score", "is not a criterion"),
        ("entropy + True", "is not a criterion"),
        ("entropy + 1e999", "finite number"),
        ("entropy +", "cannot read"),
        ("", "cannot read"),
        ("(" * 300 + "entropy" + ")" * 300, "cannot read"),
        ("-" * 200 + "entropy", "cannot read"),
        ("entropy" + " + entropy" * 200, "cannot read"),
    ],
)
def test_text_that_is_no_criterion_is_refused(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told.replace("?", r"\?")):
        ByCriterion(3, text)


def test_strategy_ranks_by_the_criterion(tmp_path: Path) -> None:
    built = Sum(L1Upper(), 10 * LeastConfidence())
    for expression in ("l1_upper + 10 * least_confidence", built):
        strategy = ByCriterion(7, expression)
        with hosted(tmp_path / type(expression).__name__) as driver:
            strategy.attach(driver)
            chunks = list(driver.predictor(driver.unlabeled_pool))
            expected = built.score(probabilities(torch.cat([chunk.outputs for chunk in chunks])))
            rows = torch.cat([chunk.indices for chunk in chunks])
            strategy(driver.query_queue)
            picks = driver.query_queue.to_list()
        assert picks == rows[expected.argsort(descending=True, stable=True)[:7]].tolist()


def test_strategy_refuses_outputs_that_are_nan(tmp_path: Path) -> None:
    strategy = ByCriterion(7, "entropy / least_confidence")
    with hosted(tmp_path / "run") as driver:
        strategy.attach(driver)
        with torch.no_grad():
            next(driver.learner.parameters()).fill_(math.nan)
        with pytest.raises(StrategyError, match="NaN"):
            strategy(driver.query_queue)
