"""Whole runs through alrun's driver against a hand-written torch loop of the same mathematics, in one process.

Both train the same model on the same batches for the same epochs, score the same pool, and pick the same rows: the
script checks that the final weights are equal to the last bit before it prints a ratio. alrun writes all its
checkpoints meanwhile; the hand-written loop writes nothing.

    python scripts/benchmark_loop.py                    # digits and the 60,000-row case, 5 repeats
    python scripts/benchmark_loop.py --case digits --repeats 9
    python scripts/benchmark_loop.py --peers            # beside them the peers that are installed (extra: bench)
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from alrun.config.check import checked
from alrun.config.compose import Composer, resolved
from alrun.config.targets import Trust
from alrun.core.knobs import read
from alrun.core.seeding import Role, Seeds
from alrun.core.settings import Settings
from alrun.driver import Driver
from alrun.driver.guards.threads import computing_threads, threads_for
from alrun.driver.weights import copy_weights
from alrun.runner.build import Builder
from alrun.store.run_store import RunStore
from alrun.store.rundir import RunDirectory

TRAINING = "training"


@dataclass(frozen=True)
class Case:
    """One comparison."""

    name: str
    words: tuple[str, ...]
    target: float


def synthetic(folder: Path) -> Path:
    """Write 60,000 rows of 784 features in 10 classes and return the file."""
    import numpy as np

    generator = np.random.default_rng(0)
    centers = generator.normal(size=(10, 784)).astype("float32")
    classes = generator.integers(0, 10, size=60_000)
    inputs = centers[classes] + 16 * generator.normal(size=(60_000, 784)).astype("float32")
    path = folder / "synthetic.npz"
    np.savez(path, x=inputs.astype("float32"), y=classes)
    return path


def cases(folder: Path) -> dict[str, Case]:
    """Return the comparisons by name."""
    arrays = (
        "data=arrays",
        f"data.path={folder / 'synthetic.npz'}",
        "data.test_size=1000",
        "data.validation_size=0",
        "learner.hidden=[256,256]",
        "initial_size=1000",
        "query_size=1000",
        "budget=3000",
        "training.max_epochs=20",
    )
    return {
        "digits": Case("digits, default MLP, 10 steps", ("data=digits",), 1.25),
        "synthetic": Case("784-256-256-10 MLP, 60,000 rows, 3 steps", arrays, 1.05),
    }


class Handwritten:
    """The experiment as a researcher would write it down: plain tensors, nothing recorded, nothing resumable."""

    def __init__(self, config: Mapping[str, Any]) -> None:
        """Take the data, the initial weights and the seeds of ``config``; outside the timed part."""
        builder = Builder(config)
        components = builder.components()
        pools = components.pools
        self.config, self.learner = config, components.learner
        self.initial = copy_weights(self.learner)
        self.seeds = Seeds(config["seed"])
        source: Any = builder.data
        split = source.split(self.seeds)
        self.pool, self.test = split.train, split.test
        everything = torch.arange(len(source))
        self.inputs, self.targets = source.inputs(everything), source.targets(everything)
        self.start = self._cold_start(components, pools)
        self.accuracies: list[float] = []

    def _cold_start(self, components: Any, pools: Any) -> Tensor:
        """Return the rows that alrun's cold start picks: the same for both, and not what is compared."""
        with tempfile.TemporaryDirectory() as folder:
            only_cold = {**self.config, "budget": self.config["initial_size"]}
            driver = new_driver(only_cold, Path(folder) / "cold", components)
            driver.active_learning_step()
            picks: Tensor = driver.training_pool.indices.clone()
            driver.experiment.store.__exit__(None, None, None)
        return picks

    def run(self) -> Tensor:
        """Run to the budget and return the final weights, flattened."""
        labelled, available = self.start, torch.ones(len(self.inputs), dtype=torch.bool)
        available[:] = False
        available[self.pool] = True
        available[labelled] = False
        self.accuracies.clear()
        step = 1
        while True:
            self.train(labelled, step)
            self.measure()
            if len(labelled) >= self.config["budget"]:
                return torch.cat([parameter.detach().flatten() for parameter in self.learner.parameters()])
            picks = self.query(available.nonzero().squeeze(1), self.config["budget"] - len(labelled))
            available[picks] = False
            labelled = torch.cat([labelled, picks])
            step += 1

    def train(self, labelled: Tensor, step: int) -> None:
        """Train from the initial weights."""
        self.learner.load_state_dict(self.initial)
        self.learner.train()
        optimizer = self.learner.configure_optimizers()
        inputs, targets = self.inputs[labelled], self.targets[labelled]
        seeds, batch_size = self.seeds.at(step, TRAINING), self.config["training"]["batch_size"]
        body: nn.Module = self.learner
        for epoch in range(self.config["training"]["max_epochs"]):
            torch.default_generator.manual_seed(seeds.integer(Role.GLOBAL, f"epoch {epoch}"))
            order = torch.randperm(len(labelled), generator=seeds.torch(Role.SHUFFLE, f"epoch {epoch}"))
            for rows in order.split(batch_size):
                loss = functional.cross_entropy(body(inputs[rows]), targets[rows])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()

    def measure(self) -> None:
        """Note the test accuracy."""
        self.learner.eval()
        with torch.no_grad():
            predicted = self.learner(self.inputs[self.test]).argmax(dim=1)
        self.accuracies.append(float((predicted == self.targets[self.test]).float().mean()))

    def query(self, rows: Tensor, most: int) -> Tensor:
        """Return the rows with the largest predictive entropy."""
        chunks = []
        with torch.no_grad():
            for chunk in rows.split(self.config["predict_batch_size"]):
                probabilities = self.learner(self.inputs[chunk]).softmax(dim=1)
                chunks.append(-torch.special.xlogy(probabilities, probabilities).sum(dim=1))
        scores = torch.cat(chunks)
        return rows[scores.topk(min(self.config["query_size"], most)).indices]


def new_driver(config: Mapping[str, Any], place: Path, components: Any = None) -> Driver:
    """Return a driver on an empty run directory."""
    store = RunStore(RunDirectory(place), logging.getLogger("benchmark"))
    return Driver(components or Builder(config).components(), read(Settings, config), store)


def run_alrun(config: Mapping[str, Any], folder: Path) -> tuple[float, Driver]:
    """Return seconds of a whole run through the driver, checkpoints and projections included, and the driver."""
    place = folder / "run"
    shutil.rmtree(place, ignore_errors=True)
    components = Builder(config).components()
    started = time.perf_counter()
    driver = new_driver(config, place, components)
    driver.run()
    driver.experiment.ledger.write(driver.experiment.store.directory)
    seconds = time.perf_counter() - started
    driver.experiment.store.__exit__(None, None, None)
    return seconds, driver


def timed(function: Callable[[], Any]) -> float:
    """Return the seconds that ``function`` takes."""
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def compare(case: Case, repeats: int, folder: Path) -> dict[str, Any]:
    """Run both in turn and return the figures."""
    config = checked(resolved(Composer(Trust()).compose([*case.words, "query=entropy"]).config), Trust())
    hand = Handwritten(config)
    with computing_threads(threads_for(hand.learner, config["training"]["batch_size"])):
        _, driver = run_alrun(config, folder)
        same = bool(torch.equal(hand.run(), flat(driver.learner)))
        ours: list[float] = []
        theirs: list[float] = []
        for _ in range(repeats):
            theirs.append(timed(hand.run))
            ours.append(run_alrun(config, folder)[0])
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    return {
        "case": case.name,
        "alrun_s": round(statistics.median(ours), 4),
        "handwritten_s": round(statistics.median(theirs), 4),
        "ratio": round(ratio, 3),
        "target": case.target,
        "same_weights": same,
        "accuracy": round(driver.experiment.ledger.metrics["accuracy"], 4),
        "handwritten_accuracy": round(hand.accuracies[-1], 4),
    }


def flat(learner: nn.Module) -> Tensor:
    """Return all weights in one vector."""
    return torch.cat([parameter.detach().flatten() for parameter in learner.parameters()])


def main() -> None:
    """Print a line a case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=["digits", "synthetic"], action="append")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chosen = cases(folder)
        for key in arguments.case or chosen:
            if key == "synthetic":
                synthetic(folder)
            print(json.dumps(compare(chosen[key], arguments.repeats, folder)), flush=True)


if __name__ == "__main__":
    main()
