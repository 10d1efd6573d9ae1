"""Argument parser of the commands that only read (``status``, ``ls``, ``report``), with alrun's error messages."""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alrun.core.errors import ConfigError, Problem

__all__ = ["add_json", "command", "parse", "print_json", "take_json", "take_trust"]


def command(name: str, description: str) -> argparse.ArgumentParser:
    """Return a parser for ``alrun <name>``, to be used through ``parse``."""
    return argparse.ArgumentParser(prog=f"alrun {name}", description=description, exit_on_error=False)


def parse(parser: argparse.ArgumentParser, argv: list[str]) -> argparse.Namespace:
    """Parse ``argv``.

    Raises:
        ConfigError: An argument is unknown, or its value is missing or wrong.
    """
    hint = f"{parser.prog} --help"
    try:
        arguments, rest = parser.parse_known_args(argv)
    except argparse.ArgumentError as error:
        raise ConfigError(Problem(error.message or str(error), error.argument_name or "", hint)) from None
    if rest:
        raise ConfigError([Problem(f"unknown argument {argument!r}", hint=hint) for argument in rest])
    return arguments


def take_json(argv: Sequence[str]) -> tuple[list[str], bool]:
    """Return ``argv`` without ``--json``, and whether it was there; for commands whose other words are overrides."""
    rest = [word for word in argv if word != "--json"]
    return rest, len(rest) < len(argv)


def take_trust(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split ``--trust PKG`` (repeatable, also ``--trust=PKG``) from the other words.

    Raises:
        ConfigError: What stands after it is not the name of a package, a module or a class.
    """
    packages: list[str] = []
    rest: list[str] = []
    stream = iter(words)
    for word in stream:
        if word == "--trust":
            packages.append(next(stream, ""))
        elif word.startswith("--trust="):
            packages.append(word.removeprefix("--trust="))
        else:
            rest.append(word)
    wrong = [name for name in packages if not all(part.isidentifier() for part in name.split("."))]
    if wrong:
        raise ConfigError([Problem(*_not_a_name(name)) for name in dict.fromkeys(wrong)])
    return packages, rest


def _not_a_name(name: str) -> tuple[str, str, str]:
    """Return what, where and hint of a name that cannot be imported: of a file, of a distribution, or nothing."""
    is_near = re.fullmatch(r"[\w./][\w./-]*", name) is not None
    stem = re.sub(r"\W+", "_", Path(name.removesuffix(".py")).name).strip("_") if is_near else ""
    told = f"{name!r} is not the name of a package" if name else "--trust needs a package name"
    return told, "command line", f"--trust {stem if stem.isidentifier() else 'my_pkg'}"


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the flag ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON in place of the table")


def print_json(value: Any) -> None:
    """Print ``value`` as JSON: paths as text, numbers that are not finite as null."""
    sys.stdout.write(f"{json.dumps(_plain(value), indent=1)}\n")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int | str | None) else str(value)
