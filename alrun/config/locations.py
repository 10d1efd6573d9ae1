"""Paths in the arguments of library objects that write files, which are confined to the run directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from alrun.config.bound import Node
from alrun.core.errors import ConfigError, Problem

__all__ = ["folder_for", "location_problems"]

#: Parts of a path that lead elsewhere: expanded by libraries, or read as a URL.
LEADING = ("~", "$", "%", "://", "::", "\\", "\0")


def location_problems(node: Node) -> Iterator[Problem]:
    """Yield texts among the arguments of a node that writes which could lead out of the run directory.

    All of them: libraries make paths of names, versions, suffixes and prefixes too.
    """
    if node.location:
        for where, text in _texts({"_args_": node.positional, **node.arguments}, node.where):
            if not _stays(text):
                hint = f"a name or a relative path, as in {node.where}.{node.location}=logs"
                yield Problem(f"{text!r} leads out of the run directory", where, hint)


def folder_for(node: Node, place: Path) -> Path:
    """Return the folder below ``place``, a run directory, into which the object of ``node`` writes.

    Raises:
        ConfigError: There is a link in it.
    """
    own = place / "callbacks" / node.where.replace("/", "_")
    folder = own / str(node.arguments.get(node.location) or "")
    for part in (own.parent, own, folder, *(own.rglob("*") if own.is_dir() else ())):
        if part.is_symlink() or not part.resolve().is_relative_to(place.resolve()):
            raise ConfigError(Problem(f"{part} is a link", node.where, f"rm '{part}'"))
    return folder


def _stays(text: str) -> bool:
    parts = text.split("/")
    return not text.startswith("/") and ".." not in parts and not any(sign in text for sign in LEADING)


def _texts(value: Any, where: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str | bytes | Path):
        yield where, value.decode("latin-1") if isinstance(value, bytes) else str(value)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _texts(item, f"{where}[{number}]")
