"""Entry point: a first word without ``=`` or a leading sign names a command, anything else is a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from traceback import format_exc

from alrun import __version__
from alrun.cli.arguments import take_trust
from alrun.cli.flags import CONFIG_DIR
from alrun.cli.show import problem_text
from alrun.config.targets import Trust
from alrun.core.errors import AlrunError, ConfigError, Problem
from alrun.core.lean_imports import put_off
from alrun.core.showing import printable_block, write_any_text
from alrun.core.suggest import did_you_mean

__all__ = ["main"]

#: Commands by name; the flag tells whether the command builds what configs name, and so takes ``--trust``.
COMMANDS: Mapping[str, bool] = {
    "resume": True,
    "rerun": True,
    "validate": True,
    "verify": False,
    "track": True,
    "status": False,
    "ls": False,
    "report": False,
    "view": False,
    "compare": False,
    "export": True,
    "embed": True,
    "replay": True,
    "prune": False,
    "new": False,
}

#: Commands that work on a stored config.
STORED = ("resume", "rerun")
#: Flags with which nothing is run, and whose output may be read by a shell.
SHOWS = frozenset(
    ("-h", "--help", "--version", "-sc", "--shell-completion", "--hydra-help", "-c", "--cfg", "-i", "--info")
)
MOST_TRACEBACK = 10_000


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line ``argv`` and return its exit code; errors are printed, not raised."""
    words = list(sys.argv[1:] if argv is None else argv)
    # Read when torch is loaded: threads that wait without sleeping starve other runs on the same cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    put_off()
    write_any_text(sys.stdout, sys.stderr)
    try:
        packages, words = take_trust(words)
        if packages:
            _see_working_directory()
        return _dispatch(words, Trust(packages))
    except AlrunError as error:
        sys.stderr.write(problem_text(error))
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: type the same command again\n")
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 141
    except Exception as error:
        return _unforeseen(error)


def _unforeseen(error: Exception) -> int:
    """Report an unexpected error in a few lines; the traceback is printed on request."""
    from alrun.cli.unforeseen import TRACEBACK, told

    said = told(error)
    if os.environ.get(TRACEBACK):
        sys.stderr.write(f"{printable_block(format_exc(), MOST_TRACEBACK)}\n")
    sys.stderr.write(problem_text(said))
    return said.exit_code


def _dispatch(words: list[str], trust: Trust) -> int:
    words = _command_first(words)
    if "--version" in words and words[0] not in COMMANDS:
        sys.stdout.write(f"alrun {__version__}\n")
        return 0
    if sys.stderr.isatty() and not SHOWS & set(words) and not _is_quick(words):
        sys.stderr.write("starting …\n")
        sys.stderr.flush()
    if not words or "=" in words[0] or words[0][0] in "-+~":
        from alrun.cli import app

        return app.run(words, trust)
    name = words[0]
    if name not in COMMANDS:
        hint = did_you_mean(name, COMMANDS) + "; overrides are key=value"
        raise ConfigError(Problem(f"there is no command {name!r}", "", hint))
    run: Callable[..., int] = import_module(f"alrun.cli.{name}").run
    return run(words[1:], trust) if COMMANDS[name] else run(words[1:])


def _is_quick(words: list[str]) -> bool:
    """Return whether the command answers without long imports."""
    return bool(words) and (
        words[0] in ("new", "prune", "status", "view") or (words[0] == "ls" and "--targets" not in words)
    )


def _command_first(words: list[str]) -> list[str]:
    """Return ``words`` with the command before the flags; a run that is stored needs no folder of configs."""
    flags = 0
    while flags < len(words) and words[flags].startswith("-"):
        flags += 2 if words[flags] in CONFIG_DIR else 1
    if flags >= len(words) or words[flags] not in COMMANDS:
        return words
    kept = [] if words[flags] in STORED else words[:flags]
    return [words[flags], *words[flags + 1 :], *kept]


def _see_working_directory() -> None:
    """Let configs name strategies of the working directory, as ``python -m`` would.

    Only for who trusts one by name: Hydra imports every plugin that it finds on the path, unasked.
    """
    cwd = str(Path.cwd())
    if cwd not in sys.path:
        sys.path.append(cwd)
