"""Hydra's command-line flags, with alrun's error messages."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import NoReturn

from alrun.config.compat import flags_parser
from alrun.core.errors import ConfigError, Problem
from alrun.core.suggest import did_you_mean

__all__ = ["CONFIG_DIR", "flags_first", "parse_flags"]

CONFIG_DIR = ("--config-dir", "-cd")
REFUSED = ("config_path", "config_name", "experimental_rerun")


def parse_flags(argv: Sequence[str]) -> Namespace:
    """Return Hydra's flags and ``overrides``, which may be given in any order.

    Raises:
        ConfigError: A flag is unknown, lacks its value, or would bypass alrun.
    """
    parser, known = flags_parser()
    setattr(parser, "error", lambda message: _refuse(message, argv, known))  # noqa: B010 - argparse wants a subclass
    arguments = parser.parse_intermixed_args(list(argv))
    for name in REFUSED:
        if getattr(arguments, name, None):
            flag = f"--{name.replace('_', '-')}"
            raise ConfigError(Problem(f"{flag} is not supported", "command line", "--config-dir adds config groups"))
    _refuse_mixture(arguments)
    folders = [word for word in argv if word in CONFIG_DIR or word.startswith("--config-dir=")]
    if len(folders) > 1:
        what = "--config-dir is given twice, and only one folder is read"
        raise ConfigError(Problem(what, "command line", f"leave the other out: --config-dir {arguments.config_dir}"))
    return arguments


def _refuse_mixture(arguments: Namespace) -> None:
    given = [f"--{name}" for name in ("cfg", "info", "multirun", "run") if getattr(arguments, name)]
    if arguments.shell_completion:
        given.append("--shell-completion")
        if not any(word.startswith(("install=", "uninstall=", "query=")) for word in arguments.overrides):
            raise ConfigError(Problem("which shell?", "--shell-completion", "alrun -sc install=bash"))
    if len(given) > 1:
        raise ConfigError(Problem(f"{' and '.join(given)} exclude each other", "command line", f"use only {given[0]}"))


def _refuse(message: str, argv: Sequence[str], known: Sequence[str]) -> NoReturn:
    flags = [word.partition("=")[0] for word in argv if word.startswith("-")]
    unknown = [flag for flag in flags if flag not in known]
    near = f"{did_you_mean(unknown[0], known)} " if unknown else ""
    raise ConfigError(Problem(message, "command line", f"{near}alrun --help lists the flags"))


def flags_first(argv: Sequence[str], overrides: Sequence[str]) -> list[str]:
    """Return ``argv`` with its ``overrides`` last, as Hydra wants them."""
    flags = list(argv)
    for word in overrides:
        flags.remove(word)
    return [*flags, *overrides]
