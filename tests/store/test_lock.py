from __future__ import annotations

import errno
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from command_line import started, wait_for  # type: ignore[import-not-found]

from alrun.core.errors import LockedError, StoreError
from alrun.store.lock import RunLock, holder_of, is_locked
from alrun.testing.faults import Crash, Faults, Refuse, SimulatedCrash

HOLD = "import sys; from pathlib import Path; from alrun.store.lock import RunLock\n"
HOLD += "with RunLock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"


@contextmanager
def holder(run_dir: Path) -> Iterator[subprocess.Popen[str]]:
    with started(run_dir, "-c", HOLD, str(run_dir)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process


def test_a_second_process_is_told_who_holds_it_and_a_killed_holder_needs_no_unlock(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        assert is_locked(tmp_path)
        with pytest.raises(LockedError) as caught, RunLock(tmp_path):
            pass
        assert f"process {process.pid} on {socket.gethostname()}" in str(caught.value)
        assert str(tmp_path) in str(caught.value)
        assert caught.value.exit_code == 75
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not is_locked(tmp_path)
        with RunLock(tmp_path):
            assert is_locked(tmp_path)
    assert not is_locked(tmp_path)


def test_of_eight_that_start_together_one_runs(tmp_path: Path) -> None:
    with ExitStack() as stack:
        all_eight = [stack.enter_context(started(tmp_path, "-c", HOLD, str(tmp_path))) for _ in range(8)]

        def ended() -> list[subprocess.Popen[str]] | None:
            found = [process for process in all_eight if process.poll() is not None]
            return found if len(found) >= 7 else None

        turned_away = wait_for(ended)
        (runs,) = [process for process in all_eight if process not in turned_away]
        assert runs.stdout.readline() == "held\n"
        for process in turned_away:
            assert f"LockedError: {tmp_path} is being run by process {runs.pid} on" in process.stderr.read()


def test_within_one_process(tmp_path: Path) -> None:
    with RunLock(tmp_path), pytest.raises(LockedError), RunLock(tmp_path):
        pass
    with RunLock(tmp_path):
        holder = json.loads((tmp_path / ".lock").read_text())
        assert (holder["pid"], holder["host"], holder["sweep"]) == (os.getpid(), socket.gethostname(), 0)


def test_the_content_of_the_file_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text('{"pid": 1, "host": "elsewhere"}')
    assert not is_locked(tmp_path)
    with RunLock(tmp_path):
        pass
    assert not is_locked(tmp_path / "nowhere")


@pytest.mark.parametrize("host", ["!", "~"])
def test_a_process_of_another_machine_is_no_holder_on_this_one(host: str, tmp_path: Path) -> None:
    with RunLock(tmp_path):
        holder = holder_of(tmp_path)
        assert holder is not None
        assert holder.pid == os.getpid()
        (tmp_path / ".lock").write_bytes(replace(holder, host=host + socket.gethostname()).signature())
        assert holder_of(tmp_path) is None


def test_a_damaged_signature_does_not_matter(tmp_path: Path) -> None:
    with RunLock(tmp_path):
        (tmp_path / ".lock").write_text("no json")
        with pytest.raises(LockedError, match="another process"), RunLock(tmp_path):
            pass


def test_a_directory_that_is_removed_and_made_anew_has_one_holder(tmp_path: Path) -> None:
    run_dir, most, inside, errors = tmp_path / "run", 0, 0, list[BaseException]()
    guard = threading.Lock()

    def work() -> None:
        nonlocal most, inside
        for _ in range(40):
            try:
                with suppress(LockedError), RunLock(run_dir):
                    with guard:
                        inside += 1
                        most = max(most, inside)
                    with guard:
                        inside -= 1
                    with suppress(FileNotFoundError):
                        (run_dir / ".lock").unlink()
            except BaseException as error:  # a thread must not swallow it
                errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert most == 1


def test_asking_does_not_disturb_the_holder(tmp_path: Path) -> None:
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            is_locked(tmp_path)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(100):
            with RunLock(tmp_path):
                pass
    finally:
        stop.set()
        asking.join()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_lock_that_cannot_be_taken_is_an_error_and_is_not_held(tmp_path: Path, number: int) -> None:
    with Faults(tmp_path / "count") as watch, RunLock(tmp_path / "count" / "run"):
        pass
    assert watch.count >= 4
    for point in range(watch.count):
        run_dir = tmp_path / f"{point}" / "run"
        with Faults(run_dir.parent, Refuse(point, number)), pytest.raises(StoreError, match="run"), RunLock(run_dir):
            pass
        with pytest.raises(SimulatedCrash), Faults(run_dir.parent, Crash(0)), RunLock(run_dir):
            pass
        with RunLock(run_dir):
            assert is_locked(run_dir)
