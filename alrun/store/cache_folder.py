"""Folder of what is kept outside of runs because it takes long to make: the user's own, or one that is named."""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["VARIABLE", "cache_folder", "refuse_foreign"]

VARIABLE = "ALRUN_CACHE"


def cache_folder() -> Path | None:
    """Return ``$ALRUN_CACHE``, or ``alrun`` in the user's cache folder; ``None`` where the user has no home."""
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named).expanduser()
    given = os.environ.get("XDG_CACHE_HOME", "")
    if Path(given).is_absolute():
        return Path(given) / "alrun"
    try:
        return Path.home() / ".cache" / "alrun"
    except RuntimeError:
        return None


def refuse_foreign(found: os.stat_result) -> None:
    """Raise ``PermissionError`` for what another user has made or can change."""
    if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError
