"""Ten members trained as one vectorized model against ten trained one after the other, by the same training loop.

The network is a 784-64-10 MLP on 1,000 samples, minibatches of 32, Adam. Both ways each member has its own initial
weights and its own shuffle each epoch; the script checks that the weights at the end agree before it prints a ratio.

    python scripts/benchmark_ensemble.py                         # 20 epochs, two threads, medians of 5
    python scripts/benchmark_ensemble.py --threads 1 --members 20 --dropout 0.1 --loop trainer
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from alrun.core.seeding import Seeds
from alrun.core.types import Annotation, Task, TaskSpec
from alrun.data.source import ArraySource
from alrun.driver.supply.loader import BatchLoader
from alrun.inference.ensemble import Ensemble
from alrun.inference.members.members import Members
from alrun.learner.mlp import MLP
from alrun.pool.pools import pools
from alrun.training.fabric import FabricLoop
from alrun.training.trainer import TrainerLoop

ROWS, FEATURES, CLASSES, BATCH = 1_000, 784, 10, 32
SEEDS = Seeds(0, 1, "training")


class Shuffle(BatchLoader):
    """A loader with another shuffle than the first."""

    number = 0

    def _order(self, number: int = 0) -> Tensor:
        return super()._order(number or self.number)


def labelled() -> ArraySource:
    """Return 1,000 rows of 784 features in 10 classes."""
    generator = torch.Generator().manual_seed(0)
    classes = torch.randint(0, CLASSES, (ROWS,), generator=generator)
    centers = torch.randn(CLASSES, FEATURES, generator=generator)
    inputs = centers[classes] + 8 * torch.randn(ROWS, FEATURES, generator=generator)
    return ArraySource(inputs, classes, TaskSpec(Task.CLASSIFICATION, (FEATURES,), CLASSES))


def member(source: ArraySource, number: int, dropout: float) -> MLP:
    """Return a freshly initialized learner."""
    SEEDS.seed_global_generators(f"member {number}")
    return MLP(source.spec, partial(torch.optim.Adam, lr=1e-3, fused=True), hidden=(64,), dropout=dropout)


class Comparison:
    """Both ways to train, each from the same initial weights."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Make the data."""
        self.options = options
        self.source = labelled()
        self.pool = pools(self.source, SEEDS).training
        everything = torch.arange(ROWS)
        targets = self.source.targets(everything).tolist()
        self.pool.extend([Annotation(row, target) for row, target in enumerate(targets)])  # type: ignore[attr-defined]
        kind = FabricLoop if options.loop == "fabric" else TrainerLoop
        self.loop = kind(accelerator="cpu")
        self.learners: list[nn.Module] = []
        self.ensemble: nn.Module = nn.Identity()

    def prepare(self) -> None:
        """Initialize all weights; outside the timed part."""
        made = [[member(self.source, m, self.options.dropout) for m in range(self.options.members)] for _ in range(2)]
        self.learners = list(made[0])
        self.ensemble = Ensemble(self.options.members).combine(made[1])

    def _fit(self, learner: nn.Module, loader: BatchLoader) -> None:
        SEEDS.seed_global_generators()
        optimizer = learner.configure_optimizers()  # type: ignore[operator]
        self.loop(learner, optimizer, loader, max_epochs=self.options.epochs)

    def one_by_one(self) -> None:
        """Train members one after the other."""
        for number, learner in enumerate(self.learners):
            loader = Shuffle(self.pool, BATCH, SEEDS)
            loader.number = number
            self._fit(learner, loader)

    def as_one(self) -> None:
        """Train them as one module."""
        self._fit(self.ensemble, BatchLoader(self.pool, BATCH, SEEDS, shuffles=self.options.members))

    def difference(self) -> float:
        """Return the largest difference of a weight between the two ways."""
        assert isinstance(self.ensemble, Members)  # noqa: S101
        pairs = zip(self.learners, map(self.ensemble.alone, range(len(self.learners))), strict=False)
        return max(
            float((one - other).detach().abs().max())
            for alone, together in pairs
            for one, other in zip(alone.parameters(), together.parameters(), strict=True)
        )


def timed(function: Callable[[], None]) -> tuple[float, float]:
    """Return the seconds on the wall and of the processors that ``function`` takes."""
    wall, processor = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    """Measure and print, last a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in {"threads": 2, "members": 10, "epochs": 20, "repeats": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--loop", choices=("fabric", "trainer"), default="fabric")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    comparison = Comparison(options)
    seconds: dict[str, list[tuple[float, float]]] = {"one_by_one": [], "as_one": []}
    for repeat in range(options.repeats + 1):
        comparison.prepare()
        for name, taken in seconds.items():
            measured = timed(getattr(comparison, name))
            if repeat:
                taken.append(measured)
    difference = comparison.difference()
    if options.dropout == 0 and difference > 1e-3:
        raise SystemExit(f"the weights differ by {difference}")
    row: dict[str, object] = {**vars(options), "difference": difference}
    for place, clock in enumerate(("wall", "processor")):
        medians = {name: statistics.median(one[place] for one in taken) for name, taken in seconds.items()}
        ratios = [a[place] / b[place] for a, b in zip(*seconds.values(), strict=True)]
        best = [min(one[place] for one in taken) for taken in seconds.values()]
        row |= {f"{clock}_{name}": round(value, 4) for name, value in medians.items()}
        row[f"{clock}_ratio_of_best"] = round(best[0] / best[1], 2)
        row[f"{clock}_ratio"] = round(statistics.median(ratios), 2)
    seconds_told = f"one by one {row['wall_one_by_one']} s, as one {row['wall_as_one']} s"
    print(f"{options.members} members {seconds_told}: {row['wall_ratio']} times")
    print(json.dumps(row))


if __name__ == "__main__":
    main()
