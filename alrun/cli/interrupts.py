"""Signals that stop a sweep: raised as an exception, so that its progress can be reported under any launcher."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from alrun.driver.guards.signals import HANDLED

__all__ = ["Stopped", "stoppable"]


class Stopped(KeyboardInterrupt):
    """A signal asked the sweep to stop; not an ``Exception``, which launchers keep as the result of one job."""

    def __init__(self, signum: int) -> None:
        """Remember the signal."""
        super().__init__(signum)
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """Exit code for the shell."""
        return 128 + self.signum


@contextmanager
def stoppable() -> Iterator[list[Stopped]]:
    """Raise ``Stopped`` at each signal until the yielded list holds one, so that the report is not interrupted."""
    stopped: list[Stopped] = []

    def receive(signum: int, frame: FrameType | None) -> None:
        if not stopped:
            raise Stopped(signum)

    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    previous = {number: signal.signal(number, receive) for number in HANDLED}
    try:
        yield stopped
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
