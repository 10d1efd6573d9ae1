"""Argument parser of the commands that only read (``status``, ``ls``, ``report``), with alrun's error messages."""

from __future__ import annotations

import argparse

from alrun.core.errors import ConfigError, Problem

__all__ = ["command", "parse"]


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
