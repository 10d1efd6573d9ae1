"""Objects of an experiment and the services that its phases share."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.errors import ConfigError, Problem
from alrun.core.events import PhaseProgress
from alrun.core.metrics import LOGGED, VALIDATION
from alrun.core.seeding import Seeds
from alrun.driver.batch_events import WatchedPredictor
from alrun.driver.guards.deadline import Deadline
from alrun.driver.guards.pause import Pause
from alrun.driver.guards.signals import SignalGuard
from alrun.driver.notify import Notifier
from alrun.driver.retention import Retention
from alrun.driver.settings import Components, Reset, Settings, Strategies, TrainingSettings
from alrun.driver.state import State
from alrun.driver.supply.calibration import CalibratedPredictor
from alrun.driver.supply.predictor import StreamedPredictor
from alrun.driver.weights import copy_weights
from alrun.pool.foreign import keeps_account, sells_validation
from alrun.store.ledger import Ledger
from alrun.store.run_store import RunStore

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from alrun.core.protocols import InferenceModule, Predictor
    from alrun.core.protocols.pool import Pools, Source
    from alrun.core.types import TaskSpec
    from alrun.pool.status import StatusTable

__all__ = ["ExperimentContext", "assembled", "name_problems"]


@dataclass(frozen=True)
class ExperimentContext:
    """The objects of an experiment; which they are does not change once it is put together.

    Attributes:
        settings: The numbers.
        training: How training phases are run.
        strategies: All of them, by name.
        learner: The model.
        inference: How predictions are made from it.
        pools: What is labeled, what may be queried, and what is measured on.
        spec: What the data are, where they say so.
        store: The run directory.
        logger: The run's logger.
        device: Where predictions are made.
        ledger: Rows of the tables.
        notify: Tells callbacks what happens.
        signals: Notes signals that end the run.
        pause: Waits between phases while somebody wants that.
        deadline: Ends strategies that take too long.
        retention: Removes weights that need not stay.
        predictor: The streamed pass over a pool.
        initial_weights: Weights of step 0.
    """

    settings: Settings
    training: TrainingSettings
    strategies: Strategies
    learner: Any
    inference: InferenceModule
    pools: Pools
    spec: TaskSpec | None
    store: RunStore
    logger: logging.Logger
    device: torch.device
    ledger: Ledger
    notify: Notifier
    signals: SignalGuard
    pause: Pause
    deadline: Deadline
    retention: Retention
    predictor: Predictor
    initial_weights: Mapping[str, Tensor]

    @property
    def log_dir(self) -> Path:
        """The run directory."""
        return self.store.directory.path

    @property
    def is_cold(self) -> bool:
        """Whether nothing is labeled yet."""
        return len(self.pools.training) == 0

    @property
    def source(self) -> Source | None:
        """What pools are made of; ``None`` of pools that other people wrote."""
        return self.pools.unlabeled.source if keeps_account(self.pools.unlabeled) else None

    @property
    def status(self) -> StatusTable | None:
        """Where each row stands; ``None`` where no pool keeps account."""
        return self.pools.unlabeled.status if keeps_account(self.pools.unlabeled) else None

    def seeds(self, state: State) -> Seeds:
        """Return the streams of the step and phase of ``state``."""
        return state.seeds(self.settings.seed)

    def remaining_budget(self, state: State) -> int:
        """Return how many labels may still be bought."""
        return max(0, self.settings.budget - state.labels_bought)


def name_problems(components: Components) -> Iterator[Problem]:
    """Yield strategies whose name the records have for something else."""
    sold, strategies = sells_validation(components.pools.unlabeled), components.strategies
    for group, chosen, name in (("query", strategies.query, VALIDATION), ("metrology", strategies.metrology, LOGGED)):
        if name in chosen and (sold or group != "query"):
            hint = f"give it another key: {group}.my_{name}"
            yield Problem(f"the name {name!r} is reserved in the records", f"{group}.{name}", hint)


def assembled(components: Components, settings: Settings, store: RunStore, state: State) -> ExperimentContext:
    """Return an experiment whose services look at ``state``, which is then to stay the same object.

    Raises:
        ConfigError: A strategy has a name that the records have for something else.
    """
    if problems := list(name_problems(components)):
        raise ConfigError(problems)
    logger = logging.getLogger(f"alrun.run.{store.directory.path.name}")
    ledger, signals = Ledger(str(components.training.reset)), SignalGuard()
    device = _device(settings.device)

    def place() -> Mapping[str, Any]:
        """Return what every event says."""
        told = {"step": state.step, "phase": str(state.phase or ""), "labels": state.labels_bought}
        return {**told, "budget": settings.budget, "metrics": ledger.metrics}

    def predicted(done: int, total: int) -> None:
        notify.tell(PhaseProgress, done=done, total=total)
        signals.check()

    notify = Notifier(components.callbacks, place, logger)
    predictor: Predictor = StreamedPredictor(
        components.learner,
        components.inference,
        batch_size=settings.predict_batch_size,
        device=device,
        seeds=lambda: state.seeds(settings.seed),
        progress=predicted,
    )
    if settings.calibration:
        predictor = CalibratedPredictor(
            predictor, components.learner, components.pools.validation, step=lambda: state.step
        )
    return ExperimentContext(
        settings=settings,
        training=components.training,
        strategies=components.strategies,
        learner=components.learner,
        inference=components.inference,
        pools=components.pools,
        spec=components.spec,
        store=store,
        logger=logger,
        device=device,
        ledger=ledger,
        notify=notify,
        signals=signals,
        pause=Pause(store.directory.path, logger),
        deadline=Deadline(),
        retention=Retention(settings.checkpoint.keep, chained=components.training.reset is not Reset.SCRATCH),
        predictor=WatchedPredictor(predictor, notify, lambda: state.evaluation),
        initial_weights=copy_weights(components.learner),
    )


def _device(name: str) -> torch.device:
    import torch

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
