"""Stop when the unlabeled pool is empty."""

from __future__ import annotations

from alrun.core.stopping import Progress

__all__ = ["PoolExhausted"]


class PoolExhausted:
    """Ends the experiment when the unlabeled pool is empty; never where there is no such pool."""

    def __call__(self, progress: Progress) -> str | None:
        """Stop at 0 unlabeled rows."""
        return "the unlabeled pool is empty" if progress.unlabeled == 0 else None
