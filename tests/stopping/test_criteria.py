"""Each criterion at, before and beyond its threshold."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from alrun.core.errors import ConfigError
from alrun.core.stopping import Progress, StoppingCriterion
from alrun.stopping.budget import Budget
from alrun.stopping.pool_exhausted import PoolExhausted
from alrun.stopping.steps import Steps
from alrun.stopping.target_metric import TargetMetric
from alrun.stopping.wall_clock import WallClock


def progress(**metrics: float) -> Progress:
    return Progress(step=3, labels=50, unlabeled=7, elapsed=90.0, metrics=metrics)


@pytest.mark.parametrize(
    ("criterion", "stops"),
    [
        (Budget(51), False),
        (Budget(50), True),
        (Budget(0), True),
        (Steps(None), False),
        (Steps(4), False),
        (Steps(3), True),
        (PoolExhausted(), False),
        (WallClock(minutes=1.0, seconds=30.5), False),
        (WallClock(minutes=1.5), True),
        (WallClock(seconds=90), True),
        (TargetMetric("accuracy", 0.9), True),
        (TargetMetric("accuracy", 0.91), False),
        (TargetMetric("rmse", 2.0, mode="min"), True),
        (TargetMetric("rmse", 1.9, mode="min"), False),
        (TargetMetric("missing", 0.0), False),
        (TargetMetric("missing", 0.0, mode="min"), False),
        (TargetMetric("broken", 0.0), False),
    ],
)
def test_threshold(criterion: StoppingCriterion, stops: bool) -> None:
    reason = criterion(progress(accuracy=0.9, rmse=2.0, broken=math.nan))
    assert (reason is not None) is stops
    assert reason != ""


@pytest.mark.parametrize(("unlabeled", "stops"), [(0, True), (1, False), (None, False)])
def test_pool_exhausted(unlabeled: int | None, stops: bool) -> None:
    assert (PoolExhausted()(Progress(1, 1, unlabeled, 0.0)) is not None) is stops


def test_reasons_name_the_numbers() -> None:
    assert Budget(50)(progress()) == "the budget of 50 labels is spent"
    assert TargetMetric("accuracy", 0.9)(progress(accuracy=0.95)) == "accuracy has reached 0.95 (target 0.9)"


@pytest.mark.parametrize(
    "build",
    [
        lambda: Budget(-1),
        lambda: Steps(-1),
        lambda: WallClock(),
        lambda: WallClock(minutes=-1.0),
        lambda: TargetMetric("accuracy", 0.9, mode="maximum"),
        lambda: TargetMetric("accuracy", math.nan),
    ],
)
def test_nonsense_is_refused_with_a_hint(build: Callable[[], object]) -> None:
    with pytest.raises(ConfigError) as caught:
        build()
    assert caught.value.problems[0].where
    assert caught.value.problems[0].hint
