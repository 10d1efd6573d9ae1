"""Silence Lightning's advice during a fit."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["quiet"]

LOGGERS = ("lightning.pytorch", "lightning.fabric")
EXPECTED = (
    r".*`training_step` returned `None`.*",
    r".*configure_optimizers` returned `None`.*",
    r".*LeafSpec.* is deprecated.*",
)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence Lightning's hints on set-up, and warnings about its own code or a learner's intent; others pass."""
    from lightning.fabric.utilities.warnings import PossibleUserWarning

    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    try:
        for name in levels:
            logging.getLogger(name).setLevel(logging.WARNING)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PossibleUserWarning)
            for message in EXPECTED:
                warnings.filterwarnings("ignore", message)
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
