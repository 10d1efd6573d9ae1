"""Listener: a callback with its hooks, its error handling and its state."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from alrun.core.callback import hooks_of
from alrun.core.errors import Interrupted, StoreError, StrategyError
from alrun.core.events import Event
from alrun.core.generators import generators_kept
from alrun.core.needs import is_stateful
from alrun.driver.component_state import lost_keys
from alrun.store import codec

__all__ = ["Listener", "rank"]


class Listener:
    """A callback of any class, as the driver deals with it.

    Attributes:
        name: Its name in the config.
        hooks: Its methods that listen, by name.
        has_state: Whether it keeps state across a resume.
    """

    def __init__(self, name: str, callback: Any, logger: logging.Logger) -> None:
        """Deal with ``callback``; what it fails at is said to ``logger``."""
        self.name = name
        self.hooks = hooks_of(callback)
        self.has_state = is_stateful(callback)
        self._callback = callback
        self._title = type(callback).__name__
        self._logger = logger
        self._warned: set[tuple[str, int]] = set()
        # alrun's own draw no random numbers, and hear of each label and epoch.
        own = type(callback).__module__.startswith("alrun.")
        self._guard: Callable[[], AbstractContextManager[None]] = nullcontext if own else generators_kept

    def tell(self, event: Event) -> None:
        """Call the callback's method for ``event``, in the process of rank 0 unless it ``is_distributed``."""
        if rank() == 0 or getattr(self._callback, "is_distributed", False):
            self._guarded(event.hook, lambda: self.hooks[event.hook](event), event.step)

    def state(self) -> Mapping[str, Any] | None:
        """Return its state, of values that can be stored; ``None`` where that failed and may fail."""
        state: Mapping[str, Any] | None = self._guarded("state_dict", self._storable_state)
        return state

    def load_state(self, state: Mapping[str, Any] | None) -> None:
        """Put it back to ``state``."""
        if state is not None:
            self._guarded("load_state_dict", lambda: self._load(state))

    def _load(self, state: Mapping[str, Any]) -> None:
        self._callback.load_state_dict(state)
        if lost := lost_keys(self._callback, state):
            raise ValueError(lost)

    def _storable_state(self) -> dict[str, Any]:
        state = dict(self._callback.state_dict())
        try:
            codec.encode(state, {})
        except StoreError as error:
            raise TypeError(str(error)) from error
        return state

    def _guarded(self, method: str, call: Callable[[], Any], step: int = -1) -> Any:
        """Return what ``call`` returns, the global generators left alone; its errors bear the callback's name."""
        try:
            with self._guard():
                return call()
        except (Interrupted, StoreError) as error:
            if isinstance(error, Interrupted) or not self._may_fail:
                raise
            self._warn(method, error, step)
        except Exception as error:
            if not self._may_fail:
                self._logger.exception("%s.%s failed", self._title, method)
                raise StrategyError(self._words(method, error)) from error
            self._warn(method, error, step)
        return None

    @property
    def _may_fail(self) -> bool:
        return getattr(self._callback, "on_error", "raise") == "warn"

    def _words(self, method: str, error: Exception) -> str:
        hint = f"traceback in alrun.log; ++{self.name}.on_error=warn ignores such errors"
        return f"callback {self._title}.{method}: {type(error).__name__}: {error}\n    → {hint}"

    def _warn(self, method: str, error: Exception, step: int) -> None:
        """Say what failed, once per method and step: some are called for each batch."""
        if (method, step) not in self._warned:
            trace = error if not self._warned else None
            self._warned.add((method, step))
            self._logger.warning(
                "callback %s.%s failed: %s: %s", self._title, method, type(error).__name__, error, exc_info=trace
            )


def rank() -> int:
    """Return this process's rank in a distributed run, 0 where there is none; never imports ``torch.distributed``."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        return 0
    return int(distributed.get_rank())
