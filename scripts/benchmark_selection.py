"""Selection from features, side by side with what others ship: time, peak memory, ratios to the fastest and the floor.

Every implementation runs in a process of its own, on the same generated inputs: once on a small part to warm up, then
several times, of which the median counts. Memory is the peak of the resident set above what it was with the inputs in
place (Linux). The floor is what the machine allows: bytes that must move over the bandwidth, or operations over the
rate of a matrix product, both measured first; the larger counts. A peer that is not installed is skipped by a line.

    python scripts/benchmark_selection.py                                     # everything; hours, most of it the peers'
    python scripts/benchmark_selection.py --only k_center lcmd --n-rows 200000 --columns 512 --n 1000
    python scripts/benchmark_selection.py --peers-python /path/to/python      # peers that live elsewhere
    python scripts/benchmark_selection.py --own                               # without peers

Each row is printed and, with ``--json FILE``, also appended there as a line of JSON. A case is a module in
``selection_cases`` with ``GRID`` (tuples of rows, columns, n), ``inputs(rows, columns)``, ``cost(rows, columns, n)``
(bytes that must move, operations) and ``IMPLEMENTATIONS``, functions ``(inputs, n) -> picks`` by name, ours being
``alrun``. It imports nothing but numpy at the top.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import pkgutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OURS = "alrun"
WARM_ROWS, WARM_PICKS = 500, 5


def status_kib(field: str) -> int:
    """Return a field of ``/proc/self/status`` in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def measure(words: list[str]) -> None:
    """Run one implementation as the child process and print what it took as JSON."""
    name, implementation, rows, columns, n, repeats = words[0], words[1], *map(int, words[2:])
    case = importlib.import_module(f"selection_cases.{name}")
    run = case.IMPLEMENTATIONS[implementation]
    if "torch" in sys.modules or importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    run(case.inputs(WARM_ROWS, columns), WARM_PICKS)
    inputs = case.inputs(rows, columns)
    before, seconds, cpu, picks = status_kib("VmRSS"), [], [], None
    Path("/proc/self/clear_refs").write_text("5")
    for _ in range(repeats):
        began, busy = time.perf_counter(), time.process_time()
        picks = run(inputs, n)
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - busy)
    extra = (status_kib("VmHWM") - before) / 1024
    first = [int(pick) for pick in list(picks if picks is not None else [])[:5]]
    result = {"seconds": statistics.median(seconds), "cpu_seconds": statistics.median(cpu), "all": seconds}
    print(json.dumps(result | {"extra_mb": extra, "first_picks": first}))


def machine(threads: int) -> dict[str, float]:
    """Return the bandwidth in bytes and the rate of a matrix product in operations, per second."""
    import numpy as np
    import torch

    torch.set_num_threads(threads)
    big, vector = np.ones((100_000, 512), np.float32), np.ones(512, np.float32)
    square = torch.ones(2048, 2048)

    def best(run: Any) -> float:
        took = []
        for _ in range(7):
            began = time.perf_counter()
            run()
            took.append(time.perf_counter() - began)
        return min(took)

    return {"bytes": big.nbytes / best(lambda: big @ vector), "operations": 2 * 2048**3 / best(lambda: square @ square)}


def child(python: str, words: list[str], threads: int, limit: float) -> dict[str, Any] | str:
    """Return what a measuring process printed, or in words why there is nothing."""
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    command = [python, "-W", "ignore", __file__, "--measure", *words]
    try:
        done = subprocess.run(
            command, env=os.environ | limits, capture_output=True, text=True, timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not done after {limit:.0f} s"
    if done.returncode:
        error = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        return "not installed" if "ModuleNotFoundError" in error else error
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def rows_of(options: argparse.Namespace) -> Iterator[tuple[str, Any, int, int, int]]:
    """Yield what is to be measured: name and module of the case, rows, columns, n."""
    for name in options.only or [module.name for module in pkgutil.iter_modules([str(HERE / "selection_cases")])]:
        case = importlib.import_module(f"selection_cases.{name}")
        for rows, columns, n in case.GRID:
            wanted = zip((options.n_rows, options.columns, options.n), (rows, columns, n), strict=True)
            if all(not allowed or value in allowed for allowed, value in wanted):
                yield name, case, rows, columns, n


def compare(options: argparse.Namespace, speed: dict[str, float], row: tuple[str, Any, int, int, int]) -> None:
    """Measure and print all implementations of one row."""
    name, case, rows, columns, n = row
    results: dict[str, dict[str, Any]] = {}
    for implementation in case.IMPLEMENTATIONS:
        own = implementation.split()[0] == OURS
        if options.own and not own:
            continue
        words = [name, implementation, *map(str, (rows, columns, n, options.repeats))]
        python = sys.executable if own else options.peers_python
        result = child(python, words, options.threads, options.limit)
        if isinstance(result, str):
            print(f"{name:<18}{rows:>9}{columns:>5}{n:>6}  {implementation:<28} {result}", flush=True)
        else:
            results[implementation] = result
    peers = [result["seconds"] for implementation, result in results.items() if implementation.split()[0] != OURS]
    moved, operations = case.cost(rows, columns, n)
    floor = max(moved / speed["bytes"], operations / speed["operations"])
    for implementation, result in results.items():
        ratio = min(peers) / result["seconds"] if peers else float("nan")
        line = {"case": name, "rows": rows, "columns": columns, "n": n, "implementation": implementation, **result}
        line |= {"faster_than_fastest_peer": ratio, "times_floor": result["seconds"] / floor}
        print(
            f"{name:<18}{rows:>9}{columns:>5}{n:>6}  {implementation:<28}{result['seconds']:>10.4f} s"
            f"{result['cpu_seconds']:>10.4f} s cpu"
            f"{result['extra_mb']:>9.0f} MB {ratio:>8.2f} x peer {result['seconds'] / floor:>8.1f} x floor",
            flush=True,
        )
        if options.json:
            with options.json.open("a") as file:
                file.write(json.dumps(line) + "\n")


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="*", default=[], help="cases")
    parser.add_argument("--n-rows", nargs="*", type=int, default=[])
    parser.add_argument("--columns", nargs="*", type=int, default=[])
    parser.add_argument("--n", nargs="*", type=int, default=[])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--limit", type=float, default=1200, help="seconds an implementation may take in all")
    parser.add_argument("--peers-python", default=sys.executable)
    parser.add_argument("--own", action="store_true", help="leave peers out")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--measure", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    speed = machine(options.threads)
    print(
        f"{speed['bytes'] / 1e9:.1f} GB/s, {speed['operations'] / 1e9:.0f} Gflop/s, {options.threads} threads",
        flush=True,
    )
    for row in rows_of(options):
        compare(options, speed, row)


if __name__ == "__main__":
    main()
