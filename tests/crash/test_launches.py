"""R6, R9: many launches at once, sweeps typed again, sweeps in which a job fails; the real command line.

Sweeps under joblib are in ``test_kill_sweep.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from command_line import SMALL, Alrun, Warm, commits, info, only_run, results, runs  # type: ignore[import-not-found]


def test_launches_at_once_do_not_collide(alrun: Alrun, warm: Warm, tmp_path: Path) -> None:
    started = [warm.start(tmp_path, *SMALL, "seed=3") for _ in range(5)]
    answers = [process.wait() for process in started]
    assert {answer.code for answer in answers} <= {0, 75}
    assert [answer.code for answer in answers].count(0) >= 1
    assert all("Traceback" not in answer.err for answer in answers)
    assert alrun(*SMALL, "seed=3").out.count("already finished") == 1
    assert alrun(*SMALL, "seed=3", "output_dir=alone").code == 0
    assert results(only_run(tmp_path / "alone")) == results(only_run(tmp_path / "outputs"))


def test_a_sweep_again_executes_nothing(alrun: Alrun, tmp_path: Path) -> None:
    words = ("-m", *SMALL, "query=entropy,margin", "seed=0")
    first = alrun(*words)
    assert first.code == 0, first
    assert "2 jobs: 2 finished (0 before, not run again)" in first.out
    before = commits(tmp_path)
    again = alrun(*words)
    assert again.code == 0
    assert "2 jobs: 2 finished (2 before, not run again)" in again.out
    assert commits(tmp_path) == before
    wider = alrun(*words[:-1], "seed=0,1")
    assert "4 jobs: 4 finished (2 before, not run again)" in wider.out
    assert commits(tmp_path).items() > before.items()


def test_a_failing_job_does_not_end_the_others(alrun: Alrun, tmp_path: Path) -> None:
    (tmp_path / "fragile.py").write_text(
        "from alrun.query.random import Random\n\n"
        "class Fragile(Random):\n"
        "    def sample(self, queue):\n"
        "        if self.driver.seeds.seed == 0:\n"
        "            raise RuntimeError('broken on purpose')\n"
        "        super().sample(queue)\n"
    )
    fragile = ("query=random", "query.random._target_=fragile.Fragile", "seed=0,1")
    answer = alrun("--trust", "fragile", *SMALL, *fragile, "-m")
    sys.modules.pop("fragile", None)
    assert answer.code == 1
    assert "2 jobs: 1 failed, 1 finished" in answer.out
    assert "broken on purpose" in answer.err
    assert "Traceback" not in answer.err
    failed, finished = runs(tmp_path)
    assert info(failed)["status"] == "failed"
    assert "broken on purpose" in info(failed)["reason"]
    assert "Traceback" in (failed / "alrun.log").read_text()
    assert info(finished)["status"] == "finished"
