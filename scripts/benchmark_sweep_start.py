"""Seconds from the words of a sweep to its first job, and the memory that takes, against composing each job with Hydra.

    python scripts/benchmark_sweep_start.py [jobs …]

Each size runs in a process of its own, on a sweep over learning rates and seeds. What is measured is what ``alrun -m``
does before its first job: compose, check, derive directory and identity, look for finished runs, build each distinct
config once.
Hydra's part is measured on some jobs, composed one by one as a Hydra app does it, and multiplied.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time

SIZES = (200, 1000, 5000)
RATES = 10
COMPOSED = 20
GOAL = "5 s + 5 ms a job"


def words(jobs: int) -> list[str]:
    """Return the words of a sweep of ``jobs`` jobs, a multiple of ``RATES``."""
    rates = ",".join(str(0.001 * (number + 1)) for number in range(RATES))
    return ["data=moons", f"learner.optimizer.lr={rates}", f"seed=range(0,{jobs // RATES})"]


def measured(jobs: int) -> dict[str, float]:
    """Return what one process measures."""
    start = time.perf_counter()
    from alrun.config.compose import Composer
    from alrun.config.targets import Trust
    from alrun.runner.jobs import rehearsed

    composer = Composer(Trust())
    found = rehearsed(composer.compose_sweep(words(jobs)), Trust()).jobs
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    from alrun.config.compose import resolved
    from alrun.config.hydra_loader import load

    start = time.perf_counter()
    for job in found[:COMPOSED]:
        resolved(load(composer.loader, job.words)[0])
    each = (time.perf_counter() - start) / COMPOSED
    return {"jobs": len(found), "seconds": seconds, "MB": memory, "hydra": each * jobs}


def main() -> None:
    """Print a line a size."""
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    print(f"{'jobs':>6} {'start, s':>9} {'ms a job':>9} {'goal, s':>8} {'peak, MB':>9} {'Hydra, s':>9} {'ratio':>6}")
    for size in sizes:
        command = [sys.executable, __file__, "--one", str(size)]
        with tempfile.TemporaryDirectory() as folder:
            answer = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
        one = json.loads(answer.stdout.splitlines()[-1])
        goal = 5 + 0.005 * one["jobs"]
        each = 1000 * one["seconds"] / one["jobs"]
        ratio = one["hydra"] / one["seconds"]
        ours = f"{one['jobs']:6.0f} {one['seconds']:9.1f} {each:9.1f} {goal:8.1f} {one['MB']:9.0f}"
        print(f"{ours} {one['hydra']:9.1f} {ratio:5.1f}x", flush=True)
    print(f"goal: {GOAL}")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measured(int(sys.argv[2]))))
    else:
        main()
