"""Values that the schedulers and callbacks of a training phase monitor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from alrun.core.learners import optional_method
from alrun.core.needs import monitor_of

__all__ = ["monitored_validation"]


def monitored_validation(learner: Any, loop: Any, scheduler: Any) -> str:
    """Return the name of a validation value that is monitored, such as ``val_loss``; empty if none is.

    Args:
        learner: May bring Lightning callbacks by ``configure_callbacks``, for a loop that has callbacks.
        loop: The training loop; its own ``monitor`` and those of its callbacks count.
        scheduler: A scheduler, or Lightning's dict around one.
    """
    return next((name for name in _monitored(learner, loop, scheduler) if name.startswith("val")), "")


def _monitored(learner: Any, loop: Any, scheduler: Any) -> Iterator[str]:
    if isinstance(scheduler, Mapping):
        yield str(scheduler.get("monitor") or "")
    callbacks = getattr(loop, "callbacks", None)
    if callbacks is not None:
        configure = optional_method(learner, "configure_callbacks") or list
        brought: Any = configure()
        callbacks = [*callbacks, *(brought if isinstance(brought, list | tuple) else [brought])]
    for part in (loop, *(callbacks or ())):
        yield str(monitor_of(part) or "")
