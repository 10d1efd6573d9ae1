"""An experiment put together in Python, without a config: two strategies on digits, compared by their accuracy.

python scripts/examples/experiment.py
"""

from __future__ import annotations

import logging
import tempfile
from functools import partial
from pathlib import Path

import torch

from alrun import Components, Driver, QueryStrategy, Role, Seeds, Settings, TrainingSettings
from alrun.cold_start.random import Random as RandomStart
from alrun.data.digits import Digits
from alrun.inference.deterministic import Deterministic
from alrun.label.oracle import Oracle
from alrun.learner.mlp import MLP
from alrun.metrology.classification import Classification
from alrun.pool.pools import pools
from alrun.query.margin import Margin
from alrun.query.random import Random
from alrun.stopping.budget import Budget
from alrun.store.run_store import RunStore
from alrun.store.rundir import RunDirectory
from alrun.training.fabric import FabricLoop


def accuracies(query: QueryStrategy, directory: Path, budget: int = 100, seed: int = 0) -> list[float]:
    """Run one experiment in ``directory`` and return the test accuracy after each training phase.

    Called again with the same directory it goes on from what is there: the driver replays what was committed.
    """
    data, seeds = Digits(), Seeds(seed)
    # Runs of one seed share split, first labels and first weights, whatever their strategy.
    seeds.seed_global_generators(Role.INIT)
    learner = MLP(data.spec, partial(torch.optim.Adam, lr=1e-3), hidden=(64,))
    measured = Classification()
    components = Components(
        learner=learner,
        pools=pools(data, seeds),
        query_strategies=[query],
        training=TrainingSettings(FabricLoop()),
        inference=Deterministic(),
        cold_start=RandomStart(20),
        label_strategy=Oracle(),
        metrology_strategies=[measured],
        stopping=[Budget(budget)],
        spec=data.spec,
    )
    settings = Settings(seed=seed, budget=budget)
    directory.mkdir(parents=True, exist_ok=True)
    with RunStore(RunDirectory(directory), logging.getLogger("example")) as store:
        Driver(components, settings, store).run()
    return [record["value"] for record in measured.records if record["metric"] == "accuracy"]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for strategy in (Random(20), Margin(20)):
            name = type(strategy).__name__
            print(f"{name:8}", *(f"{value:.3f}" for value in accuracies(strategy, Path(folder, name))))
