"""Errors that alrun did not foresee, in a few lines: what the system refuses, what does not load, what is a bug."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from functools import cache
from types import TracebackType

from alrun.core.errors import AlrunError

__all__ = ["TRACEBACK", "told"]

#: Environment variable that prints the traceback of an unexpected error.
TRACEBACK = "ALRUN_TRACEBACK"
HINTS = dict.fromkeys((errno.EMFILE, errno.ENFILE), "\n    → ulimit -n 4096 allows more")


def told(error: Exception) -> AlrunError:
    """Return the message for ``error``.

    What the system refuses (memory, open files, names, permissions) is told as such, and so is a library that does not
    load. Anything else is a fault of alrun or of a trusted package, and told as that.
    """
    if isinstance(error, MemoryError):
        return AlrunError("not enough memory\n    → process fewer runs, or smaller files, at once")
    library = _does_not_load(error)
    if library:
        return AlrunError(_library_text(library, error))
    if isinstance(error, OSError) and error.errno is not None:
        place = f": {os.fsdecode(error.filename)}" if isinstance(error.filename, str | bytes) else ""
        return AlrunError(f"{error.strerror}{place}{HINTS.get(error.errno, '')}")
    what = f"{type(error).__name__}: {error}".strip()
    return AlrunError(f"{what}\n    → this is a bug: please report it with the traceback that {TRACEBACK}=1 prints")


def _library_text(library: str, error: Exception) -> str:
    what = f"{library} is installed, and does not load: {type(error).__name__}: {str(error).partition(chr(10))[0]}"
    names = _distributions(library)
    needed = sorted({name.lower() for name in names} & _required())
    if needed:
        return f"{what}\n    → pip install --force-reinstall {needed[0]}"
    return f"{what}\n    → pip uninstall {names[0]}, which alrun can do without, or install one that fits"


def _distributions(library: str) -> list[str]:
    """Return what pip calls the package that is imported as ``library``, e.g. ``hydra-core`` of ``hydra``."""
    from importlib.metadata import packages_distributions

    return packages_distributions().get(library) or [library]


def _does_not_load(error: Exception) -> str:
    """Return the innermost package, not alrun, that was being imported when ``error`` was raised; empty if none was."""
    if isinstance(error, ModuleNotFoundError):
        return ""
    importing = [name for name in _modules(error.__traceback__) if name not in ("", "alrun", "__main__", "importlib")]
    return importing[-1] if importing else ""


def _modules(traceback: TracebackType | None) -> Iterator[str]:
    """Yield the top-level packages whose modules were being executed, outermost first."""
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_name == "<module>":
            yield str(frame.f_globals.get("__name__", "")).partition(".")[0]
        traceback = traceback.tb_next


@cache
def _required() -> frozenset[str]:
    """Return the names of the distributions that alrun needs."""
    import re
    from importlib.metadata import requires

    plain = (line for line in requires("alrun") or () if "extra ==" not in line)
    return frozenset(re.split(r"[^\w-]", line)[0].lower() for line in plain)
