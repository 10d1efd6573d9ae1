"""Parts that a training loop is given: optimizer and scheduler in whatever form they come, and steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from driver_bench import opened  # type: ignore[import-not-found]

from alrun.core.errors import StrategyError
from alrun.driver.driver import Driver
from alrun.driver.optimizer import configured_optimizer

Form = Callable[[Any, Any], Any]


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    with opened(tmp_path) as driver:
        yield driver


def configured(driver: Driver, form: Form) -> tuple[tuple[Any, Any], Any, Any]:
    """Return what is made of ``form`` of an optimizer and a scheduler, and these two."""
    optimizer = torch.optim.SGD(driver.learner.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    driver.learner.configure_optimizers = lambda: form(optimizer, scheduler)
    return configured_optimizer(driver.experiment, driver.state), optimizer, scheduler


@pytest.mark.parametrize(
    "form",
    [
        lambda o, s: o,
        lambda o, s: [o],
        lambda o, s: (o,),
        lambda o, s: ([o], []),
        lambda o, s: {"optimizer": o},
        lambda o, s: [{"optimizer": o}],
        lambda o, s: {"optimizer": o, "monitor": "loss"},
    ],
)
def test_an_optimizer_alone(driver: Driver, form: Form) -> None:
    found, optimizer, _ = configured(driver, form)
    assert found[0] is optimizer
    assert found[1] is None


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (lambda o, s: ([o], [s]), lambda s: s),
        (lambda o, s: {"optimizer": o, "lr_scheduler": s}, lambda s: s),
        (lambda o, s: [{"optimizer": o, "lr_scheduler": s}], lambda s: s),
        (lambda o, s: ([o], [{"scheduler": s, "interval": "step"}]), lambda s: {"scheduler": s, "interval": "step"}),
        (
            lambda o, s: {"optimizer": o, "lr_scheduler": s, "monitor": "loss"},
            lambda s: {"scheduler": s, "monitor": "loss"},
        ),
        (lambda o, s: {"optimizer": o, "lr_scheduler": {"scheduler": s}, "monitor": "x"}, lambda s: {"scheduler": s}),
    ],
)
def test_a_scheduler_comes_along(driver: Driver, form: Form, expected: Callable[[Any], Any]) -> None:
    found, optimizer, scheduler = configured(driver, form)
    assert found[0] is optimizer
    assert found[1] == expected(scheduler)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (lambda o, s: [], "0 optimizers and 0 schedulers"),
        (lambda o, s: [o, o], "2 optimizers and 0 schedulers"),
        (lambda o, s: ([o, o], [s]), "2 optimizers and 1 schedulers"),
        (lambda o, s: ([o], [s, s]), "1 optimizers and 2 schedulers"),
        (lambda o, s: (o, s), "2 optimizers"),
    ],
)
def test_several_of_a_kind_are_for_the_learner_to_step(driver: Driver, form: Form, said: str) -> None:
    with pytest.raises(StrategyError, match=said) as caught:
        configured(driver, form)
    assert "automatic_optimization" in str(caught.value)


class Captured:
    """A loop that trains nothing, and notes by which steps it would."""

    def __init__(self) -> None:
        self.steps: list[Any] = []

    def __call__(self, *args: Any, train_step_fn: Any, validate_step_fn: Any, **kwargs: Any) -> None:
        self.steps.append((train_step_fn, validate_step_fn))


def test_steps_for_one_learner_are_lifted_where_it_is_made_of_several(tmp_path: Path) -> None:
    loop = Captured()
    with opened(tmp_path, loop=loop, train_step_fn="train") as driver:
        driver.query_and_update(6)
        driver.query_and_update(6)
        driver.learner.lifted = lambda step, training: (step, training)
        driver.query_and_update(6)
    assert loop.steps == [("train", None), (("train", True), None)]
    loop = Captured()
    with opened(tmp_path / "validated", loop=loop, validate_step_fn="validate") as driver:
        driver.learner.lifted = lambda step, training: (step, training)
        driver.query_and_update(6)
        driver.query_and_update(6)
    assert loop.steps == [(None, ("validate", False))]


def test_how_long_training_will_be_can_be_read_meanwhile_and_not_after(driver: Driver) -> None:
    seen: list[Any] = []
    driver.learner._trainer = None

    def form(optimizer: Any, scheduler: Any) -> Any:
        seen.append(driver.learner._trainer)
        return optimizer

    driver.query_and_update(6)
    assert driver.labels_bought == 6
    configured(driver, form)
    assert (seen[0].num_training_batches, seen[0].max_steps) == (2, -1)
    assert seen[0].estimated_stepping_batches == 2 * seen[0].max_epochs
    assert driver.learner._trainer is None
