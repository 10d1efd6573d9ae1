"""Parser of the results of ``configure_optimizers``, in all forms that Lightning accepts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["parsed"]


def parsed(configured: Any) -> tuple[list[Any], list[Any]]:
    """Return the optimizers, and the schedulers or Lightning's dicts around them.

    Args:
        configured: ``None``, an optimizer, a dict with ``optimizer`` and perhaps ``lr_scheduler`` and ``monitor``, a
            list of these, or a list of optimizers and a list of schedulers.
    """
    if configured is None:
        return [], []
    apart = isinstance(configured, tuple) and len(configured) == 2 and isinstance(configured[0], list)
    entries, schedulers = configured if apart else (configured, [])
    nodes = [_node(entry) for entry in (entries if isinstance(entries, list | tuple) else [entries])]
    named = [_scheduler(node) for node in nodes if node.get("lr_scheduler") is not None]
    return [node["optimizer"] for node in nodes], list(schedulers) or named


def _node(entry: Any) -> Mapping[str, Any]:
    return entry if isinstance(entry, Mapping) else {"optimizer": entry}


def _scheduler(node: Mapping[str, Any]) -> Any:
    scheduler = node["lr_scheduler"]
    if "monitor" in node and not isinstance(scheduler, Mapping):
        return {"scheduler": scheduler, "monitor": node["monitor"]}
    return scheduler
