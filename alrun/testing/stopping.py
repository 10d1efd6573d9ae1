"""Conformance suite of stopping criteria."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

from alrun.cold_start.random import Random
from alrun.core.needs import monitor_of
from alrun.core.stopping import Progress
from alrun.query.entropy import Entropy
from alrun.stopping.steps import Steps
from alrun.testing.host import hosted
from alrun.testing.watch import generators_in_state, generators_untouched

__all__ = ["StoppingConformance"]

LAST_STEP = 2


class StoppingConformance:
    """Examines a stopping criterion. Subclass it under a name that starts with ``Test`` and write ``criterion``."""

    def criterion(self) -> Any:
        """Return a new criterion."""
        raise NotImplementedError("write criterion(self) in your subclass of the conformance suite")

    def test_answers_with_a_reason_or_nothing(self) -> None:
        """Wherever the experiment stands, the answer is ``None`` or words for the user."""
        for progress in progresses(monitor_of(self.criterion())):
            answer = self.criterion()(progress)
            assert answer is None or isinstance(answer, str), f"answered {answer!r} to {progress}"
            assert answer is None or answer.strip(), f"gave an empty reason at {progress}"

    def test_the_answer_depends_on_the_progress_alone(self) -> None:
        """A resumed run asks a new criterion; what was asked before, and random generators, must not matter."""
        old = self.criterion()
        for state, progress in enumerate(progresses(monitor_of(old))):
            with generators_in_state(state), generators_untouched():
                first, again = old(progress), old(progress)
            assert first == again == self.criterion()(progress), f"answers differently when asked again: {progress}"

    def test_leaves_the_progress_alone(self) -> None:
        """Metrics are shared between all criteria."""
        for progress in progresses(monitor_of(self.criterion())):
            metrics = dict(progress.metrics)
            self.criterion()(progress)
            assert repr(progress.metrics) == repr(metrics), "changed the metrics"

    def test_names_the_metric_that_it_reads(self) -> None:
        """``monitor``, where it has one, is the name of a metric, so that one that nobody records is refused."""
        monitor = monitor_of(self.criterion())
        assert monitor is None or (isinstance(monitor, str) and monitor), f"monitor is {monitor!r}"

    def test_a_run_ends_with_it(self, tmp_path: Path) -> None:
        """A run that asks it ends, at the latest where another criterion ends it, and says why."""
        parts: dict[str, Any] = {"cold_start": Random(10), "query": [Entropy(10)]}
        with hosted(tmp_path / "run", cold=True, stopping=[self.criterion(), Steps(LAST_STEP)], **parts) as driver:
            driver.run()
            assert driver.stop_reason, "the run ended without a reason"
            assert driver.active_learning_step_idx <= LAST_STEP


def progresses(monitor: str | None) -> Iterator[Progress]:
    """Yield places where an experiment may stand; ``monitor`` is measured, not measured yet, or NaN."""
    values: list[dict[str, float]] = [{}]
    if monitor is not None:
        values += [{monitor: value} for value in (-1.0, 0.0, 0.5, 1.0, 1e6, math.nan)]
    for step, unlabeled, metrics in product((0, 1, 50), (None, 0, 1, 10**6), values):
        yield Progress(step, labels=20 * step, unlabeled=unlabeled, elapsed=1e4 * step, metrics=dict(metrics))
