"""Checks of callback and logger nodes: keys that all of them may have, and classes that listen to events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from alrun.core.callback import HOOKS
from alrun.core.errors import Problem
from alrun.core.suggest import did_you_mean

__all__ = ["LISTENING", "deaf", "is_listener", "on_error_problems"]

#: Groups whose options are callbacks.
LISTENING = ("logger", "callbacks")
ON_ERROR = ("raise", "warn")


def is_listener(path: Sequence[str]) -> bool:
    """Return whether the node at the keys ``path`` (``callbacks``, ``mine``) is a callback."""
    return len(path) == 2 and path[0] in LISTENING


def on_error_problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield values of ``on_error`` that are none."""
    for group in LISTENING:
        chosen = config.get(group)
        for name, node in chosen.items() if isinstance(chosen, Mapping) else ():
            value = node.get("on_error", "raise") if isinstance(node, Mapping) else "raise"
            if value not in ON_ERROR:
                where = f"{group}.{name}.on_error"
                yield Problem(f"{value!r} is neither raise nor warn", where, f"{where}=warn")


def deaf(kind: type, where: str) -> Problem:
    """Return the problem of a class that listens to no event: a Lightning callback, or a misspelt method."""
    what = f"{kind.__name__} is not an alrun callback: it has no method for any event"
    if any(base.__module__.startswith(("lightning.", "pytorch_lightning.")) for base in kind.__mro__):
        return Problem(
            what, f"{where}._target_", "for Lightning callbacks: training=trainer training.loop.callbacks=[…]"
        )
    tried = [name for name in dir(kind) if name.startswith("on_") and name not in (*HOOKS, "on_error")]
    hint = did_you_mean(tried[0], HOOKS) if tried else f"give it one of {', '.join(HOOKS[:4])} …"
    return Problem(what, f"{where}._target_", hint)
