"""Sweeps killed with SIGKILL at random steps and typed again: every job ends as if it had been run alone.

``ALRUN_KILLS=60`` kills each case sixty times, sweeps of joblib too; by default one of them is killed once, in
``test_orphans.py``.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from command_line import Process, Warm, commits, runs, tree, wait_for  # type: ignore[import-not-found]
from crash_bench import digests  # type: ignore[import-not-found]
from test_kill import COMMON  # type: ignore[import-not-found]

LOCKED = 75
#: Steps of the four jobs together: a cold start and two queries, and the last measurement.
STEPS = 4 * 4
JOBS = ("query=entropy,random", "seed=0,1")
CASES: Mapping[str, tuple[Sequence[str], int, bool]] = {
    "one after the other": ((), 2, True),
    "joblib, all die": (("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"), 0, True),
    "joblib, the parent dies": (("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"), 0, False),
}


def steps(root: Path) -> int:
    """Return how many steps of runs below ``root`` have come to their first commit."""
    return sum(path.name.startswith("step_") and path.parent.name == "checkpoints" for path in tree(root))


def results(root: Path) -> Mapping[str, Mapping[str, str]]:
    """Return the digests of each run below ``root``, by the name of its directory."""
    return {run.name: digests(run) for run in runs(root)}


@pytest.fixture(scope="module")
def alone(warm_process: Warm, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Mapping[str, str]]:
    """Return the digests of the four jobs, each run by a command of its own."""
    root = tmp_path_factory.mktemp("alone")
    for query in ("entropy", "random"):
        for seed in (0, 1):
            assert warm_process.run(root, *COMMON, f"query={query}", f"seed={seed}").code == 0
    assert steps(root) == STEPS
    return results(root)


def wait_for_steps(process: Process, root: Path, enough: int) -> None:
    """Wait until runs below ``root`` have come so far, or the sweep to its end."""
    wait_for(lambda: steps(root) >= enough or process.poll() is not None)


def finish(warm: Warm, root: Path, words: Sequence[str]) -> None:
    """Type the sweep again until it is done: workers whose parent has died may still be busy with a job."""

    def done() -> bool:
        ended = warm.run(root, *words)
        assert ended.code in (0, 1, LOCKED), ended
        return bool(ended.code == 0)

    wait_for(done)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_killed_sweep_ends_as_if_nothing_had_happened(
    case: tuple[Sequence[str], int, bool], warm: Warm, alone: Mapping[str, Mapping[str, str]], tmp_path: Path
) -> None:
    extra, kills, family = case
    kills = int(os.environ.get("ALRUN_KILLS", kills))
    if not kills:
        pytest.skip("needs ALRUN_KILLS; tests/crash/test_orphans.py kills such a sweep once")
    words = ["-m", *COMMON, *JOBS, *extra]
    rng, done, attempt = random.Random(" ".join(words)), 0, 0  # noqa: S311
    while done < kills:
        cut = tmp_path / f"cut{attempt}"
        process = warm.start(tmp_path, *words, f"output_dir={cut.name}")
        wait_for_steps(process, cut, rng.randint(min(steps(cut) + 1, STEPS), STEPS))
        code = process.kill(family=family)
        done += code == -signal.SIGKILL
        if code == 0:
            attempt += 1
    finish(warm, tmp_path, [*words, f"output_dir=cut{attempt}"])
    before = commits(tmp_path)
    again = warm.run(tmp_path, *words, f"output_dir=cut{attempt}")
    assert "4 jobs: 4 finished (4 before, not run again)" in again.out
    assert commits(tmp_path) == before
    assert len(results(tmp_path)) == len(alone)
    for folder in tmp_path.iterdir():
        assert results(folder) == alone, folder.name
