"""Interrupts of a run that was started from Python: the second one ends the call, not the program around it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["second_interrupt"]


@contextmanager
def second_interrupt() -> Iterator[None]:
    """Have a second Ctrl-C interrupt the call: on the command line it ends the process, which here is a notebook's."""

    def receive(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or previous is None:
        yield
        return
    signal.signal(signal.SIGINT, receive)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
