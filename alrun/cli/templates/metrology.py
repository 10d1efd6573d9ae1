"""Template of a metrology strategy."""

from __future__ import annotations

from alrun.cli.templates.template import Template

__all__ = ["METROLOGY"]

METROLOGY = Template(
    group="metrology",
    summary="Mean probability that the learner gives to its own answers.",
    imports=(
        "from collections.abc import Mapping",
        "from typing import Any, ClassVar",
        "from alrun.core.outputs import probabilities",
        "from alrun.core.types import Task",
        "from alrun.metrology.base import Metrology",
    ),
    body='''
class Mine(Metrology):
    """Records ``mine``: the mean over test rows of the highest class probability.

    Attributes:
        tasks: Tasks on which it can measure something.
        metrics: Names of its metrics, each with whether higher is better (``None``: neither).
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION})
    metrics: Mapping[str, bool | None] = {"mine": None}

    def compute(self, *args: Any, **kwargs: Any) -> None:
        """Measure on the test pool, or else on the validation pool, and append one record."""
        split, pool = self.measured_pool()
        total = 0.0
        for prediction, _targets in self.predictions(pool):
            chances = probabilities(prediction.outputs)  # [B, C], or [K, B, C] with one slice per posterior sample
            if prediction.stochastic:
                chances = chances.mean(dim=0)
            total += float(chances.max(dim=-1).values.double().sum())
        self.record(split, {"mine": total / len(pool)})
''',
    keyed=True,
    arguments=(),
    test_imports=("from alrun.testing import MetrologyConformance",),
    test="""
class TestMine(MetrologyConformance):
    def strategy(self) -> Mine:
        return Mine()
""",
    command="metrology=[classification,mine]",
)
