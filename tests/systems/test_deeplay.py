"""Deeplay's active learning in alrun's terms: criteria that combine, an adversary, labels for validation."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pandas as pd
import pytest
import torch
from command_line import Warm  # type: ignore[import-not-found]
from users_folder import Folder, promised  # type: ignore[import-not-found]

from alrun.config.check import checked
from alrun.config.compose import Composer, resolved
from alrun.config.targets import Trust
from alrun.core.knobs import read
from alrun.core.settings import Settings
from alrun.driver.driver import Driver
from alrun.runner.build import Builder
from alrun.store.run_store import RunStore
from alrun.store.rundir import RunDirectory

PACKAGE = '''
from torch import nn


class Backbone(nn.Module):
    """From flat digits to latents that are not flat."""

    def __init__(self, width=6):
        super().__init__()
        convolution = nn.Conv2d(1, width, 3, stride=2)
        self.layers = nn.Sequential(nn.Unflatten(1, (1, 8, 8)), convolution, nn.ReLU(), nn.Dropout(0.2))

    def forward(self, x):
        return self.layers(x)


class Critic(nn.Module):
    def __init__(self, size, hidden=16):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(size, hidden), nn.LeakyReLU(), nn.Dropout(0.1), nn.Linear(hidden, 1))

    def forward(self, z):
        return self.layers(z)
'''
TRAINING = ("progress=false", "threads=1", "training.max_epochs=4", "training.checkpoint_every=2")
COMMON = ("--trust", "my_adversary", *TRAINING)
KNOBS = ("initial_size=20", "query_size=20", "budget=60", "seed=1")
ADVERSARIAL = ("learner=adversarial", "query=adversarial", "learner.adversarial_weight=0.05")
OWN = (
    "learner.backbone={_target_: my_adversary.Backbone}",
    "learner.classifier={_target_: torch.nn.Linear, in_features: 54, out_features: 10}",
    "learner.discriminator={_target_: my_adversary.Critic, size: 54}",
    "learner.discriminator_optimizer={_target_: torch.optim.SGD, _partial_: true, lr: 0.01, momentum: 0.9}",
    "query.adversarial.criterion=entropy - 0.1 * l2_upper",
    "query.adversarial.discriminator_weight=0.5",
    "inference=mc_dropout",
    "inference.num_passes=3",
)
EARLY = ("training.loop.monitor=val_loss", "training.loop.patience=2", "training.loop.restore_best=true")


@pytest.fixture(scope="module")
def system(warm_process: Warm, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(warm_process, tmp_path_factory.mktemp("deeplay"), {"my_adversary.py": PACKAGE}, [*COMMON, *KNOBS])


@pytest.mark.parametrize(("own", "killed"), [((), "fabric"), (OWN, "trainer")], ids=["defaults", "own modules"])
def test_the_adversary_runs_on_both_loops_and_resumes_exactly(
    system: Folder, own: tuple[str, ...], killed: str
) -> None:
    tables = []
    for loop in ("fabric", "trainer"):
        words = (*ADVERSARIAL, *own, f"training={loop}", "training.reset=warm")
        name = f"adversary_{loop}_{len(own)}"
        whole = system.finish_named(f"{name}_whole", *words)
        if loop == killed:
            assert promised(system.finish_in_two(f"{name}_killed", *words)) == promised(whole)
        tables.append(pd.read_parquet(whole / "records.parquet"))
        acquired = pd.read_parquet(whole / "acquisitions.parquet")
        assert (len(acquired), acquired["index"].nunique()) == (60, 60)
        assert set(acquired["strategy"][20:]) == {"adversarial"}
        assert acquired["score"][20:].notna().all()
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert {"classification_loss", "discriminator_loss", "gradient_penalty"} <= set(tables[0]["metric"])


def test_criteria_combine_on_the_command_line(system: Folder) -> None:
    short = ("budget=40", "training.max_epochs=1")
    by_name = system.finish_named("by_name", "query=entropy", *short)
    picks = {
        words: pd.read_parquet(
            system.finish_named(f"criterion_{number}", "query=criterion", *short, words) / "acquisitions.parquet"
        )
        for number, words in enumerate(
            (
                "query.criterion.expression=entropy",
                'query.criterion.expression="(3 * entropy + 2) / 2"',
                "query.criterion.expression=l1_upper + margin / least_confidence",
                "query.criterion.expression={_target_: alrun.query.criteria.base.Sum, "
                "left: {_target_: alrun.query.criteria.uncertainty.Entropy}, right: 0.5}",
            )
        )
    }
    expected = pd.read_parquet(by_name / "acquisitions.parquet")["index"].tolist()
    chosen = [table["index"].tolist() for table in picks.values()]
    assert [one == expected for one in chosen] == [True, True, False, True]


def test_validation_is_labelled_from_the_budget(system: Folder) -> None:
    words = ("validation_from_budget=true", *EARLY, "training.max_epochs=8", "query=margin")
    whole = system.finish_named("validation_whole", *words)
    assert promised(system.finish_in_two("validation_killed", *words)) == promised(whole)
    acquired = pd.read_parquet(whole / "acquisitions.parquet")
    assert (len(acquired), acquired["index"].nunique()) == (60, 60)
    bought = acquired[acquired["strategy"] == "validation"].groupby("step").size()
    assert bought.tolist() == [3, 2, 3]  # in turn a little more and a little less than 20 * 180 / 1438
    assert json.loads((whole / "run.json").read_text())["labels"] == 60
    other = system.finish_named("validation_random", *words, "query=random")
    rows = [pd.read_parquet(run / "acquisitions.parquet").query("strategy == 'validation'") for run in (whole, other)]
    assert rows[0]["index"].tolist() == rows[1]["index"].tolist()


def test_what_cannot_be_is_told_before_anything_is_bought(system: Folder) -> None:
    cases = {
        ("query=adversarial",): "learner=adversarial",
        ("query=criterion", "query.criterion.expression=entropy + margn"): "did you mean margin?",
        ("query=criterion", "query.criterion.expression=open"): "is not a criterion",
        ("validation_from_budget=true", "data.validation_size=0"): "data.validation_size=0.1",
        ("validation_from_budget=true", "initial_size=1"): "initial_size=2",
        (
            *ADVERSARIAL,
            "learner.discriminator={_target_: torch.nn.Linear, in_features: 3, out_features: 1}",
        ): "discriminator",
        (*ADVERSARIAL, "data=diabetes"): "does not fit a regression",
    }
    for words, told in cases.items():
        code, said = system.start("name=refused", *words)
        assert code == 2, said
        assert told in said
    assert not (system.folder / "outputs" / "refused").exists()


def opened(place: Path, *words: str) -> tuple[Driver, RunStore]:
    config = checked(resolved(Composer(Trust()).compose([*TRAINING, *KNOBS, "budget=80", *words]).config), Trust())
    store = RunStore(RunDirectory(place), logging.getLogger("alrun.test.deeplay"))
    return Driver(Builder(config).components(), read(Settings, config), store), store


def test_its_python_methods(tmp_path: Path) -> None:
    """``query_and_update``, train, ``query``, ``reset_model``, and all of it again from what is on disk."""
    words = (*ADVERSARIAL, "validation_from_budget=true")
    place = tmp_path / "run"
    place.mkdir()
    told = []
    for _ in range(2):
        driver, store = opened(place, *words)
        with store:
            initial = {name: value.clone() for name, value in driver.learner.state_dict().items()}
            training, validation = driver.query(20)
            assert (len(training), len(validation)) == (17, 3)
            assert [driver.query_and_update(20), driver.query_and_update(15)] == [20, 15]
            assert driver.training_pool.indices[:17].tolist() == training
            trained = {name: value.clone() for name, value in driver.learner.state_dict().items()}
            assert not all(torch.equal(trained[name], initial[name]) for name in initial)
            choice = driver.query(10)
            driver.reset_model()
            assert all(torch.equal(value, initial[name]) for name, value in driver.learner.state_dict().items())
            told.append((driver.state.digest, choice, {name: value.tolist() for name, value in trained.items()}))
    assert told[0] == told[1]
