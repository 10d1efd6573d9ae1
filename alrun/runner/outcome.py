"""Outcome of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alrun.core.errors import AlrunError

__all__ = ["Outcome"]


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        directory: The run directory.
        info: Its ``run.json``.
        exit_code: What the shell should see.
        answered: Whether the run was finished already and nothing was executed.
        error: What ended it, if an error did.
    """

    directory: Path
    info: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int = 0
    answered: bool = False
    error: AlrunError | None = None
