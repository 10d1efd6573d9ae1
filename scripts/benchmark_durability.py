"""What durability costs: the store's share of a default digits step, and the commit of a model of 50 MB.

The share is the time inside everything that makes something durable (commits, the label log, small files), over the
time of the steps that it belongs to, in one run of ``alrun query=entropy learner=mlp``. The commit of the large model
is measured on its own, and beside it what it cannot do without: one write of the same bytes with one fsync, and one
SHA-256.

    python scripts/benchmark_durability.py              # medians of 5
    python scripts/benchmark_durability.py --repeats 9 --dir /scratch
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from alrun.config.compose import Composer
from alrun.config.targets import Trust
from alrun.runner.run import Experiment
from alrun.store import append_log, checkpoints, labels, rundir
from alrun.store.checkpoints import CheckpointStore

MEGABYTES = 50
#: Everything through which something becomes durable, by where it is called from.
DURABLE: tuple[tuple[Any, str], ...] = (
    (checkpoints.CheckpointStore, "commit"),
    (append_log.AppendLog, "append"),
    (labels, "write_atomic"),
    (rundir, "write_atomic"),
)


class Clock:
    """Adds up the seconds inside calls; what such a call calls in turn is counted once."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._inside = False

    def timed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``function``, with its time added up."""

        def call(*arguments: Any, **keywords: Any) -> Any:
            if self._inside:
                return function(*arguments, **keywords)
            self._inside, began = True, time.perf_counter()
            try:
                return function(*arguments, **keywords)
            finally:
                self._inside, self.seconds = False, self.seconds + time.perf_counter() - began

        return call


@contextmanager
def clocked() -> Iterator[Clock]:
    """Yield a clock that runs while something is made durable."""
    clock = Clock()
    patches = [mock.patch.object(owner, name, clock.timed(getattr(owner, name))) for owner, name in DURABLE]
    for patch in patches:
        patch.start()
    try:
        yield clock
    finally:
        for patch in patches:
            patch.stop()


def share_of_a_step(folder: Path) -> dict[str, float]:
    """Return seconds per step of the default run, and those among them that made something durable."""
    words = ["query=entropy", "learner=mlp", "progress=false", f"output_dir={folder}"]
    experiment = Experiment(Composer(Trust()).compose(words), Trust())
    with clocked() as clock:
        outcome = experiment.run()
    table = (outcome.directory / "timing.csv").read_text().splitlines()[1:]
    seconds = sum(float(line.split(",")[2]) for line in table)
    steps = len({line.split(",")[0] for line in table})
    return {"step_s": seconds / steps, "durable_s": clock.seconds / steps, "share": clock.seconds / seconds}


def large_model(folder: Path, number: int) -> dict[str, float]:
    """Return the seconds of one commit of 50 MB of weights, and those of a bare write and a bare hash."""
    weights = {f"layer{i}.weight": torch.randn(MEGABYTES * 2**20 // 40) for i in range(10)}
    store = CheckpointStore(folder / f"large_{number}", logging.getLogger("benchmark"))
    began = time.perf_counter()
    store.commit(0, "training", {"pool": 0}, previous="", weights=weights)
    commit = time.perf_counter() - began
    data = os.urandom(MEGABYTES * 2**20)
    began = time.perf_counter()
    with (folder / f"bare_{number}").open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    write = time.perf_counter() - began
    began = time.perf_counter()
    hashlib.sha256(data).digest()
    return {"commit_s": commit, "bare_write_s": write, "sha256_s": time.perf_counter() - began}


def medians(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return the median of each column."""
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def main() -> None:
    """Measure, and print a table and a JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--dir", type=Path, help="where to write (default: the temporary folder)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.dir) as name:
        share_of_a_step(Path(name) / "warm")
        steps = medians([share_of_a_step(Path(name) / f"run_{number}") for number in range(options.repeats)])
        large = medians([large_model(Path(name), number) for number in range(options.repeats)])
    print(f"default digits step    {steps['step_s'] * 1e3:8.1f} ms")
    print(f"  of it durability     {steps['durable_s'] * 1e3:8.1f} ms  {steps['share']:.1%}  (at most 2%)")
    print(f"commit of {MEGABYTES} MB        {large['commit_s'] * 1e3:8.1f} ms  (at most 60)")
    print(f"  bare write and fsync {large['bare_write_s'] * 1e3:8.1f} ms")
    print(f"  bare SHA-256         {large['sha256_s'] * 1e3:8.1f} ms")
    print(json.dumps({**steps, **large}))


if __name__ == "__main__":
    main()
