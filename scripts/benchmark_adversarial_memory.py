"""Peak memory of an adversarial query over pools of 10⁴ and 10⁶ rows, each in a process of its own.

What counts is what the query adds to the process that already holds the data: ``VmHWM`` of ``/proc``, set back before
the query (Linux). Usage: ``python scripts/benchmark_adversarial_memory.py``.
"""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

FEATURES = 64
PICKS = 20


def peak_kib() -> int:
    """Return the process's peak of resident memory since it was last set back, in KiB."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def measure(rows: int) -> None:
    """Query a pool of ``rows`` rows once to warm up and once to measure; print what it took."""
    import torch

    from alrun.core.queues import FifoQueue
    from alrun.core.seeding import Seeds
    from alrun.core.types import Task, TaskSpec
    from alrun.data.source import ArraySource
    from alrun.driver.supply.predictor import StreamedPredictor
    from alrun.inference.deterministic import Deterministic
    from alrun.learner.adversarial import Adversarial as Learner
    from alrun.pool.pools import pools
    from alrun.query.adversarial import Adversarial

    torch.set_num_threads(1)
    inputs = torch.randn(rows, FEATURES, generator=torch.Generator().manual_seed(0))
    spec = TaskSpec(Task.CLASSIFICATION, (FEATURES,), 10)
    data = ArraySource(inputs, torch.arange(rows) % 10, spec, validation_size=0, test_size=10)
    pool: Any = pools(data, Seeds(0)).unlabeled
    learner = Learner(spec, partial(torch.optim.Adam, lr=1e-3))
    seeds = Seeds(0, 1, "query")
    cpu = torch.device("cpu")
    predictor = StreamedPredictor(
        learner, Deterministic(), batch_size=1024, device=cpu, seeds=lambda: seeds, progress=lambda done, total: None
    )
    strategy = Adversarial(PICKS)
    strategy.attach(SimpleNamespace(predictor=predictor, unlabeled_pool=pool, learner=learner))
    strategy(FifoQueue())
    Path("/proc/self/clear_refs").write_text("5")
    before, began = peak_kib(), time.perf_counter()
    strategy(FifoQueue())
    seconds = time.perf_counter() - began
    print(f"{rows:>9} rows: {peak_kib() - before:>6} KiB on top of {before // 1024} MiB, {seconds:.2f} s")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(int(sys.argv[1]))
    else:
        for size in (10_000, 100_000, 1_000_000):
            subprocess.run([sys.executable, __file__, str(size)], check=True)
