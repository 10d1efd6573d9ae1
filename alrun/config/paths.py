"""Path of the config groups: inside the installed package, or next to the package in a checkout."""

from __future__ import annotations

from pathlib import Path

__all__ = ["conf_dir"]


def conf_dir() -> Path:
    """Return the folder with ``config.yaml`` and the groups."""
    package = Path(__file__).resolve().parent.parent
    shipped = package / "conf"
    return shipped if shipped.is_dir() else package.parent / "conf"
