"""Memory that data may take: what a file announces is compared with it before anything is allocated."""

from __future__ import annotations

import os
from pathlib import Path

from alrun.data.problems import fail

__all__ = ["refuse_larger"]

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def _total() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 1 << 36


def _written(size: float) -> str:
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.3g} {_UNITS[unit]}"


def refuse_larger(size: int, file: Path, hint: str) -> None:
    """Raise ``DataError`` where ``size`` bytes, which are to be held of ``file``, are more than this machine's memory.

    ``hint`` says how else the file can be read.
    """
    total = _total()
    if size > total:
        what = f"holds {_written(size)} once it is read, more than the {_written(total)} of memory here"
        raise fail(what, str(file), hint)
