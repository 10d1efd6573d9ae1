"""Stop after a number of steps."""

from __future__ import annotations

from alrun.core.errors import ConfigError, Problem
from alrun.core.stopping import Progress

__all__ = ["Steps"]


class Steps:
    """Ends the experiment after ``max_steps`` rounds of labeling, with the last labels trained on and measured.

    Args:
        max_steps: Rounds of labeling, the cold start included; ``None`` for no limit.

    Raises:
        ConfigError: When ``max_steps`` is negative.
    """

    def __init__(self, max_steps: int | None = None) -> None:
        """Allow ``max_steps`` rounds."""
        if max_steps is not None and max_steps < 0:
            raise ConfigError(Problem(f"max_steps cannot be negative: {max_steps}", "max_steps", "e.g. max_steps=10"))
        self.max_steps = max_steps

    def __call__(self, progress: Progress) -> str | None:
        """Stop in step ``max_steps`` (counted from 0), when ``max_steps`` rounds are done."""
        done = self.max_steps is not None and progress.step >= self.max_steps
        return f"{self.max_steps} steps are done" if done else None
