"""Fields of ``run.json`` and their types, checked whenever it is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from alrun.core.errors import StoreError

__all__ = ["STATES", "checked_description"]

STATES = ("running", "finished", "failed", "interrupted")
_NEEDED = ("identity", "status", "seed", "choices")
#: What is the case where a field is not there.
_ABSENT: Mapping[str, Any] = {
    **dict.fromkeys(("reason", "name", "reset", "phase", "head", "folder", "notes"), ""),
    **dict.fromkeys(("step", "labels", "budget"), 0),
    **dict.fromkeys(("fingerprint", "threads")),
}
_ABSENT_MAPPINGS = ("metrics", "measured", "extent", "algorithms", "environment")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_count(value: Any) -> bool:
    # Python's own numbers have no end; what counts labels or steps has.
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or _is_count(value)


def _is_choice(value: Any) -> bool:
    return _is_text(value) or (isinstance(value, list) and all(map(_is_text, value)))


def _or_none(judge: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or judge(value)


def _each(judge: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(map(judge, value.values()))


def _is_session(value: Any) -> bool:
    parts = (value.get("versions", {}), value.get("machine", {})) if isinstance(value, dict) else (None,)
    return all(isinstance(part, dict) for part in parts) and _is_count(value.get("step", 0))


_FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("identity", "name", "phase", "head", "folder"), (_is_text, "text")),
    **{name: (_or_none(_is_text), "text or null") for name in ("fingerprint", "reason", "reset")},
    **dict.fromkeys(("seed", "step", "labels", "budget", "granted"), (_is_count, "a whole number")),
    "status": (lambda value: value in STATES, f"one of {', '.join(STATES)}"),
    "choices": (_each(_is_choice), "a mapping of groups to options"),
    "metrics": (_each(_or_none(_is_number)), "a mapping of names to numbers"),
    "measured": (_each(_is_count), "a mapping of names to whole numbers"),
    "threads": (_or_none(_is_count), "a whole number or null"),
    "algorithms": (_each(_is_count), "a mapping of keys to whole numbers"),
    "environment": (_each(_is_text), "a mapping of variables to text"),
    "notes": (_is_text, "text"),
    "tags": (lambda value: isinstance(value, list) and all(map(_is_text, value)), "a list of texts"),
    "sessions": (lambda value: isinstance(value, list) and all(map(_is_session, value)), "a list of sessions"),
    "rerun": (_each(lambda value: _is_text(value) or _is_count(value)), "a mapping"),
    "extent": (lambda value: isinstance(value, dict), "a mapping"),
}


def checked_description(content: Any) -> dict[str, Any]:
    """Return ``content`` with all fields that a reader may ask for.

    Raises:
        StoreError: A field that is needed is missing, or one is of another type; all of them are said.
    """
    if not isinstance(content, dict):
        raise StoreError("is not a mapping")
    wrong = [f"{name} is missing" for name in _NEEDED if name not in content]
    wrong += [
        f"{name} is not {kind}"
        for name, (judge, kind) in _FIELDS.items()
        if name in content and not judge(content[name])
    ]
    if wrong:
        raise StoreError("; ".join(wrong))
    return {**_ABSENT, **{name: {} for name in _ABSENT_MAPPINGS}, "sessions": [], "tags": [], **content}
