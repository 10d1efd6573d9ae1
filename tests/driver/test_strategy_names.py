"""Names of strategies: the key in the config, in all that a run writes and says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command_line import SMALL, Alrun, only_run  # type: ignore[import-not-found]
from driver_bench import Choose, opened, run  # type: ignore[import-not-found]

from alrun.core.callback import Callback
from alrun.core.errors import ConfigError, StrategyError
from alrun.label.oracle import Oracle
from alrun.metrology.classification import Classification
from alrun.query.entropy import Entropy
from alrun.query.mixture import Mixture
from alrun.query.random import Random

ACCURACY = "torchmetrics.classification.MulticlassAccuracy"


def acquisitions(driver: Any) -> pd.DataFrame:
    return pd.DataFrame(driver.experiment.ledger.acquisitions)


class Names(Callback):
    """The strategies that events name."""

    def __init__(self) -> None:
        self.told: set[str] = set()

    def on_query_finished(self, event: Any) -> None:
        self.told.add(event.strategy)

    def on_eval_finished(self, event: Any) -> None:
        self.told.add(event.name)


def test_every_table_and_folder_has_the_keys_of_the_config(alrun: Alrun, tmp_path: Path) -> None:
    metrics = [f"+metrology.{key}={{_target_: {ACCURACY}, num_classes: 2}}" for key in ("micro", "macro")]
    metrics += ["+metrology.macro.average=macro", "+metrology.micro.average=micro"]
    words = [*SMALL, "query=[badge,coreset]", "query_size=5", "budget=20", "cold_start=kmeans", *metrics]
    assert alrun(*words).code == 0
    place = only_run(tmp_path)
    acquired = pd.read_parquet(place / "acquisitions.parquet")
    assert acquired["strategy"].tolist() == ["kmeans"] * 10 + ["badge"] * 5 + ["coreset"] * 5
    records = pd.read_parquet(place / "records.parquet")
    kinds = {"classification", "acquisition", "micro", "macro"}
    assert set(records["strategy"]) == kinds
    assert set(records.loc[records["metric"] == "micro", "strategy"]) == {"micro"}
    assert {path.parent.name for path in place.glob("metrology/*/records.json")} == kinds
    assert "records.json" not in {path.name for path in place.glob("metrology/*")}


def test_errors_say_the_key(alrun: Alrun) -> None:
    told = alrun(*SMALL, "learner.optimizer.lr=1e30", "metrology=[]")
    assert told.code == 1
    assert "entropy scored row" in told.err


def picks(place: Path, query: Any) -> dict[str, list[int]]:
    """Return the rows that each strategy chose in the first step after the cold start."""
    table = acquisitions(run(place, query=query, budget=18))
    return {str(name): rows["index"].tolist() for name, rows in table[table["step"] == 1].groupby("strategy")}


def test_strategies_of_one_class_draw_apart_and_the_first_as_if_it_were_alone(tmp_path: Path) -> None:
    alone = picks(tmp_path / "alone", {"any": Random(6)})
    whole = picks(tmp_path / "whole", [Random(100)])["Random"]
    several = picks(tmp_path / "several", [Random(6), Random(6)])
    assert several["Random"] == alone["any"] == whole[:6]
    assert several["Random-2"] != whole[6:12]
    keyed = picks(tmp_path / "keyed", {"a": Random(6), "b": Random(6)})
    assert keyed["a"] == whole[:6]
    assert keyed["b"] not in (whole[6:12], several["Random-2"])


def test_what_a_wrapper_asks_draws_apart_too(tmp_path: Path) -> None:
    outer, first, second = Random(2), Random(1), Random(1)
    mixture = Mixture(4, {"first": first, "second": second})
    with opened(tmp_path, query={"mine": mixture, "plain": outer}) as driver:
        names = [strategy.strategy_name for strategy in (mixture, first, second, outer)]
        assert names == ["mine", "mine/first", "mine/second", "plain"]
        assert len({strategy.stream_name for strategy in (first, second, outer)}) == 3
        folders = {strategy.strategy_dir for strategy in (mixture, first, second, outer)}
        assert folders == {driver.log_dir / "query" / name for name in names}


@pytest.mark.parametrize("name", ["../../out", "/out", "..", "a\\b", "x" * 300, ".hidden"])
def test_a_name_does_not_lead_out_of_the_run(tmp_path: Path, name: str) -> None:
    strategy = Random(2)
    with opened(tmp_path / "run", query={name: strategy}) as driver:
        assert strategy.strategy_dir.resolve().is_relative_to((driver.log_dir / "query").resolve())
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_events_and_errors_have_the_name_of_the_mapping_also_for_what_does_not_inherit(tmp_path: Path) -> None:
    class Foreign:
        """Chooses as it likes."""

        max_samples = 3

        def attach(self, other: Any) -> None:
            self.driver = other

        def sample(self, query_queue: Any) -> None:
            for row in self.driver.unlabeled_pool.indices[:3].tolist():
                query_queue.put(row)

    listener = Names()
    metrology = {"mine": Classification()}
    driver = run(tmp_path / "run", query={"foreign": Foreign()}, metrology=metrology, callbacks=[listener], budget=12)
    assert listener.told == {"Random", "foreign", "mine"}
    assert set(acquisitions(driver)["strategy"]) == {"Random", "foreign"}
    fails = {"broken": Choose(lambda _: 1 / 0)}
    with pytest.raises(StrategyError, match="query of step 1: broken: ZeroDivisionError"):
        run(tmp_path / "fails", query=fails)
    elsewhere = {"elsewhere": Choose(lambda driver: driver.unlabeled_pool.labelled[:1].tolist())}
    with pytest.raises(StrategyError, match="elsewhere chose row"):
        run(tmp_path / "elsewhere", query=elsewhere)


class Bare(Oracle):
    """Gives no annotation, so that alrun makes one."""

    def label(self, queue_to_label: Any, serialize_queue: Any, *args: Any, **kwargs: Any) -> None:
        while not queue_to_label.empty():
            queue_to_label.get()
            serialize_queue.put((None, 0))


@pytest.mark.parametrize(("label", "name"), [(Bare(), "Bare"), ({"mine": Bare()}, "mine")])
def test_a_bare_answer_has_the_name_of_the_strategy(tmp_path: Path, label: Any, name: str) -> None:
    driver = run(tmp_path, label=label, budget=6)
    assert set(acquisitions(driver)["annotator"]) == {name}


class Watches(Classification):
    """Measures worse than it does."""

    def record(self, split: str, values: Mapping[str, float]) -> None:
        super().record(split, {name: value / 2 for name, value in values.items()})


def test_metrics_that_two_strategies_record_stay_two(tmp_path: Path) -> None:
    driver = run(tmp_path, metrology={"whole": Classification(), "half": Watches()}, query=[Entropy(6)], budget=12)
    metrics = driver.experiment.ledger.metrics
    assert metrics["half/accuracy"] == metrics["whole/accuracy"] / 2 > 0
    assert "accuracy" not in metrics
    alone = run(tmp_path / "alone", metrology={"whole": Classification()}, query=[Entropy(6)], budget=12)
    assert alone.experiment.ledger.metrics["accuracy"] == metrics["whole/accuracy"]
    assert alone.experiment.ledger.every_metric["whole/accuracy"] == metrics["whole/accuracy"]


TWICE = (*SMALL, "++metrology.more={_target_: alrun.metrology.classification.Classification}")
TARGET = "+stopping.good={_target_: alrun.stopping.target_metric.TargetMetric, value: 0.0, monitor: "


def test_a_monitor_that_two_strategies_record_is_refused_and_goes_by_both_names(alrun: Alrun) -> None:
    told = alrun(*TWICE, TARGET + "accuracy}")
    assert told.code == 2
    assert "stopping.good.monitor: several metrology strategies record 'accuracy': classification, more" in told.err
    hint = "stopping.good.monitor=classification/accuracy"
    assert hint in told.err
    assert "accuracy has reached" in alrun(*TWICE, TARGET + "accuracy}", hint).out
    assert "accuracy has reached" in alrun(*SMALL, TARGET + "classification/accuracy}").out
    told = alrun(*TWICE, TARGET + "acuracy}")
    assert "no metrology strategy records 'acuracy'" in told.err


def test_names_that_the_records_have_for_another_use_are_refused(alrun: Alrun) -> None:
    more = "{_target_: alrun.query.random.Random, max_samples: 5}"
    told = alrun(*SMALL, "validation_from_budget=true", "data.validation_size=0.2", f"+query.validation={more}")
    assert told.code == 2
    assert "the name 'validation' is reserved" in told.err
    told = alrun(*SMALL, "++metrology.training={_target_: alrun.metrology.classification.Classification}")
    assert told.code == 2
    assert "the name 'training' is reserved" in told.err


def test_such_names_are_refused_from_python_too(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"query\.validation: the name 'validation' is reserved"):
        run(tmp_path / "sold", query={"validation": Random(4)}, sell_validation=True)
    with pytest.raises(ConfigError, match=r"metrology\.training: the name 'training' is reserved"):
        run(tmp_path / "logged", metrology={"training": Classification()})
