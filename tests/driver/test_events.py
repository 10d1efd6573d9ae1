"""Who is told what: order, content, rank, failure, and state that outlives death."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from driver_bench import Answer, run  # type: ignore[import-not-found]

from alrun.core.callback import HOOKS, Callback, hooks_of
from alrun.core.errors import StoreError, StrategyError
from alrun.core.events import Event, PhaseProgress, TrainStepFinished, TrainStepStarted
from alrun.core.types import Annotation
from alrun.data.moons import Moons
from alrun.driver.listener import rank
from alrun.driver.session import EpochSession
from alrun.metrology.acquisition import Acquisition
from alrun.query.entropy import Entropy
from alrun.testing.faults import SimulatedCrash
from alrun.training.fabric import FabricLoop
from alrun.training.trainer import TrainerLoop

PHASES = ["training", "metrology", "query", "labeling", "data_integration"]


class Everything:
    """Listens to all events, and inherits from nothing."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __getattr__(self, name: str) -> Any:
        if name not in HOOKS:
            raise AttributeError(name)
        return self.events.append

    def told(self, *, step: int, phase: str | None = None) -> list[str]:
        chosen = [event for event in self.events if event.step == step and phase in (None, event.phase)]
        return [event.hook.removeprefix("on_") for event in chosen if not isinstance(event, PhaseProgress)]


def options(loop: Any = FabricLoop, **more: Any) -> dict[str, Any]:
    training = {"max_epochs": 2, "validate": True, "checkpoint_every": 1}
    return {"loop": loop(accelerator="cpu"), "metrology": [Acquisition()], "budget": 12, **training, **more}


@pytest.mark.parametrize("loop", [FabricLoop, TrainerLoop])
def test_all_events_of_a_step_in_order(tmp_path: Path, loop: Any) -> None:
    listener = Everything()
    run(tmp_path, **options(loop, source=Moons(n_samples=120, validation_size=0.1), callbacks=[listener]))
    batch, check = ["train_step_started", "train_step_finished"], ["eval_step_started", "eval_step_finished"]
    validation = ["eval_started", *check * 3, "eval_finished"]
    epoch = ["train_epoch_started", *batch * 2, *validation, "train_epoch_finished"]
    training = ["phase_started", "train_started", *epoch * 2, "train_finished", "phase_finished"]
    assert listener.told(step=1, phase="training") == training
    assert listener.told(step=1, phase="query") == [
        "phase_started",
        "query_started",
        "query_finished",
        "phase_finished",
    ]
    assert listener.told(step=1, phase="labeling") == ["phase_started", *["label_received"] * 6, "phase_finished"]
    assert listener.told(step=1, phase="") == ["step_started", "step_finished"]
    assert listener.told(step=0)[:2] == ["run_started", "step_started"]
    assert listener.told(step=2)[-1] == "step_finished"
    assert listener.told(step=0, phase="training") == ["phase_started", "phase_finished"]


def test_metrology_is_an_evaluation_of_each_strategy(tmp_path: Path) -> None:
    class Measure(Acquisition):
        def compute(self, *args: Any, **kwargs: Any) -> None:
            self.rows = sum(len(one.indices) for one in self.driver.predictor(self.driver.test_pool))
            super().compute()

    listener, measure = Everything(), Measure()
    run(tmp_path, **options(metrology=[measure], callbacks=[listener]))
    events = [event for event in listener.events if event.phase == "metrology" and event.step == 1]
    steps = ["eval_started", "eval_step_started", "eval_step_finished", "eval_finished"]
    assert listener.told(step=1, phase="metrology") == ["phase_started", *steps, "phase_finished"]
    finished = next(event for event in events if event.hook == "on_eval_step_finished")
    assert (finished.name, finished.samples) == ("Measure", measure.rows)  # type: ignore[attr-defined]
    assert next(event for event in events if event.hook == "on_eval_finished").metrics


def test_events_say_where_and_how_much_and_are_read_only(tmp_path: Path) -> None:
    listener = Everything()
    driver = run(tmp_path, **options(query=[Entropy(6)], callbacks=[listener]))
    for event in listener.events:
        assert (event.step in range(3), event.budget) == (True, 12)
        assert event.phase in ("", *PHASES)
        assert 0 <= event.labels <= 12
        for one in fields(event):
            with pytest.raises(FrozenInstanceError):
                setattr(event, one.name, None)
        with pytest.raises(TypeError):
            event.metrics["accuracy"] = 1.0  # type: ignore[index]
    progress = [event for event in listener.events if isinstance(event, PhaseProgress) and event.step == 1]
    assert [(one.done, one.total) for one in progress if one.phase == "training"] == [(1, 2), (2, 2)]
    assert [(one.done, one.total) for one in progress if one.phase == "labeling"][-1] == (6, 6)
    chosen: Any = next(event for event in listener.events if event.hook == "on_query_finished" and event.step == 1)
    assert (chosen.strategy, len(chosen.items), type(chosen.items)) == ("Entropy", 6, tuple)
    assert list(chosen.scores) == sorted(chosen.scores, reverse=True)
    received: list[Any] = [event for event in listener.events if event.hook == "on_label_received" and event.step == 1]
    assert [event.annotation.item for event in received] == list(chosen.items)
    assert [event.uuid for event in received] == [str(item) for item in chosen.items]
    assert driver.labels_bought == 12


def test_only_what_is_overridden_is_listened_to(tmp_path: Path) -> None:
    class One(Callback):
        def on_query_finished(self, event: Any) -> None:
            raise AssertionError

    assert list(hooks_of(One())) == ["on_query_finished"]
    driver = run(tmp_path, budget=6, callbacks=[Callback()])
    assert not driver.experiment.notify.listens(*Event.__subclasses__())
    assert EpochSession(driver.experiment, driver.state).train_batches is None


def test_a_callback_that_draws_random_numbers_changes_nothing(tmp_path: Path) -> None:
    class Draws:
        def __getattr__(self, name: str) -> Any:
            if name not in HOOKS:
                raise AttributeError(name)
            return lambda event: (random.random(), np.random.rand(), torch.rand(3), torch.manual_seed(5))  # noqa: S311, NPY002

    def noisy(model: Any, batch: Any) -> Any:
        inputs, targets = batch
        return torch.nn.functional.cross_entropy(model(inputs + torch.randn_like(inputs)), targets)

    weights = []
    for name, callbacks in (("alone", []), ("watched", [Draws()])):
        driver = run(tmp_path / name, **options(train_step_fn=noisy, callbacks=callbacks))
        weights.append(torch.cat([tensor.flatten() for tensor in driver.learner.state_dict().values()]))
    assert weights[0].equal(weights[1])


class Fails(Callback):
    def __init__(self, on_error: Any = "raise", error: type[Exception] = ValueError) -> None:
        self.on_error, self.error = on_error, error
        self.called = 0

    def on_train_step_finished(self, event: Any) -> None:
        self.called += 1
        raise self.error("no such thing")


def test_a_callback_that_raises_ends_the_run_which_goes_on_without_it(tmp_path: Path) -> None:
    said = r"(?s)callback Fails.on_train_step_finished: ValueError: no such thing.*Fails.on_error=warn"
    with pytest.raises(StrategyError, match=said):
        run(tmp_path / "failed", **options(callbacks=[Fails()]))
    repaired, whole = run(tmp_path / "failed", **options()), run(tmp_path / "whole", **options())
    assert content(repaired.log_dir) == content(whole.log_dir)


@pytest.mark.parametrize("error", [ValueError, StoreError])
def test_a_callback_that_may_fail_is_reported_and_stays(
    error: type[Exception], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fails = Fails("warn", error)
    run(tmp_path, **options(callbacks=[fails]))
    assert fails.called == (2 + 3) * 2
    said = [record for record in caplog.records if "Fails.on_train_step_finished failed" in record.message]
    assert [record.levelname for record in said] == ["WARNING"] * 2  # once a step, not once a batch
    assert said[0].exc_info


def test_the_rank_decides_who_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Counts(Callback):
        def __init__(self, is_distributed: bool) -> None:
            self.is_distributed = is_distributed
            self.called = 0

        def on_phase_started(self, event: Any) -> None:
            self.called += 1

    assert rank() == 0
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)  # torch puts its own in place
    alone, everywhere = Counts(is_distributed=False), Counts(is_distributed=True)
    from torch.testing._internal.distributed.fake_pg import FakeStore

    torch.distributed.init_process_group("fake", store=FakeStore(), rank=1, world_size=2)
    try:
        run(tmp_path, budget=6, callbacks=[alone, everywhere])
    finally:
        torch.distributed.destroy_process_group()
    assert (alone.called, everywhere.called) == (0, 7)


class Remembers(Everything):
    """A chain over everything that it is told, so that one event too many, too few or out of order shows."""

    def __init__(self, die_at: int | None = None) -> None:
        super().__init__()
        self.count, self.chain, self.die_at = 0, "", die_at

    def __getattr__(self, name: str) -> Any:
        if name not in HOOKS or name in ("on_run_started", "on_run_finished", "on_phase_progress"):
            raise AttributeError(name)
        return self._note

    def _note(self, event: Event) -> None:
        words = [str(getattr(event, one.name)) for one in fields(event) if one.name != "seconds"]
        self.count += 1
        self.chain = sha256("|".join([self.chain, event.hook, *words]).encode()).hexdigest()
        if self.count == self.die_at:
            raise SimulatedCrash(str(self.count))

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "chain": self.chain}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.count, self.chain = state["count"], state["chain"]


def content(place: Path) -> Mapping[str, str]:
    files = [path for path in place.rglob("*") if path.is_file() and path.name not in ("timing.csv", "alrun.log")]
    return {str(path.relative_to(place)): sha256(path.read_bytes()).hexdigest() for path in files}


def one_by_one() -> Answer:
    return Answer(lambda item, truth: Annotation(item, truth))


@pytest.mark.parametrize("loop", [FabricLoop, TrainerLoop])
def test_what_callbacks_remember_outlives_death_behind_any_event(tmp_path: Path, loop: Any) -> None:
    whole = Remembers()
    run(tmp_path / "whole", **options(loop, callbacks=[whole], label=one_by_one()))
    expected = content(tmp_path / "whole")
    assert whole.count > 60
    stride = 1 if os.environ.get("ALRUN_ALL_POINTS") else 5 if loop is FabricLoop else 13
    for die_at in range(1, whole.count + 1, stride):
        place, resumed = tmp_path / f"{die_at}", Remembers()
        with pytest.raises(SimulatedCrash):
            run(place, **options(loop, callbacks=[Remembers(die_at)], label=one_by_one()))
        run(place, **options(loop, callbacks=[resumed], label=one_by_one()))
        assert (resumed.count, resumed.chain) == (whole.count, whole.chain), die_at
        assert content(place) == expected, die_at


def test_callbacks_may_come_and_go_between_sessions(tmp_path: Path) -> None:
    first, second = Remembers(80), Remembers()
    with pytest.raises(SimulatedCrash):
        run(tmp_path / "cut", **options(callbacks={"a": first, "b": Everything()}))
    resumed = run(tmp_path / "cut", **options(callbacks={"c": second, "a": Remembers()}))
    assert resumed.labels_bought == 12
    assert 0 < second.count < 60  # told of this session alone
    assert not list(tmp_path.glob("cut/checkpoints/*/*passed-over*"))


def test_a_state_that_cannot_be_stored_names_its_callback(tmp_path: Path) -> None:
    class Odd(Remembers):
        def state_dict(self) -> dict[str, Any]:
            return {"odd": object()}

    with pytest.raises(StrategyError, match=r"callback Odd.state_dict: TypeError: a value of type builtins.object"):
        run(tmp_path, **options(callbacks=[Odd()]))


def test_losses_of_batches_are_those_of_the_epoch(tmp_path: Path) -> None:
    listener = Everything()
    run(tmp_path, **options(callbacks=[listener]))
    epochs = [event for event in listener.events if event.hook == "on_train_epoch_finished"]
    batches = [event for event in listener.events if isinstance(event, TrainStepFinished)]
    started = [event for event in listener.events if isinstance(event, TrainStepStarted)]
    assert [(one.step, one.epoch, one.index) for one in started] == [(e.step, e.epoch, e.index) for e in batches]
    for epoch in epochs:
        own = [one for one in batches if (one.step, one.epoch) == (epoch.step, epoch.epoch)]  # type: ignore[attr-defined]
        mean = sum(one.metrics["train_loss"] * one.samples for one in own) / sum(one.samples for one in own)
        assert mean == pytest.approx(epoch.metrics["train_loss"], rel=1e-5)
