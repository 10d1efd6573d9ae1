"""Is a class what its place in the config asks for? Told by the methods that the driver will call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alrun.config.listeners import deaf, is_listener
from alrun.core.callback import HOOKS
from alrun.core.errors import Problem

__all__ = ["kind_problem"]

#: By place: what stands there, and the sets of methods of which it needs one.
_KINDS: Mapping[str, tuple[str, Sequence[Sequence[str]]]] = {
    "data": ("data source or training pool", [["pools"], ["__getitem__", "__len__"]]),
    "learner": ("learner", [["parameters"]]),
    "training.loop": ("training loop", [["__call__"]]),
    "inference": ("inference module", [["prepared"]]),
    "query": ("query strategy", [["attach", "sample"]]),
    "cold_start": ("query strategy", [["attach", "sample"]]),
    "label": ("label strategy", [["attach", "label"]]),
    "metrology": ("metrology strategy", [["attach", "compute"], ["update", "compute", "reset"]]),
    "stopping": ("stopping criterion", [["__call__"]]),
    "logger": ("alrun callback", [[hook] for hook in HOOKS]),
    "callbacks": ("alrun callback", [[hook] for hook in HOOKS]),
}


def kind_problem(loaded: Any, where: str) -> Problem | None:
    """Return why ``loaded`` cannot stand at ``where``; ``None`` when it can, or is a function that builds who knows."""
    place = where if where == "training.loop" else where.split(".")[0] if where.count(".") < 2 else ""
    nested = "." in where and place in ("data", "learner", "inference", "cold_start", "label")
    if place not in _KINDS or nested or not isinstance(loaded, type):
        return None
    noun, alternatives = _KINDS[place]
    lacking = [[name for name in names if not _defines(loaded, name)] for names in alternatives]
    if not all(lacking):
        return None
    if is_listener(where):
        return deaf(loaded, where)
    what = f"{loaded.__name__} is no {noun}: it has no {' and no '.join(lacking[0])}"
    return Problem(what, f"{where}._target_", f"see: alrun ls {place.split('.')[0]}")


def _defines(loaded: type, name: str) -> bool:
    return any(name in vars(base) for base in loaded.__mro__)
