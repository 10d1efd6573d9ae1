"""The real command line, killed with SIGKILL at random moments and typed again until it finishes.

``ALRUN_KILLS=60`` kills each case sixty times.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from command_line import Warm, cold, only_run  # type: ignore[import-not-found]
from crash_bench import digests  # type: ignore[import-not-found]

COMMON = [
    "progress=false",
    "data=digits",
    "learner.hidden=[16]",
    "training.max_epochs=4",
    "training.checkpoint_every=2",
]
COMMON += ["initial_size=20", "query_size=20", "budget=60"]
CASES = {
    "fabric, seed 0": (["training=fabric", "seed=0"], 3),
    "fabric, seed 1": (["training=fabric", "seed=1", "training.reset=warm"], 2),
    "trainer": (["training=trainer", "seed=1"], 2),
    "mc_dropout, bald": (["inference=mc_dropout", "query=bald", "seed=0"], 2),
    # Unknown rows are set apart again as their answers are read back, and MQ-Net keeps what it learns from.
    "open set, mqnet": (["transform=ood", "transform.ood.unknown=0.5", "query=mqnet", "seed=0"], 2),
}


def killed_again_and_again(words: list[str], root: Path, kills: int, warm: Warm) -> None:
    """Kill ``words`` so many times; every time that it gets to the end, compare with the run that was left in peace."""
    began = time.perf_counter()
    assert warm.run(root, *words, "output_dir=peace").code == 0
    longest = 0.5 * (time.perf_counter() - began)
    expected: Mapping[str, str] = digests(only_run(root / "peace"))
    rng, done, attempt = random.Random(" ".join(words)), 0, 0  # noqa: S311
    while done < kills:
        process = warm.start(root, *words, f"output_dir=cut{attempt}")
        time.sleep(rng.uniform(0, longest))
        if process.kill() == -signal.SIGKILL:
            done += 1
            continue
        assert digests(only_run(root / f"cut{attempt}")) == expected
        attempt += 1
    ended = warm.run(root, *words, f"output_dir=cut{attempt}")
    assert ended.code == 0, ended
    assert digests(only_run(root / f"cut{attempt}")) == expected


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_killed_at_random_moments(case: tuple[list[str], int], warm: Warm, tmp_path: Path) -> None:
    words, kills = case
    kills = int(os.environ.get("ALRUN_KILLS", kills))
    killed_again_and_again([*COMMON, *words], tmp_path, kills, warm)


def test_a_whole_process_is_killed(warm: Warm, tmp_path: Path) -> None:
    """What goes on is a process that shares nothing with the one that is killed, and has a hash seed of its own."""
    assert warm.run(tmp_path, *COMMON, "output_dir=peace").code == 0
    assert warm.run(tmp_path, *COMMON, die_at="outputs/*/*/checkpoints/step_2").code == -signal.SIGKILL
    ended = cold(tmp_path, *COMMON)
    assert ended.code == 0, ended
    assert digests(only_run(tmp_path / "outputs")) == digests(only_run(tmp_path / "peace"))
