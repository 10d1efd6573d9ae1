"""Stop after a given working time."""

from __future__ import annotations

from alrun.core.errors import ConfigError, Problem
from alrun.core.stopping import Progress

__all__ = ["WallClock"]


class WallClock:
    """Ends the experiment after so much work, over all sessions of the run; the step under way is finished first.

    The one criterion that makes the length of a run depend on the machine.

    Args:
        minutes: Minutes of work.
        seconds: Seconds of work, added to ``minutes``.

    Raises:
        ConfigError: When both together are not positive.
    """

    def __init__(self, minutes: float = 0.0, seconds: float = 0.0) -> None:
        """Allow ``minutes`` and ``seconds`` together."""
        self.seconds = 60.0 * minutes + seconds
        if not self.seconds > 0:
            hint = "for example stopping.wall_clock.minutes=30"
            raise ConfigError(Problem(f"the time must be positive, not {self.seconds} s", "stopping.wall_clock", hint))

    def __call__(self, progress: Progress) -> str | None:
        """Stop at that much elapsed time or more."""
        return f"{self.seconds:g} s of work are over" if progress.elapsed >= self.seconds else None
