"""A run in several sessions: its tables, its events and its random numbers are those of one."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from driver_bench import Answer, Choose, PlainLoop, run  # type: ignore[import-not-found]

from alrun.core.callback import Callback
from alrun.core.errors import StrategyError
from alrun.core.events import LabelReceived, QueryFinished
from alrun.core.metrics import LOGGED
from alrun.core.phases import ActiveLearningPhase
from alrun.core.types import Annotation
from alrun.driver.state import State
from alrun.metrology.acquisition import Acquisition
from alrun.query.entropy import Entropy
from alrun.query.random import Random

TABLES = ("records.parquet", "acquisitions.parquet")


class LoggingLoop(PlainLoop):
    """Logs as a learner does: by split and name."""

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        super().__call__(*args, **kwargs)
        session = kwargs["session"]
        session.logged({"val": {"late": 0.0}})
        session.logged({"train": {"steps": float(session.seeds.step), "loss": 0.5}, "val": {}})


def test_what_learners_log_is_recorded_whether_it_is_replayed_or_not(tmp_path: Path) -> None:
    options: dict[str, Any] = {"loop": LoggingLoop(), "metrology": [Acquisition()]}
    run(tmp_path / "whole", **options, budget=20)
    for budget in (6, 12, 20):
        run(tmp_path / "parts", **options, budget=budget)
    for name in TABLES:
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    records = pd.read_parquet(tmp_path / "parts" / "records.parquet")
    records = records[records["strategy"] == LOGGED]
    assert records[["step", "split", "metric", "value"]].to_numpy().tolist() == [
        [step, "train", metric, value] for step in (1, 2, 3, 4) for metric, value in (("loss", 0.5), ("steps", step))
    ]


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_what_another_strategy_has_measured_is_measured_anew(names: str, tmp_path: Path) -> None:
    for name in names:
        run(tmp_path, metrology={name: Acquisition()}, budget=12)
        records = pd.read_parquet(tmp_path / "records.parquet")
        assert set(records["strategy"]) == {name}
        assert not records.duplicated(["step", "metric", "split"]).any()


class Labels(Callback):
    """Notes the labels that it hears of."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int]] = []

    def on_label_received(self, event: LabelReceived) -> None:
        self.heard.append((event.step, event.order))


class Counting(Labels):
    """Keeps them across a resume, so that it must hear again what came after its state was saved."""

    def state_dict(self) -> dict[str, Any]:
        return {"heard": list(self.heard)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.heard = list(state["heard"])


def test_a_label_is_told_once_to_whoever_keeps_no_state_and_again_to_whoever_was_put_back(tmp_path: Path) -> None:
    broken = True

    def answer(item: int, truth: int) -> Annotation:
        if broken and len(label.asked) == 9:
            raise OSError("the annotator has gone home")
        return Annotation(item, truth)

    label, plain, counting = Answer(answer), Labels(), Counting()
    with pytest.raises(StrategyError, match="gone home"):
        run(tmp_path, label=label, callbacks=[plain, counting], budget=12)
    broken = False
    again = Counting()
    run(tmp_path, label=label, callbacks=[plain, again], budget=12)
    whole = [(step, order) for step in (0, 1) for order in range(6)]
    assert plain.heard == again.heard == whole
    assert counting.heard == whole[:8]


class Choices(Callback):
    """Notes what was chosen, with its scores."""

    def __init__(self) -> None:
        self.chosen: list[tuple[int, str, Any, float]] = []

    def on_query_finished(self, event: QueryFinished) -> None:
        pairs = zip(event.items, event.scores, strict=True)
        self.chosen += [(event.step, event.strategy, item, score) for item, score in pairs]


def test_each_strategy_is_told_with_its_own_choice(tmp_path: Path) -> None:
    told = Choices()
    fixed = Choose(lambda driver: driver.unlabeled_pool.indices[:1].tolist())
    run(tmp_path, query={"a": Entropy(2), "b": Random(2), "c": fixed}, budget=16, callbacks=[told])
    table = pd.read_parquet(tmp_path / "acquisitions.parquet")
    columns = table[["step", "strategy", "index"]].itertuples(index=False)
    assert [one[:3] for one in told.chosen] == [tuple(row) for row in columns]
    assert table["score"].equals(pd.Series([one[3] for one in told.chosen]))


def test_a_stream_belongs_to_a_seed_a_step_and_a_phase() -> None:
    places = list(product((0, 1), (0, 1), (None, *ActiveLearningPhase)))
    drawn = [State(step, phase).seeds(seed).integer("any") for seed, step, phase in places]
    assert len(set(drawn)) == len(places)
    assert drawn == [State(step, phase).seeds(seed).integer("any") for seed, step, phase in places]
