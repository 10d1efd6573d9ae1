"""Signals that ask a run to stop."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from alrun.core.errors import Interrupted
from alrun.core.prompts import prompts

__all__ = ["SignalGuard"]

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


class SignalGuard:
    """Turns a first signal into ``Interrupted`` at the next safe point; a second one ends the process at once.

    Where there were handlers before, as a sweep has them, the second signal is theirs. A prompt, which may wait for
    ever, is ended by the first. Outside the main thread signals cannot be handled and the guard only passes through.
    """

    def __init__(self) -> None:
        """Prepare; nothing is installed before the guard is entered."""
        self._received: int | None = None
        self._previous: dict[int, Any] = {}

    def check(self) -> None:
        """Raise ``Interrupted`` if a signal has arrived."""
        if self._received is not None:
            raise Interrupted(self._received)

    def _receive(self, signum: int, frame: FrameType | None) -> None:
        self._received = signum
        for number, handler in self._previous.items():
            own = callable(handler) and handler is not signal.default_int_handler
            signal.signal(number, handler if own else signal.SIG_DFL)
        if prompts().waits(frame):
            raise KeyboardInterrupt

    def __enter__(self) -> Self:
        """Install the handlers."""
        prompts()
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._receive) for number in HANDLED}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put the previous handlers back; an interrupted prompt becomes ``Interrupted``."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self.check()
