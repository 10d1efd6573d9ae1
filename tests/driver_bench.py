"""A real driver on two moons with a tiny MLP, for tests that look into a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from alrun.cold_start.random import Random as RandomStart
from alrun.core.callback import Callback
from alrun.core.protocols import LabelStrategy, QueryStrategy
from alrun.core.seeding import Role, Seeds
from alrun.core.types import Annotation, LabelStatus
from alrun.data.moons import Moons
from alrun.data.source import ArraySource
from alrun.driver.driver import Driver
from alrun.driver.settings import Components, Settings, TrainingSettings
from alrun.inference.deterministic import Deterministic
from alrun.label.oracle import Oracle
from alrun.learner.mlp import MLP
from alrun.pool.pools import pools
from alrun.query.random import Random
from alrun.store.run_store import RunStore
from alrun.store.rundir import RunDirectory

LOGGER = logging.getLogger("alrun.test.driver")


class PlainLoop:
    """A few epochs, and a note of what each phase started and ended with."""

    def __init__(self) -> None:
        self.starts: list[torch.Tensor] = []
        self.ends: list[torch.Tensor] = []

    def __call__(self, model: Any, optimizer: Any, train_dataloader: Any, *args: Any, **kwargs: Any) -> None:
        self.starts.append(flat(model))
        for epoch in range(2):
            train_dataloader.set_epoch(epoch)
            for batch in train_dataloader:
                optimizer.zero_grad()
                model.training_step(batch).backward()
                optimizer.step()
        self.ends.append(flat(model))


def flat(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


class Choose(QueryStrategy):
    """Puts what a function of the driver returns in the queue."""

    def __init__(self, choose: Callable[[Any], Sequence[Any]]) -> None:
        self.max_samples = 100
        self._choose = choose

    def sample(self, query_queue: Any, *args: Any, **kwargs: Any) -> None:
        for item in self._choose(self.driver):
            query_queue.put(item)


class Answer(LabelStrategy):
    """Answers each request with what a function of the item, the true label and the number of the call returns."""

    __is_external_process__ = True

    def __init__(self, answer: Callable[[Any, int], Any]) -> None:
        self.asked: list[Any] = []
        self._answer = answer

    def label(self, queue_to_label: Any, serialize_queue: Any, *args: Any, **kwargs: Any) -> None:
        while not queue_to_label.empty():
            item = queue_to_label.get()
            self.asked.append(item)
            truth = int(self.driver.unlabeled_pool.reveal(torch.tensor([item]))[0])
            answer = self._answer(item, truth)
            if answer is not None:
                serialize_queue.put(answer)


def failing(rows: Callable[[int], bool]) -> Answer:
    """Return an oracle that fails for some rows."""

    def answer(item: int, truth: int) -> Annotation:
        if rows(item):
            return Annotation(item, status=LabelStatus.FAILED, reason="the simulator diverged")
        return Annotation(item, truth)

    return Answer(answer)


class Events(Callback):
    """Everything that happened, in words."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_phase_started(self, event: Any) -> None:
        self.told.append(f"{event.step} {event.phase} started")

    def on_phase_finished(self, event: Any) -> None:
        self.told.append(f"{event.step} {event.phase} finished, {event.labels} labels")

    def on_label_received(self, event: Any) -> None:
        self.told.append(f"{event.step} received {event.order}")


class Hook(Callback):
    """Calls a function at the beginning and at the end of every phase."""

    def __init__(self, call: Callable[[str, int, str], None]) -> None:
        self._call = call

    def on_phase_started(self, event: Any) -> None:
        self._call("started", event.step, event.phase)

    def on_phase_finished(self, event: Any) -> None:
        self._call("finished", event.step, event.phase)


@contextmanager
def opened(
    place: Path,
    *,
    query: Mapping[str, Any] | Sequence[Any] | None = None,
    label: Any | None = None,
    loop: Any | None = None,
    source: ArraySource | None = None,
    callbacks: Sequence[Callback] = (),
    stopping: Sequence[Any] = (),
    metrology: Mapping[str, Any] | Sequence[Any] = (),
    budget: int = 20,
    query_size: int = 6,
    initial_size: int = 6,
    seed: int = 0,
    cold_start: bool = True,
    sell_validation: bool = False,
    **training: Any,
) -> Iterator[Driver]:
    """Open an experiment at ``place``, new or begun."""
    data = source or Moons(n_samples=120)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(Seeds(seed).integer(Role.INIT))
        learner = MLP(data.spec, partial(torch.optim.SGD, lr=0.1), hidden=(4,))
    components = Components(
        learner=learner,
        pools=pools(data, Seeds(seed), sell_validation=sell_validation),
        query_strategies=[Random(query_size)] if query is None else query,
        training=TrainingSettings(loop or PlainLoop(), batch_size=4, **training),
        inference=Deterministic(),
        cold_start=RandomStart(initial_size) if cold_start else None,
        label_strategy=label or Oracle(),
        metrology_strategies=metrology,
        stopping=stopping,
        callbacks=callbacks,
        spec=data.spec,
    )
    settings = Settings(seed, budget=budget, device="cpu", threads=1)
    with RunStore(RunDirectory(place), LOGGER) as store:
        yield Driver(components, settings, store)


def run(place: Path, **options: Any) -> Driver:
    """Run an experiment to its end and return its driver."""
    with opened(place, **options) as driver:
        driver.run()
        driver.experiment.ledger.write(driver.experiment.store.directory)
    return driver
