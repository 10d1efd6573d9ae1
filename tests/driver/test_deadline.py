"""What waits is interrupted, whatever it waits for; what does not wait is left alone."""

from __future__ import annotations

import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import FrameType

import pytest
from command_line import started  # type: ignore[import-not-found]

from alrun.core.errors import StrategyTimeout
from alrun.driver.guards.deadline import Deadline

LIMIT = 0.2
#: Seconds that nothing here takes, however busy the machine is: what is not interrupted fails, and takes that long.
LONG = 600.0


def wait_for_a_socket() -> None:
    left, right = socket.socketpair()
    with left, right:
        right.settimeout(LONG)
        right.recv(1)


def loop() -> None:
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        pass


def try_again_whatever_happens() -> None:
    for _ in range(100):
        with suppress(Exception):
            time.sleep(LONG / 100)


def catch_everything_once() -> None:
    try:
        time.sleep(LONG)
    except:  # noqa: E722 - that is the point
        time.sleep(LONG)


def wait_for_a_thread() -> None:
    stop = threading.Event()
    with ThreadPoolExecutor() as pool:
        try:
            pool.submit(stop.wait, LONG).result()
        finally:
            stop.set()


WAITS: list[Callable[[], object]] = [
    lambda: time.sleep(LONG),
    lambda: threading.Event().wait(LONG),
    lambda: select.select([], [], [], LONG),
    wait_for_a_socket,
    wait_for_a_thread,
    loop,
    try_again_whatever_happens,
    catch_everything_once,
]
NAMES = ["sleep", "lock", "select", "socket", "thread", "loop", "except Exception", "except"]


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM)
    yield
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("wait", WAITS, ids=NAMES)
def test_whatever_waits_is_interrupted(wait: Callable[[], object]) -> None:
    began = time.monotonic()
    with pytest.raises(StrategyTimeout, match="too long"), Deadline().limit(LIMIT, "too long"):
        wait()
    assert LIMIT / 2 < time.monotonic() - began < LONG / 2


def test_a_process_that_is_waited_for(tmp_path: Path) -> None:
    with (
        started(tmp_path, "-S", "-c", "import sys; sys.stdin.read()") as process,
        pytest.raises(StrategyTimeout),
        Deadline().limit(LIMIT, ""),
    ):
        process.wait()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.parametrize("seconds", [None, LONG])
def test_what_ends_in_time_is_left_alone(seconds: float | None) -> None:
    deadline = Deadline()
    with pytest.raises(ZeroDivisionError), deadline.limit(seconds, ""):
        _ = 1 // 0
    with deadline.limit(seconds, ""), deadline.paused():
        pass


def left() -> float:
    """Return the seconds until the timer fires."""
    return signal.getitimer(signal.ITIMER_REAL)[0]


def test_nothing_is_interrupted_while_it_is_paused() -> None:
    deadline, heard = Deadline(), threading.Event()
    with deadline.limit(LONG, ""), deadline.paused():
        expire = signal.getsignal(signal.SIGALRM)
        assert callable(expire)

        def hear(number: int, frame: FrameType | None) -> None:
            expire(number, frame)
            heard.set()

        signal.signal(signal.SIGALRM, hear)
        signal.setitimer(signal.ITIMER_REAL, LIMIT)
        assert heard.wait(LONG), "the timer did not fire"


def test_the_limit_begins_anew_after_a_pause() -> None:
    deadline = Deadline()
    with deadline.limit(LONG, ""):
        signal.setitimer(signal.ITIMER_REAL, LONG / 10)  # most of it has passed
        with deadline.paused():
            pass
        assert left() > LONG / 2
    with pytest.raises(StrategyTimeout), deadline.limit(LIMIT, ""):
        wait_after_a_pause(deadline)


def wait_after_a_pause(deadline: Deadline) -> None:
    with deadline.paused():
        time.sleep(2 * LIMIT)
    time.sleep(LONG)


def test_a_pause_without_a_limit_touches_no_timer() -> None:
    signal.setitimer(signal.ITIMER_REAL, LONG)
    with Deadline().paused():
        pass
    assert signal.setitimer(signal.ITIMER_REAL, 0)[0] > LONG / 2


def test_outside_the_main_thread_there_is_no_limit() -> None:
    def work() -> str:
        with Deadline().limit(LIMIT, ""):
            time.sleep(2 * LIMIT)
        return "done"

    with ThreadPoolExecutor() as pool:
        assert pool.submit(work).result() == "done"


def test_a_thread_that_ends_its_pause_late_sets_no_timer() -> None:
    deadline, release = Deadline(), threading.Event()

    def answer() -> None:
        with deadline.paused():
            release.wait(LONG)

    with ThreadPoolExecutor() as pool:
        with deadline.limit(LONG, ""):
            late = pool.submit(answer)
        release.set()
        late.result()
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
