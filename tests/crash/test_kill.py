"""The real command line, killed with SIGKILL at random moments and typed again until it finishes.

``ALRUN_KILLS=60`` kills each case sixty times.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from crash_bench import digests  # type: ignore[import-not-found]

COMMON = [
    "progress=false",
    "data=digits",
    "learner.hidden=[16]",
    "training.max_epochs=8",
    "training.checkpoint_every=2",
]
COMMON += ["initial_size=20", "query_size=20", "budget=80"]
CASES = {
    "fabric, seed 0": (["training=fabric", "seed=0"], 10),
    "fabric, seed 1": (["training=fabric", "seed=1", "training.reset=warm"], 6),
    "trainer": (["training=trainer", "seed=1"], 6),
    "mc_dropout, bald": (["inference=mc_dropout", "query=bald", "seed=0"], 6),
}


Start = Callable[[Sequence[str], float | None], int]


class Zygote:
    """Starts commands without their imports."""

    def __init__(self) -> None:
        command = [sys.executable, str(Path(__file__).with_name("zygote.py"))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._answer() == "ready"

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def run(self, words: Sequence[str], kill_after: float | None = None, family: bool = True) -> int:
        """Run a command, or kill it (and all its ``family``) after some seconds; return its exit code, or -9."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([list(words), kill_after, family]) + "\n")
        self._process.stdin.flush()
        return int(self._answer())

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    started = Zygote()
    yield started
    started.close()


def run_directory(root: Path) -> Path:
    (found,) = root.rglob("run.json")
    return found.parent


def killed_again_and_again(start: Start, words: list[str], root: Path, kills: int, zygote: Zygote) -> None:
    """Kill ``words`` so many times; every time that it gets to the end, compare with the run that was left in peace."""
    peace = root / "peace"
    began = time.perf_counter()
    assert zygote.run([*words, f"output_dir={peace}"]) == 0
    expected: Mapping[str, str] = digests(run_directory(peace))
    if start != zygote.run:
        assert start([*words, f"output_dir={root / 'start'}"], None) == 0
        assert digests(run_directory(root / "start")) == expected
    longest = 0.5 * (time.perf_counter() - began)
    rng, done, attempt = random.Random(" ".join(words)), 0, 0  # noqa: S311
    command: list[str] = []
    while done < kills:
        command = [*words, f"output_dir={root / f'cut {attempt}'}"]
        if start(command, rng.uniform(0, longest)) == -signal.SIGKILL:
            done += 1
            continue
        assert digests(run_directory(root / f"cut {attempt}")) == expected
        attempt += 1
    assert start(command, None) == 0
    assert digests(run_directory(root / f"cut {attempt}")) == expected


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_killed_at_random_moments(case: tuple[list[str], int], zygote: Zygote, tmp_path: Path) -> None:
    words, kills = case
    kills = int(os.environ.get("ALRUN_KILLS", kills))
    killed_again_and_again(zygote.run, [*COMMON, *words], tmp_path, kills, zygote)


@pytest.mark.slow
def test_whole_processes_are_killed(zygote: Zygote, tmp_path: Path) -> None:
    def start(words: Sequence[str], kill_after: float | None) -> int:
        process = subprocess.Popen([sys.executable, "-m", "alrun", *words], stdout=subprocess.DEVNULL)
        try:
            return process.wait(kill_after)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    killed_again_and_again(start, COMMON, tmp_path, 2, zygote)
