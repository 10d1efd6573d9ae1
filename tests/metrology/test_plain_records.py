"""Records that are plain mappings, as strategies written elsewhere keep them: in one order, whether resumed or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alrun.cold_start.random import Random
from alrun.core.protocols.strategies import MetrologyStrategy
from alrun.query.entropy import Entropy
from alrun.stopping.steps import Steps
from alrun.testing.host import hosted
from alrun.testing.metrology import MetrologyConformance


class Plain(MetrologyStrategy):
    """Keeps mappings whose keys are in no alphabetical order, and writes them by itself."""

    def __init__(self) -> None:
        self.records: list[Any] = []

    def compute(self, *args: Any, **kwargs: Any) -> None:
        count = float(len(self.driver.training_pool))
        self.append({"zeta": count, "alpha": 2 * count, "inner": {"second": 1.0, "first": [{"b": 1, "a": 2}]}})

    def serialize_records(self, path: Path | None = None, *args: Any, **kwargs: Any) -> None:
        place = path or self.strategy_dir / "records.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(self.records), encoding="utf-8")

    def load_records(self, path: Path | None = None, *args: Any, **kwargs: Any) -> None:
        self.records[:] = json.loads((path or self.strategy_dir / "records.json").read_text(encoding="utf-8"))


class TestPlain(MetrologyConformance):
    """The shipped suite holds for such records."""

    def strategy(self) -> Plain:
        return Plain()


def test_a_run_that_goes_on_writes_what_one_without_a_stop_writes(tmp_path: Path) -> None:
    written = []
    for run, stops in (("whole", [3]), ("parts", [1, 3])):
        for stop in stops:
            parts: dict[str, Any] = {"cold_start": Random(20), "query": [Entropy(10)], "metrology": [Plain()]}
            with hosted(tmp_path / run, cold=True, stopping=[Steps(stop)], **parts) as driver:
                driver.run()
                driver.experiment.ledger.write(driver.experiment.store.directory)
        written.append([tmp_path / run / name for name in ("records.parquet", "metrology/Plain/records.json")])
    for whole, continued in zip(*written, strict=True):
        assert whole.read_bytes() == continued.read_bytes()
