"""Prompts: moments at which the program waits for whoever sits at the terminal to answer.

Python tells of ``input()``, of whatever is built on it (rich, click) and of the terminal that ``getpass`` opens, by its
audit events. Of a program that reads the terminal by other means nothing is known.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any

__all__ = ["Prompts", "prompts"]

TERMINAL = "/dev/tty"


class Prompts:
    """Tells its listeners when a prompt begins and when it has been answered, and knows whether one waits."""

    def __init__(self) -> None:
        """Know of no prompt yet."""
        self._listeners: list[Callable[[bool], None]] = []
        self._place: tuple[int, int] | None = None

    @contextmanager
    def told(self, listener: Callable[[bool], None]) -> Iterator[None]:
        """Call ``listener(True)`` before each prompt, and ``listener(False)`` after an answer to ``input()``.

        There is no such second call where a prompt ends by an exception, nor after a prompt of ``getpass``.
        """
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def waits(self, frame: FrameType | None) -> bool:
        """Return whether what ``frame`` executes is a prompt; of a signal handler's frame, which it interrupted."""
        if frame is not None and self._place == (id(frame), frame.f_lasti):
            return True
        while frame is not None:
            if frame.f_globals.get("__name__") == "getpass":
                return True
            frame = frame.f_back
        return False

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take an audit event."""
        if event == "builtins.input":
            frame = inspect.currentframe()
            asking = frame.f_back if frame is not None else None
            self._place = None if asking is None else (id(asking), asking.f_lasti)
            self._tell(True)
        elif event == "builtins.input/result":
            self._place = None
            self._tell(False)
        elif event == "open" and arguments[0] == TERMINAL:
            self._tell(True)

    def _tell(self, begins: bool) -> None:
        for listener in tuple(self._listeners):
            listener(begins)


@cache
def prompts() -> Prompts:
    """Return the prompts of this process; Python never lets go of who listens to audit events, so there is one."""
    made = Prompts()
    sys.addaudithook(made.hear)
    return made
