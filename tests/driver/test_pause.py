"""Pauses: a run waits between two phases for as long as somebody wants that, and its results are the same."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from command_line import SMALL, Warm, commits, only_run, results, wait_for  # type: ignore[import-not-found]

from alrun.store.control import add_request, read_requests
from alrun.store.lock import holder_of, is_locked

#: A request that comes while the first phases run.
PROGRAM = """
import sys
from alrun.cli.main import main
from alrun.driver import loop
from alrun.store.control import add_request

asked = []
advance = loop.Loop._advance


def advanced(self, phase):
    advance(self, phase)
    if self._state.step == 1 and not asked:
        asked.append(True)
        add_request(self._experiment.log_dir, "pause", "somebody", "a look")


loop.Loop._advance = advanced
sys.exit(main(sys.argv[1:]))
"""


def test_a_run_pauses_between_phases_and_goes_on_to_the_same_end(warm: Warm, small_run: Path, tmp_path: Path) -> None:
    process = warm.start(tmp_path, *SMALL, code=PROGRAM)
    process.wait_for(lambda: list(tmp_path.glob("outputs/*/*/control.jsonl")))
    run = only_run(tmp_path)
    process.wait_for(lambda: "paused" in [one.action for one in read_requests(run)])
    holder = holder_of(run)
    assert holder is not None
    assert holder.pid == process.pid
    before = commits(tmp_path)
    assert set(before) == {path for path in commits(tmp_path) if "step_0" in path or "step_1/training" in path}
    add_request(run, "continue", "somebody")
    assert process.wait().code == 0
    assert results(run) == results(small_run)
    assert [one.action for one in read_requests(run)] == ["pause", "paused", "continue"]


def test_a_paused_run_ends_at_a_signal_and_a_new_session_does_not_wait(
    warm: Warm, small_run: Path, tmp_path: Path
) -> None:
    process = warm.start(tmp_path, *SMALL, code=PROGRAM)
    process.wait_for(lambda: list(tmp_path.glob("outputs/*/*/control.jsonl")))
    run = only_run(tmp_path)
    process.wait_for(lambda: "paused" in [one.action for one in read_requests(run)])
    process.send(signal.SIGTERM)
    assert process.wait().code == 143
    wait_for(lambda: not is_locked(run))
    assert warm.run(tmp_path, "resume", str(run)).code == 0
    assert results(run) == results(small_run)
    last = read_requests(run)[-1]
    assert (last.action, last.author) == ("continue", "alrun")


def test_a_process_that_a_directory_only_names_is_not_its_holder(small_run: Path, tmp_path: Path) -> None:
    shutil.copytree(small_run, tmp_path / "run")
    assert holder_of(tmp_path / "run") is None
