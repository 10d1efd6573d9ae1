"""Hold of a run directory: its lock, and nothing left of it where no run was started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from alrun.core.errors import ConfigError, Problem, StoreError
from alrun.store.lock import RunLock
from alrun.store.rundir import RunDirectory

__all__ = ["held"]


@contextmanager
def held(directory: RunDirectory) -> Iterator[RunLock]:
    """Hold ``directory``; one in which no run was started is gone afterwards.

    Raises:
        ConfigError: It cannot be made or written.
        LockedError: Another process holds it.
    """
    made = directory.missing
    with ExitStack() as stack:
        lock = RunLock(directory.path)
        try:
            stack.enter_context(lock)
        except StoreError as error:
            what, _, hint = str(error).partition("\n    → ")
            raise ConfigError(Problem(what, "output_dir", hint or "output_dir=DIR puts runs elsewhere")) from error
        try:
            yield lock
        finally:
            if lock.is_named:
                directory.remove_if_unused(made)
