"""R2, R6, R9: what becomes of a sweep's workers when the sweep is killed, and what is said to whoever comes next."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import SMALL, Alrun, Warm, info, runs  # type: ignore[import-not-found]

from alrun.core.errors import LockedError
from alrun.core.process import Process
from alrun.store.holder import Holder
from alrun.store.lock import RunLock, is_locked

SWEEP = """
import multiprocessing, os, sys, time
from pathlib import Path
from alrun.core.process import Process
from alrun.runner.worker import end_with
from alrun.store.lock import RunLock

def job(sweep, place):
    end_with(sweep)
    with RunLock(place):
        time.sleep(600)

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    worker = context.Process(target=job, args=(Process.at(os.getpid()), Path(sys.argv[1])))
    worker.start()
    worker.join()
"""


#: Waits at its second step, as long as a file is there.
HOLDING = """
import time
from pathlib import Path
from alrun.label.oracle import Oracle

class Holding(Oracle):
    def label(self, *queues, **options):
        while self.driver.labels_bought and Path("hold").exists():
            time.sleep(0.05)
        super().label(*queues, **options)
"""


def until(what: Callable[[], bool]) -> None:
    """Wait for something that comes about within seconds; how many is not what is tested."""
    end = time.monotonic() + 400
    while not what():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.05)


def holder(run_dir: Path) -> Holder:
    found = Holder.read((run_dir / ".lock").read_bytes())
    assert found is not None
    return found


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_worker_ends_with_its_sweep_and_is_waited_for(method: str, tmp_path: Path) -> None:
    (tmp_path / "sweep.py").write_text(SWEEP)
    run_dir = tmp_path / "run"
    sweep = subprocess.Popen([sys.executable, str(tmp_path / "sweep.py"), str(run_dir), method])
    try:
        until(lambda: is_locked(run_dir) and (run_dir / ".lock").stat().st_size > 0)
        worker = holder(run_dir)
        with pytest.raises(LockedError) as busy, RunLock(run_dir):
            pass
    finally:
        sweep.kill()
        sweep.wait()
    assert f"is being run by process {worker.pid} on {socket.gethostname()} since 20" in str(busy.value)
    assert f"a worker of process {worker.sweep} (" in str(busy.value)
    with RunLock(run_dir):
        assert holder(run_dir).pid == os.getpid()
    until(lambda: not Process(worker.pid, worker.started).is_alive)


def test_who_is_turned_away_is_told_by_whom(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    here = Holder.here()
    assert (here.pid, here.host, here.sweep) == (os.getpid(), socket.gethostname(), 0)
    assert Holder.read(here.signature()) == here
    told = here.refusal(tmp_path)
    assert f"process {os.getpid()} on {socket.gethostname()} since " in told
    command = Process.at(os.getpid()).command
    assert command
    assert f" ({command})" in told
    assert f"alrun status {tmp_path}" in told
    orphan = Holder(os.getpid(), socket.gethostname(), here.started, here.since, child.pid, 1)
    assert orphan.is_orphan
    assert f"a worker of a sweep (process {child.pid}) that has ended" in orphan.refusal(tmp_path)
    elsewhere = Holder(os.getpid(), "another", 1, "then\x1b[31m", 5, 1)
    assert not elsewhere.is_orphan
    assert "\x1b" not in elsewhere.refusal(tmp_path)
    assert command not in elsewhere.refusal(tmp_path)
    for junk in (b"", b"[1]", b"{}", b'{"pid": "x", "host": 1}', b'{"pid": {}, "host": ""}', b"\xff" * 100):
        assert Holder.read(junk) is None, junk


def test_a_process_is_not_taken_for_a_later_one_with_its_number() -> None:
    own = Process.at(os.getpid())
    assert own.is_alive
    assert not Process(own.pid, own.started + 1).is_alive
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    process = Process.at(child.pid)
    assert process.is_alive
    child.kill()
    process.wait()
    assert not process.is_alive, "it has ended, though nobody has asked for it yet"
    child.communicate()
    assert not process.is_alive
    process.wait()


def test_a_sweep_that_is_killed_leaves_no_worker_behind(alrun: Alrun, warm: Warm, tmp_path: Path) -> None:
    (tmp_path / "holding.py").write_text(HOLDING)
    (tmp_path / "hold").touch()
    held = (*SMALL, "--trust", "holding", "label._target_=holding.Holding")
    words = ("-m", *held, "seed=0,1")
    sweep = warm.start(tmp_path, *words, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    try:
        until(lambda: len([run for run in runs(tmp_path) if (run / "checkpoints/step_1").is_dir()]) == 2)
        workers = [holder(run) for run in runs(tmp_path)]
        assert {worker.sweep for worker in workers} == {sweep.pid}
    finally:
        sweep.kill()
    until(lambda: not any(Process(worker.pid, worker.started).is_alive for worker in workers))
    assert not any(is_locked(run) for run in runs(tmp_path))
    assert {len((run / "labels/labels.jsonl").read_bytes().splitlines()) for run in runs(tmp_path)} == {10}
    (tmp_path / "hold").unlink()
    again = alrun(*words)
    assert again.code == 0, again
    assert {info(run)["status"] for run in runs(tmp_path)} == {"finished"}
    alone = alrun(*held, "seed=1", "output_dir=alone")
    assert alone.code == 0
    (one,) = runs(tmp_path / "alone")
    (other,) = [run for run in runs(tmp_path / "outputs") if run.name == one.name]
    assert (one / "records.parquet").read_bytes() == (other / "records.parquet").read_bytes()
