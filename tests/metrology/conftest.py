"""A real driver over real pools, with a learner that nobody trained: metrology does not care."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest
import torch

from alrun.core.protocols import InferenceModule, MetrologyStrategy
from alrun.core.seeding import Seeds
from alrun.data.source import ArraySource
from alrun.driver.driver import Driver
from alrun.driver.settings import Components, Settings, TrainingSettings
from alrun.inference.deterministic import Deterministic
from alrun.learner.mlp import MLP
from alrun.pool.pools import pools
from alrun.query.random import Random
from alrun.store.run_store import RunStore
from alrun.store.rundir import RunDirectory
from alrun.training.fabric import FabricLoop


class MakeDriver(Protocol):
    def __call__(
        self,
        source: ArraySource,
        *strategies: MetrologyStrategy,
        inference: InferenceModule | None = None,
        likelihood: str = "gaussian",
    ) -> Driver: ...


@pytest.fixture
def make_driver(tmp_path: Path) -> Iterator[MakeDriver]:
    with ExitStack() as stack:

        def make(
            source: ArraySource,
            *strategies: MetrologyStrategy,
            inference: InferenceModule | None = None,
            likelihood: str = "gaussian",
        ) -> Driver:
            with torch.random.fork_rng():
                torch.manual_seed(1)
                optimizer = partial(torch.optim.Adam, lr=1e-3)
                learner = MLP(source.spec, optimizer, likelihood=likelihood, hidden=(16,))
            components = Components(
                learner=learner,
                pools=pools(source, Seeds(0)),
                query_strategies=[Random(5)],
                training=TrainingSettings(loop=FabricLoop()),
                inference=inference or Deterministic(),
                metrology_strategies=strategies,
                spec=source.spec,
            )
            # 360 test rows of digits in chunks of 100: the last one is smaller.
            settings = Settings(seed=0, budget=50, predict_batch_size=100, device="cpu")
            store = stack.enter_context(RunStore(RunDirectory(tmp_path / "run"), logging.getLogger("test")))
            return Driver(components, settings, store)

        yield make
