"""A metric of the records of another strategy, in the suite of metrology strategies."""

from __future__ import annotations

from typing import Any

from alrun.metrology.base import Metrology
from alrun.metrology.classification import Classification
from alrun.testing import MetrologyConformance


class BestSoFar(Metrology):
    def compute(self, *args: Any, **kwargs: Any) -> None:
        records = [one for other in self.driver.metrology_strategies if other is not self for one in other.records]
        self.record("test", {"best": max(one["value"] for one in records if one["metric"] == "accuracy")})


class TestBestSoFar(MetrologyConformance):
    def strategy(self) -> BestSoFar:
        return BestSoFar()

    def before(self) -> list[Any]:
        return [Classification()]
