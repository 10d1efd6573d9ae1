"""Time limit for calls of strategies."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from alrun.core.errors import StrategyTimeout

__all__ = ["Deadline"]

#: Seconds after which whoever catches the interruption, or hangs in cleaning up after it, is interrupted again.
AGAIN = 2.0
#: Seconds by which two clocks of the system may differ.
EARLY = 0.01


class _Expired(BaseException):
    """Not an ``Exception``, so that a strategy that tries again whatever happens does not catch it."""


class Deadline:
    """Interrupts the main thread when a limit has passed, by the timer that the system keeps for the process.

    Whatever waits in Python is interrupted: sleeping, reading from sockets and pipes, waiting for processes, threads
    and locks, a loop without an end. A call into C that does not come back is not: it is noticed when it returns. So is
    nothing outside the main thread, where the limit has no effect. A thread that hangs is left behind; Python waits for
    it at the end of the process, unless it is a daemon.
    """

    def __init__(self) -> None:
        """Prepare; no limit is set."""
        self._seconds = math.inf
        self._due = math.inf
        self._pauses = 0
        self._lock = threading.Lock()

    @contextmanager
    def limit(self, seconds: float | None, what: str) -> Iterator[None]:
        """Raise ``StrategyTimeout`` with ``what`` when the content takes longer than ``seconds``; ``None``: never."""
        if seconds is None or threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = signal.signal(signal.SIGALRM, self._expire)
        try:
            try:
                self._begin(float(seconds))
                yield
            finally:
                self._due = math.inf
        except _Expired as expired:
            raise StrategyTimeout(what) from expired
        finally:
            self._begin(math.inf)
            signal.signal(signal.SIGALRM, previous)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Interrupt nothing for a while; afterwards the limit begins anew. Any thread may enter it."""
        self._due = math.inf
        with self._lock:
            self._pauses += 1
        try:
            yield
        finally:
            with self._lock:
                self._pauses -= 1
            if not self._pauses:
                self._begin(None)

    def _begin(self, seconds: float | None) -> None:
        """Set the limit, or begin the one that is set anew; infinity for none."""
        with self._lock:
            if seconds is not None:
                self._seconds = seconds
            elif self._seconds == math.inf:
                return
            self._due = time.monotonic() + self._seconds
            signal.setitimer(signal.ITIMER_REAL, self._seconds if self._seconds < math.inf else 0.0, AGAIN)

    def _expire(self, signum: int, frame: FrameType | None) -> None:
        # A signal may still be on its way when the limit has begun anew.
        if time.monotonic() >= self._due - EARLY:
            raise _Expired
