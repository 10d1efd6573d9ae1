"""Thread that keeps an index up to date, whoever looks on: it looks at files, and sleeps longer the more there are."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from alrun.viewer.index import Index

__all__ = ["Watcher"]

#: Seconds between two looks, and how many times longer than a look that is at least.
BETWEEN, RELATIVE = 1.0, 10.0


class Watcher:
    """Looks at the files of an index every second or so, and at more files of the runs that somebody follows."""

    def __init__(self, index: Index) -> None:
        """Watch ``index`` from ``start`` to ``stop``."""
        self._index = index
        self._followed: Counter[str] = Counter()
        self._states: dict[str, str] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="alrun-view", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for that."""
        self._ended.set()
        self._thread.join()

    @contextmanager
    def following(self, key: str) -> Iterator[None]:
        """Look at all files of the run ``key`` as well."""
        self._followed[key] += 1
        try:
            yield
        finally:
            self._followed[key] -= 1

    def state(self, key: str) -> str:
        """Return what is another text whenever a file of the followed run ``key`` has changed."""
        return self._states.get(key, "")

    def _watch(self) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            self._index.scan()
            until = time.monotonic() + max(BETWEEN, RELATIVE * (time.monotonic() - began))
            while not self._ended.is_set() and time.monotonic() < until:
                self._states = {key: self._index.run_state(key) for key in list(+self._followed)}
                self._ended.wait(min(BETWEEN, max(0.0, until - time.monotonic())))
