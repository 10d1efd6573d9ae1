"""``retry=n``: jobs of a sweep that fail, or are killed, are started again; those that are refused are not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from command_line import SMALL, Warm, info, results, runs  # type: ignore[import-not-found]

#: Dies as it is told to, each time that it is asked for labels, until a file counts as many deaths as are wanted.
DYING = """
import os, signal
from pathlib import Path
from alrun.label.oracle import Oracle

class Dying(Oracle):
    def __init__(self, deaths: int, how: str, seeds) -> None:
        super().__init__()
        self.deaths, self.how, self.seed = deaths, how, seeds.seed
    def label(self, queue, answers, *args, **kwargs):
        place = Path(os.environ["DEATHS"]) / f"deaths-{self.seed}"
        dead = len(place.read_text()) if place.exists() else 0
        if dead < self.deaths and self.seed == 1:
            place.write_text("x" * (dead + 1))
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            raise ValueError("the annotator has left")
        super().label(queue, answers, *args, **kwargs)
"""
JOBLIB = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")


def dying(folder: Path, how: str, deaths: int) -> tuple[str, ...]:
    (folder / "dying.py").write_text(DYING)
    label = ("label._target_=dying.Dying", f"+label.deaths={deaths}", f"+label.how={how}")
    return ("-m", *SMALL, "seed=0,1", "--trust", "dying", *label)


@pytest.mark.parametrize("launcher", [(), JOBLIB], ids=["one after the other", "joblib"])
def test_a_job_that_is_killed_is_started_again_and_ends_as_if_it_had_not(
    launcher: tuple[str, ...], warm: Warm, tmp_path: Path
) -> None:
    if launcher and not os.environ.get("ALRUN_KILLS"):
        pytest.skip("needs ALRUN_KILLS; the other launcher is tried by default")
    deaths = 2 if os.environ.get("ALRUN_KILLS") else 1
    told = warm.run(tmp_path, *dying(tmp_path, "kill", deaths), *launcher, "retry=2", DEATHS=str(tmp_path))
    assert told.code == 0, told
    assert "2 jobs: 2 finished" in told.out
    assert "started again" in told.out
    assert f"retry {deaths} of 2: " in told.err
    assert (tmp_path / "deaths-1").read_text() == "x" * deaths
    assert warm.run(tmp_path, "-m", *SMALL, "seed=0,1", "output_dir=peace").code == 0
    first, second = ([results(run) for run in runs(tmp_path / name)] for name in ("outputs", "peace"))
    assert first == second


def test_one_that_fails_is_started_no_more_often_than_it_is_said(warm: Warm, tmp_path: Path) -> None:
    told = warm.run(tmp_path, *dying(tmp_path, "fail", 9), "retry=1", DEATHS=str(tmp_path))
    assert told.code == 1
    assert "2 jobs: 1 failed, 1 finished" in told.out
    assert "1 started again (1 times in all), 0 of them to their end" in told.out
    assert (tmp_path / "deaths-1").read_text() == "xx"
    assert [info(run)["status"] for run in runs(tmp_path)] == ["finished", "failed"]


def test_a_job_that_is_refused_is_not_started_again() -> None:
    from alrun.cli.retry import retried

    asked: list[tuple[int, ...]] = []
    codes: dict[int, list[int | None]] = {0: [2], 1: [1, 0], 2: [None, -9, 75]}

    def launch(jobs: Sequence[tuple[int, tuple[str, ...]]]) -> list[int | None]:
        asked.append(tuple(number for number, _ in jobs))
        return [codes[number].pop(0) for number, _ in jobs]

    said = retried(launch, [(number, ()) for number in codes], 2)
    assert asked == [(0, 1, 2), (1, 2), (2,)]
    assert said == ["2 started again (3 times in all), 1 of them to their end"]
