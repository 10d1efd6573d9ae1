"""Template of a query strategy."""

from __future__ import annotations

from alrun.cli.templates.template import Template

__all__ = ["QUERY"]

QUERY = Template(
    group="query",
    summary="Distance of the probabilities from certainty, summed over classes.",
    imports=(
        "from torch import Tensor",
        "from alrun.core.arguments import number_problems, raise_any",
        "from alrun.core.outputs import probabilities",
        "from alrun.core.types import Prediction",
        "from alrun.query.base import ScoreQuery",
    ),
    body='''
class Mine(ScoreQuery):
    """Picks the rows with the highest ``1 - sum(p ** power)``: 0 where one class is certain.

    With a power of 2 the Gini impurity (Breiman et al. 1984, "Classification and Regression Trees").

    ``ScoreQuery`` goes over the pool in chunks, keeps the best rows and breaks ties by row number; ``score`` is all
    that differs between strategies. Where another inference than one prediction per row is chosen, ``outputs`` are
    ``[K, B, C]``, one slice per posterior sample.

    Args:
        max_samples: Rows per query.
        power: Exponent of the probabilities.

    Raises:
        ConfigError: When ``power`` is below 1.
    """

    def __init__(self, max_samples: int, power: float = 2.0) -> None:
        super().__init__(max_samples)
        where = "query.mine.power"
        raise_any(number_problems(where, power, f"{where}=2", least=1))
        self.power = power

    def score(self, prediction: Prediction) -> Tensor:
        """Return one score per row, ``[B]``; the rows with the highest are labeled."""
        chances = probabilities(prediction.outputs)  # logits [B, C] to probabilities [B, C]
        if prediction.stochastic:
            chances = chances.mean(dim=0)
        return 1 - chances.pow(self.power).sum(dim=-1)
''',
    keyed=True,
    arguments=("max_samples: ${query_size}", "power: 2.0"),
    test_imports=(
        "import pytest",
        "from alrun.core.errors import ConfigError",
        "from alrun.testing import QueryConformance",
    ),
    test="""
class TestMine(QueryConformance):
    def strategy(self, max_samples: int) -> Mine:
        return Mine(max_samples)


def test_a_power_below_1_is_refused() -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        Mine(10, power=0.5)
""",
    command="query=mine",
    setting="uncertainty | Breiman et al. 1984 | C | | N C",
)
