"""Whose steps are called, and who optimizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import lightning
import pytest
from training_bench import (  # type: ignore[import-not-found]
    Batch,
    Learner,
    Loader,
    Plain,
    Session,
    adam,
    assert_same,
    cross_entropy,
    reference,
    weights,
)

from alrun.core.errors import Interrupted, StrategyError
from alrun.training.fabric import FabricLoop
from alrun.training.trainer import TrainerLoop

Loop = Callable[..., Any]
both = pytest.mark.parametrize("loop", [FabricLoop, TrainerLoop])


@both
def test_given_step_wins_and_plain_modules_learn(loop: Loop) -> None:
    class Refuses(Learner):
        def training_step(self, batch: Batch, batch_idx: int = 0) -> Any:
            raise AssertionError("the learner's own step was called")

    refuses, plain, manual, expected = Refuses(), Plain(), Manual(), Learner()
    reference(expected, epochs=2)
    for model in (refuses, plain, manual):
        loop()(model, adam(model), Loader(), train_step_fn=cross_entropy, max_epochs=2, session=Session())
    assert_same(weights(refuses), weights(expected))
    assert_same(weights(plain), weights(expected))
    assert_same(weights(manual), weights(expected))
    assert not manual.automatic_optimization


class Manual(Learner):
    """Lightning's manual optimization, with the optimizer that the loop was given or its own."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def configure_optimizers(self) -> Any:
        return adam(self)

    def training_step(self, batch: Batch, batch_idx: int = 0) -> Any:
        optimizer: Any = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(cross_entropy(self, batch))
        optimizer.step()


class Alone(Plain):
    """Optimizes by itself, and says so by returning nothing."""

    def training_step(self, data: Batch) -> None:
        self.optimizer.zero_grad()
        cross_entropy(self, data).backward()
        self.optimizer.step()


@both
@pytest.mark.parametrize("given", [True, False])
def test_leaves_manual_optimization_to_the_learner(loop: Loop, given: bool) -> None:
    model, expected, session = Manual(), Learner(), Session()
    reference(expected, epochs=2)
    loop()(model, adam(model) if given else None, Loader(), max_epochs=2, session=session)
    assert_same(weights(model), weights(expected))
    first, resumed = Session(stop_after=1), Manual()
    with pytest.raises(Interrupted):
        loop()(Manual(), None, Loader(), max_epochs=2, session=first)
    loop()(resumed, None, Loader(), max_epochs=2, session=Session(state=first.state))
    assert_same(weights(resumed), weights(expected))


class AloneInLightning(Learner):
    """The same as a LightningModule that never says so."""

    def training_step(self, batch: Batch, batch_idx: int = 0) -> None:
        self.optimizer.zero_grad()
        cross_entropy(self, batch).backward()
        self.optimizer.step()


@both
@pytest.mark.parametrize("kind", [Alone, AloneInLightning])
@pytest.mark.parametrize("given", [True, False])
def test_leaves_a_learner_that_returns_nothing_alone(loop: Loop, kind: type[Any], given: bool) -> None:
    model, expected = kind(), Learner()
    model.optimizer = adam(model)
    reference(expected, epochs=2)
    loop()(model, model.optimizer if given else None, Loader(), max_epochs=2, session=Session())
    assert_same(weights(model), weights(expected))


class Bare(lightning.LightningModule):
    """Knows how to train, and has only Lightning's placeholders otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Learner().net

    def training_step(self, batch: Batch) -> Any:
        return cross_entropy(self.net, batch)


@both
def test_placeholders_of_lightning_are_no_steps(loop: Loop) -> None:
    model, expected, session = Bare(), Learner(), Session()
    reference(expected, epochs=1)
    loop()(model, adam(model), Loader(), Loader(10), max_epochs=1, session=session)
    assert_same(weights(model), weights(expected))
    assert set(session.metrics[0]) == {"train_loss", "lr"}
    with pytest.raises(StrategyError, match="has no training_step"):
        loop()(lightning.LightningModule(), None, Loader(), max_epochs=1)
