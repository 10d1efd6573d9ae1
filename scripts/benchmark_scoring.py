"""How fast predictions are made: alrun's predictor and inference modules against plain loops and peers, in one process.

The sides of a case take turns, repeat after repeat; figures are medians, and ratios are medians of the ratios within a
repeat. A ratio is how many times as fast as the reference alrun is. Outputs are compared before anything is timed.

    python scripts/benchmark_scoring.py                       # all cases, 5 repeats
    python scripts/benchmark_scoring.py --case throughput --repeats 9
    pip install "alrun[bench]" && python scripts/benchmark_scoring.py      # baal beside them, where it installs
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from alrun.core.seeding import Seeds
from alrun.core.types import Split, Task, TaskSpec
from alrun.data.source import ArraySource
from alrun.driver.supply.predictor import StreamedPredictor
from alrun.inference.deterministic import Deterministic
from alrun.inference.mc_dropout import MCDropout
from alrun.learner.cnn import CNN
from alrun.learner.mlp import MLP
from alrun.pool.status import StatusTable
from alrun.pool.unlabeled import UnlabeledPool

ROWS, CLASSES, PASSES, BATCH = 60_000, 10, 20, 1024

Sides = dict[str, Callable[[], Any]]


@dataclass(frozen=True)
class Row:
    """One line of the table: alrun against one reference."""

    case: str
    reference: str
    alrun: float
    other: float
    ratio: float
    unit: str = "samples/s"
    target: float | None = None


def medians(sides: Sides, repeats: int) -> dict[str, list[float]]:
    """Return the seconds of each side, which take turns; each has run once before."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for repeat in range(repeats + 1):
        for name, side in sides.items():
            started = time.perf_counter()
            side()
            if repeat:
                seconds[name].append(time.perf_counter() - started)
    return seconds


def compared(case: str, sides: Sides, repeats: int, samples: int, targets: Mapping[str, float]) -> Iterator[Row]:
    """Yield a row for each side but the first, which is alrun, in samples per second."""
    seconds = medians(sides, repeats)
    (_, ours), *others = seconds.items()
    for name, theirs in others:
        ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
        rate, other = (samples / statistics.median(side) for side in (ours, theirs))
        yield Row(case, name, rate, other, ratio, target=targets.get(name))


def mlp(dropout: str = "") -> MLP:
    """Return a 784-256-256-10 MLP: dropout after ``each`` hidden layer, before the ``last`` layer only, or nowhere."""
    learner = MLP(
        TaskSpec(Task.CLASSIFICATION, (784,), CLASSES),
        partial(torch.optim.Adam, lr=1e-3),
        hidden=(256, 256),
        dropout=0.25 if dropout else 0.0,
    )
    if dropout == "last":
        setattr(learner.body, "2", nn.Identity())
    return learner


def cnn() -> CNN:
    """Return a small CNN for images of 28 x 28 pixels."""
    spec = TaskSpec(Task.CLASSIFICATION, (1, 28, 28), CLASSES)
    return CNN(spec, partial(torch.optim.Adam, lr=1e-3), channels=(8, 16), hidden=64, dropout=0.0)


def rows_for(learner: Any, count: int) -> ArraySource:
    """Return ``count`` random rows of the learner's shape."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(count, *learner.spec.input_shape, generator=generator)
    return ArraySource(inputs, torch.arange(count) % CLASSES, learner.spec, validation_size=0, test_size=0)


def scores_of(learner: Any, source: ArraySource, inference: Any, labelled: int = 0, **options: Any) -> Tensor:
    """Return the outputs of all rows of an unlabeled pool, by alrun's predictor; every so many rows are labeled."""
    everything, none = torch.arange(len(source)), torch.empty(0, dtype=torch.int64)
    given = everything[:: len(source) // labelled] if labelled else none
    status = StatusTable(source.spec, Split(everything, none, none, given), len(source))
    pool = UnlabeledPool(source, status)
    device = torch.device("cpu")
    predictor = StreamedPredictor(
        learner, inference, batch_size=BATCH, device=device, seeds=lambda: Seeds(0), progress=lambda *_: None
    )
    return torch.cat([one.outputs for one in predictor(pool, **options)], dim=int(inference.stochastic))


def bare(learner: Any, inputs: Tensor, rows: Tensor | None = None) -> Tensor:
    """Return the outputs of a plain loop without gradients over all ``inputs``, or over some ``rows`` of them."""
    learner.eval()
    with torch.no_grad():
        if rows is None:
            return torch.cat([learner(chunk) for chunk in inputs.split(BATCH)])
        return torch.cat([learner(inputs[chunk]) for chunk in rows.split(BATCH)])


def naive_passes(learner: Any, inputs: Tensor) -> Tensor:
    """Return ``[K, N, C]`` of ``K`` full passes over the pool with dropout switched on."""
    learner.train()
    with torch.no_grad():
        passes = [torch.cat([learner(chunk) for chunk in inputs.split(BATCH)]) for _ in range(PASSES)]
    learner.eval()
    return torch.stack(passes)


def by_data_loader(learner: Any, inputs: Tensor) -> Tensor:
    """Return the outputs of a pass through a ``DataLoader`` of single rows."""
    learner.eval()
    with torch.no_grad():
        loader = DataLoader(TensorDataset(inputs), batch_size=BATCH)
        return torch.cat([learner(batch) for (batch,) in loader])


def by_trainer(learner: Any, inputs: Tensor) -> Any:
    """Return the outputs by Lightning's ``Trainer.predict``."""
    from lightning.pytorch import Trainer

    silent: Any = dict.fromkeys(
        ("logger", "enable_progress_bar", "enable_checkpointing", "enable_model_summary"), False
    )
    trainer = Trainer(accelerator="cpu", **silent)
    data: Any = Whole(inputs)
    return trainer.predict(learner, DataLoader(data, batch_size=BATCH))


def by_baal(learner: Any, inputs: Tensor, passes: int) -> Any:
    """Return the outputs by baal's ``ModelWrapper``."""
    from baal.modelwrapper import ModelWrapper, TrainingArgs

    arguments = TrainingArgs(batch_size=BATCH, use_cuda=False)
    wrapper = ModelWrapper(learner, arguments)
    data = TensorDataset(inputs, torch.zeros(len(inputs)))
    return wrapper.predict_on_dataset(data, iterations=passes)


class Whole:
    """Rows without targets, read one by one."""

    def __init__(self, inputs: Tensor) -> None:
        """Read ``inputs``."""
        self._inputs = inputs

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._inputs)

    def __getitem__(self, index: int) -> Tensor:
        """Return the inputs of a row."""
        return self._inputs[index]


def peers(learner: Any, inputs: Tensor, passes: int = 1) -> Sides:
    """Return the peers that are installed."""
    found: Sides = {}
    if passes == 1:
        found["Trainer.predict"] = lambda: by_trainer(learner, inputs)
    try:
        by_baal(learner, inputs[:8], 1)
    except ImportError:
        return found
    return found | {"baal": lambda: by_baal(learner, inputs, passes)}


def throughput(repeats: int, count: int, with_peers: bool) -> Iterator[Row]:
    """Yield one deterministic pass over the pool: MLP, and CNN on a third of the rows."""
    yield from one_pass("MLP 784-256-256-10", mlp(), repeats, count, with_peers)
    yield from one_pass("CNN 8-16-64", cnn(), repeats, count // 3, with_peers)


def one_pass(name: str, learner: Any, repeats: int, count: int, with_peers: bool) -> Iterator[Row]:
    """Yield a pass over all rows, over a pool with holes where rows are labeled, and one that gives embeddings too."""
    source = rows_for(learner, count)
    inputs: Any = source.array
    ours = partial(scores_of, learner, source, Deterministic())
    loop = partial(bare, learner, inputs)
    assert torch.equal(ours(), loop())  # noqa: S101
    sides: Sides = {"alrun": ours, "bare loop": loop, "DataLoader pass": partial(by_data_loader, learner, inputs)}
    sides |= peers(learner, inputs) if with_peers else {}
    yield from compared(f"{name}, {count} rows", sides, repeats, count, {"bare loop": 0.95})
    rows = torch.arange(count)[torch.arange(count) % 100 != 0]
    sides = {"alrun": partial(ours, labelled=count // 100), "bare loop": partial(bare, learner, inputs, rows)}
    yield from compared(f"{name}, each 100th row labelled", sides, repeats, len(rows), {"bare loop": 0.95})
    sides = {"alrun": partial(ours, embeddings=True), "bare loop": loop}
    yield from compared(f"{name}, with embeddings", sides, repeats, count, {})


def mc_dropout(repeats: int, count: int, with_peers: bool) -> Iterator[Row]:
    """Yield 20 passes of MC dropout: with dropout before the last layer only, and after each hidden layer."""
    for where, target in (("last", 25.0), ("each", 3.0)):
        learner = mlp(where)
        source = rows_for(learner, count)
        inputs: Any = source.array
        sides: Sides = {
            "alrun": partial(scores_of, learner, source, MCDropout(PASSES)),
            "naive passes": partial(naive_passes, learner, inputs),
        }
        sides |= peers(learner, inputs, PASSES) if with_peers else {}
        name = {"last": "before the last layer", "each": "after each hidden layer"}[where]
        yield from compared(f"MC dropout {name}, {PASSES} passes", sides, repeats, count, {"naive passes": target})


CASES: Mapping[str, Callable[[int, int, bool], Iterator[Row]]] = {
    "throughput": throughput,
    "mc_dropout": mc_dropout,
}


def main() -> None:
    """Print a table line and a JSON line for each comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", choices=list(CASES), action="append")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-peers", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    with Path(os.devnull).open("w") as nowhere:
        for key in arguments.case or CASES:
            with redirect_stdout(nowhere), redirect_stderr(nowhere):
                for row in CASES[key](arguments.repeats, arguments.rows, not arguments.no_peers):
                    show(row)


def show(row: Row) -> None:
    """Print a row, as a line of the table and as JSON."""
    figures = f"{row.alrun:>12,.0f} {row.other:>12,.0f} {row.unit:>10}  x{row.ratio:<7.3g}"
    wanted = "" if row.target is None else f"at least x{row.target:g}"
    print(f"{row.case:<52} {row.reference:<24} {figures} {wanted}", file=sys.__stdout__)
    print(json.dumps(vars(row)), file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    main()
