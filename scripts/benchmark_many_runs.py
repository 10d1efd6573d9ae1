"""``alrun status`` and ``alrun report`` over thousands of runs, beside reading the same bytes.

One small experiment is run for each of a few query strategies; copies of what it leaves at the top of its directory,
with other seeds and identities, make the rest. Printed are the seconds of each command as a user waits for it (a
process of its own), the seconds that reading the same files takes, and the ratio of the two.

    python scripts/benchmark_many_runs.py               # 5,000 runs, medians of 3
    python scripts/benchmark_many_runs.py --runs 500 --dir /scratch
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from alrun.store.rundir import RunDirectory

QUERIES = ("entropy", "random", "margin", "least_confidence")
SMALL = (
    *("data=moons", "data.n_samples=500", "learner.hidden=[8]", "training.max_epochs=1"),
    *("initial_size=10", "query_size=10", "budget=110", "progress=false", "output_dir=finished"),
)
#: What each command has to read of a run.
READ = {"status": ("run.json",), "report": ("run.json", "config.yaml", "records.parquet")}


def alrun(folder: Path, *words: str) -> None:
    """Run a command in ``folder``."""
    command = [sys.executable, "-m", "alrun", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stderr}")


def make(folder: Path, count: int) -> None:
    """Make ``count`` runs below ``folder/outputs``."""
    finished = []
    for query in QUERIES:
        alrun(folder, f"query={query}", *SMALL)
        finished += [path.parent for path in folder.glob(f"finished/*/*-{query}-*/run.json")]
    for number in range(count):
        copy(finished[number % len(finished)], folder / "outputs" / "default", number)


def copy(run: Path, folder: Path, number: int) -> None:
    """Lay a copy of ``run`` with the seed ``number`` into ``folder``."""
    name, _, identity = run.name.rpartition("-s0-")
    identity = f"{number:08x}{identity}"
    place = folder / f"{name}-s{number}-{identity[:8]}"
    (place / "checkpoints" / "step_0").mkdir(parents=True)
    (place / "labels").mkdir()
    config = (run / "config.yaml").read_text()
    (place / "config.yaml").write_text(config.replace("\nseed: 0\n", f"\nseed: {number}\n"))
    for table in ("records.parquet", "acquisitions.parquet"):
        (place / table).write_bytes((run / table).read_bytes())
    info = json.loads((run / "run.json").read_text())
    RunDirectory(place).write_info(info | {"seed": number, "identity": identity.ljust(64, "0")}, durable=False)


def seconds(action: Callable[[], object], repeats: int) -> float:
    """Return the median over ``repeats`` of what ``action`` takes."""
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def read_all(folder: Path, names: Sequence[str]) -> int:
    """Read files of all runs; return the bytes."""
    places = sorted((folder / "outputs" / "default").iterdir())
    return sum(len((place / name).read_bytes()) for place in places for name in names)


def main() -> None:
    """Make the runs, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--dir", type=Path, help="where to make them (default: the temporary folder)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.dir) as name:
        folder = Path(name)
        make(folder, arguments.runs)
        print(f"{arguments.runs} runs, medians of {arguments.repeats}")
        for command, names in READ.items():
            size = read_all(folder, names)
            floor = seconds(lambda names=names: read_all(folder, names), arguments.repeats)  # type: ignore[misc]
            taken = seconds(lambda command=command: alrun(folder, command), arguments.repeats)  # type: ignore[misc]
            ratio = taken / floor
            print(f"{command:<7} {taken:6.2f} s; reading its {size / 1e6:.0f} MB {floor:5.2f} s; ratio {ratio:.1f}")


if __name__ == "__main__":
    main()
