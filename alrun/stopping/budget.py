"""Stop when the budget of labels is spent."""

from __future__ import annotations

from alrun.core.errors import ConfigError, Problem
from alrun.core.stopping import Progress

__all__ = ["Budget"]


class Budget:
    """Ends the experiment when ``labels`` labels have been bought.

    Args:
        labels: Labels in all, the first ones included.

    Raises:
        ConfigError: When ``labels`` is negative.
    """

    def __init__(self, labels: int) -> None:
        """Allow ``labels`` labels."""
        if labels < 0:
            raise ConfigError(Problem(f"a budget cannot be negative: {labels}", "budget", "for example budget=200"))
        self.labels = labels

    def __call__(self, progress: Progress) -> str | None:
        """Stop at ``labels`` labels or more."""
        return f"the budget of {self.labels} labels is spent" if progress.labels >= self.labels else None
