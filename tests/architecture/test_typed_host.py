"""The type of the driver inside every strategy is StrategyHost: mypy reads this module, and the source is looked at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, assert_type

import alrun
from alrun.core.phases import ActiveLearningPhase
from alrun.core.protocols import (
    ActiveLearningProtocol,
    DriverProtocol,
    LabelStrategy,
    MetrologyStrategy,
    QueryStrategy,
    StrategyHost,
)
from alrun.core.types import QueryReport, TaskSpec
from alrun.query.candidates import Chunk

if TYPE_CHECKING:
    from alrun.cold_start.kmeans import KMeans
    from alrun.driver.driver import Driver
    from alrun.label.oracle import Oracle
    from alrun.metrology.acquisition import Acquisition
    from alrun.query.entropy import Entropy
    from alrun.query.feature_query import FeatureQuery
    from alrun.query.subpool import Subpool

    def every_kind(
        any_kind: ActiveLearningProtocol, query: QueryStrategy, label: LabelStrategy, metrology: MetrologyStrategy
    ) -> None:
        for strategy in (any_kind, query, label, metrology):
            assert_type(strategy.driver, StrategyHost)

    def those_that_inherit(
        score: Entropy, batch: FeatureQuery, wrapper: Subpool, start: KMeans, label: Oracle, metrology: Acquisition
    ) -> None:
        assert_type(score.driver, StrategyHost)
        assert_type(batch.driver, StrategyHost)
        assert_type(wrapper.driver, StrategyHost)
        assert_type(start.driver, StrategyHost)
        assert_type(label.driver, StrategyHost)
        assert_type(metrology.driver, StrategyHost)

    def what_it_gives(strategy: Entropy, chunk: Chunk) -> None:
        assert_type(chunk.driver, StrategyHost)
        assert_type(strategy.driver.spec, TaskSpec | None)
        assert_type(strategy.driver.labels_bought, int)
        assert_type(strategy.driver.current_phase, ActiveLearningPhase | None)
        assert_type(strategy.driver.last_reports, list[QueryReport])
        strategy.driver.no_such_thing  # type: ignore[attr-defined]  # noqa: B018 - unused, and so an error, were it Any
        strategy.driver.labels_bought = 3  # type: ignore[misc]

    def the_driver_is_one(driver: Driver) -> tuple[DriverProtocol, StrategyHost]:
        return driver, driver


def driver_types() -> Iterator[tuple[str, str]]:
    """Yield where something called driver, or host, is annotated, and as what."""
    package = Path(alrun.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.arg if isinstance(node, ast.arg) else None
            if isinstance(node, ast.AnnAssign):
                name = node.target.id if isinstance(node.target, ast.Name) else getattr(node.target, "attr", None)
            annotation = getattr(node, "annotation", None)
            if name is not None and name.strip("_") in ("driver", "host") and annotation is not None:
                yield str(path.relative_to(package)), ast.unparse(annotation)


def test_no_driver_is_any() -> None:
    found = list(driver_types())
    assert ("core/protocols/strategies.py", "StrategyHost") in found
    assert [place for place, kind in found if "Any" in kind and "contextmanager" not in kind.lower()] == []
    assert {kind for _, kind in found} <= {
        *("StrategyHost", "StrategyHost | None", "Driver", "Driver | None", "type"),
        *("Callable[[Path], AbstractContextManager[Driver]]", "str"),
    }
