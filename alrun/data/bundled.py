"""Data files that scikit-learn installs, read without importing scikit-learn (which takes 0.7 s)."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alrun.data.problems import fail

__all__ = ["bundled_header", "bundled_table"]


def _bundled_file(name: str) -> Path:
    spec = find_spec("sklearn")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        file = Path(folder) / "datasets" / "data" / name
        if file.is_file():
            return file
    raise fail(f"scikit-learn's data file {name!r} was not found", "data", "pip install --force-reinstall scikit-learn")


def bundled_table(name: str, delimiter: str | None = ",", skip: int = 0) -> Tensor:
    """Return the numbers ``[N, d]`` ``float64`` of a (gzipped) text table below scikit-learn's ``datasets/data``.

    Raises:
        DataError: scikit-learn, or the file in it, is not installed.
    """
    return torch.from_numpy(np.loadtxt(_bundled_file(name), delimiter=delimiter, skiprows=skip, ndmin=2))


def bundled_header(name: str) -> list[str]:
    """Return the comma-separated fields of the first line of an uncompressed file."""
    with _bundled_file(name).open(encoding="utf-8") as file:
        return file.readline().strip().split(",")
