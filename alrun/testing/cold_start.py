"""Conformance suite for cold start strategies."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from alrun.testing.sampling import SamplingConformance
from alrun.testing.watch import counted_forwards

__all__ = ["ColdStartConformance"]


class ColdStartConformance(SamplingConformance):
    """Examines a cold start strategy. Subclass it under a name that starts with ``Test`` and write ``strategy``."""

    cold: ClassVar[bool] = True

    def test_asks_nothing_of_the_learner(self, tmp_path: Path) -> None:
        """The learner is not trained yet, so that its predictions say nothing."""
        with self.host(tmp_path) as driver, counted_forwards(driver.learner) as calls:
            self.picks(driver, 5)
        assert not calls, "calls the learner, which is not trained at a cold start"
