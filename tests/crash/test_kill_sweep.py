"""Sweeps killed with SIGKILL at random moments and typed again: every job ends as if it had been run alone.

``ALRUN_KILLS=60`` kills each case sixty times.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from crash_bench import digests  # type: ignore[import-not-found]
from test_kill import COMMON, Zygote  # type: ignore[import-not-found]

LOCKED = 75
JOBS = ("query=entropy,random", "seed=0,1")
CASES: Mapping[str, tuple[Sequence[str], int, bool]] = {
    "one after the other": ((), 8, True),
    "joblib, all die": (("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"), 1, True),
    "joblib, the parent dies": (("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"), 1, False),
}


@pytest.fixture(scope="module")
def sweeper() -> Iterator[Zygote]:
    started = Zygote()
    yield started
    started.close()


def results(root: Path) -> Mapping[str, Mapping[str, str]]:
    """Return the digests of each run below ``root``, by the name of its directory."""
    return {path.parent.name: digests(path.parent) for path in root.rglob("run.json")}


@pytest.fixture(scope="module")
def alone(sweeper: Zygote, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, str]]:
    """Return the digests of the four jobs, each run by a command of its own."""
    root = tmp_path_factory.mktemp("alone")
    for query in ("entropy", "random"):
        for seed in (0, 1):
            assert sweeper.run([*COMMON, f"query={query}", f"seed={seed}", f"output_dir={root}"]) == 0
    return results(root)


def finish(sweeper: Zygote, words: Sequence[str]) -> None:
    """Type the sweep again until it is done: workers whose parent has died may still be busy with a job."""
    for _ in range(60):
        code = sweeper.run(words)
        if code == 0:
            return
        assert code == LOCKED or code == 1, code
        time.sleep(1)
    pytest.fail("the sweep does not come to its end")


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_killed_sweep_ends_as_if_nothing_had_happened(
    case: tuple[Sequence[str], int, bool], sweeper: Zygote, alone: Mapping[str, Mapping[str, str]], tmp_path: Path
) -> None:
    extra, kills, family = case
    kills = int(os.environ.get("ALRUN_KILLS", kills))
    words = ["-m", *COMMON, *JOBS, *extra]
    began = time.perf_counter()
    assert sweeper.run([*words, f"output_dir={tmp_path / 'peace'}"]) == 0
    assert results(tmp_path / "peace") == alone
    longest = time.perf_counter() - began
    rng, done, attempt = random.Random(" ".join(words)), 0, 0  # noqa: S311
    while done < kills:
        command = [*words, f"output_dir={tmp_path / f'cut {attempt}'}"]
        code = sweeper.run(command, rng.uniform(0.1, 0.7) * longest, family)
        done += code == -signal.SIGKILL
        if code == 0:
            attempt += 1
    finish(sweeper, [*words, f"output_dir={tmp_path / f'cut {attempt}'}"])
    assert len(results(tmp_path)) == len(alone)
    for folder in tmp_path.iterdir():
        assert results(folder) == alone, folder.name
