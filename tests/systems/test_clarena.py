"""Several tasks over one backbone, end to end: joint learning, records by task, labels bought by the task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import Warm  # type: ignore[import-not-found]
from users_folder import Folder  # type: ignore[import-not-found]

PACKAGE = """
from torch import nn


class Narrow(nn.Module):
    def __init__(self, input_shape, width=12, output_size=None):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.LazyLinear(width), nn.Tanh(), nn.Dropout(0.1))
        self.output_size = output_size or width

    def forward(self, inputs):
        return self.layers(inputs)


def head(features, classes):
    return nn.Sequential(nn.Linear(features, 8), nn.ReLU(), nn.Linear(8, classes))


def wrong_head(features, classes):
    return nn.Linear(features, 3)
"""
BACKBONE = """# @package learner.backbone
# A backbone of the user's own.
# alrun data=digits_multitask backbone=narrow
_target_: their_tasks.Narrow
_partial_: true
width: 24
"""
COMMON = (
    *("--config-dir", "conf", "--trust", "their_tasks", "progress=false"),
    *("training.max_epochs=3", "initial_size=15", "query_size=15", "budget=45"),
)
DIGITS = ("data=digits_multitask", "learner=multitask", "backbone=narrow")
PLATEAU = "++learner.scheduler={_target_: torch.optim.lr_scheduler.ReduceLROnPlateau, _partial_: true, patience: 1}"
TASKS = ("digit", "parity", "above_four")
FILES = {"their_tasks.py": PACKAGE, "conf/backbone/narrow.yaml": BACKBONE}


@pytest.fixture(scope="module")
def system(warm_process: Warm, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(warm_process, tmp_path_factory.mktemp("clarena"), FILES, COMMON)


def digests(run: Path) -> Mapping[str, str]:
    files = [run / "records.parquet", run / "acquisitions.parquet", *run.glob("checkpoints/*/training/weights*")]
    return {str(path.relative_to(run)): sha256(path.read_bytes()).hexdigest() for path in files}


def resumed_to_the_byte(system: Folder, name: str, step: str, *words: str) -> Path:
    """Run twice, once killed in between; return the run directory once all is the same."""
    whole: Path = system.finish(*words, f"name={name}_whole")
    code, _ = system.start(*words, f"name={name}_killed", die_at=f"outputs/{name}_killed/*/checkpoints/{step}")
    assert code == -9
    killed = system.finish(*words, f"name={name}_killed")
    assert len(digests(whole)) > 4
    assert digests(killed) == digests(whole)
    return whole


@pytest.mark.parametrize("loop", ["fabric", "trainer"])
def test_joint_learning_resumes_to_the_byte_and_is_recorded_by_task(system: Folder, loop: str) -> None:
    words = (*DIGITS, "query=[multitask,random]", f"training={loop}", PLATEAU, "query_size=20", "budget=60")
    run = resumed_to_the_byte(system, loop, "step_2/query", *words)
    records = pd.read_parquet(run / "records.parquet").query("split == 'test'")
    for metric in ("accuracy", "macro_f1", "nll", "brier", "ece"):
        by_step = records.pivot_table(index="step", columns="metric", values="value")
        each = by_step[[f"{metric}/{task}" for task in TASKS]]
        np.testing.assert_allclose(by_step[metric], each.mean(axis=1), rtol=1e-12)
    bought = pd.read_parquet(run / "acquisitions.parquet")
    assert len(bought) == bought["index"].nunique() == 60
    assert bought["task"].isna().all()
    for label in bought["label"].map(json.loads):
        assert label == [label[0], label[0] % 2, int(label[0] > 4)]


@pytest.mark.parametrize("query", ["multitask", "random"])
def test_labels_are_bought_by_the_task_and_resume_to_the_byte(system: Folder, query: str) -> None:
    words = (*DIGITS, f"query={query}", "data.partial_labels=true")
    run = resumed_to_the_byte(system, f"partial_{query}", "step_2/labeling", *words)
    bought = pd.read_parquet(run / "acquisitions.parquet")
    assert len(bought) == 45
    assert bought.columns[-1] == "task"
    assert not bought.duplicated(["index", "task"]).any()
    assert set(bought["task"]) == set(TASKS)
    assert bought["index"].nunique() < 45
    for _, answers in bought.groupby("index"):
        labels = {task: int(label) for task, label in zip(answers["task"], answers["label"], strict=True)}
        if {"digit", "parity"} <= labels.keys():
            assert labels["parity"] == labels["digit"] % 2
        if {"digit", "above_four"} <= labels.keys():
            assert labels["above_four"] == (labels["digit"] > 4)
    info = json.loads((run / "run.json").read_text())
    assert info["labels"] == info["budget"] == 45


def test_a_table_with_several_targets_and_a_head_of_ones_own(system: Folder) -> None:
    generator = np.random.default_rng(0)
    table = pd.DataFrame(generator.normal(size=(300, 4)), columns=list("abcd"))
    table["kind"] = np.array(["low", "mid", "high"])[np.digitize(table["a"], [-0.5, 0.5])]
    table["is.odd"] = (table["b"] + table["c"] > 0).to_numpy()
    table.to_csv(system.folder / "two.csv", index=False)
    own = "+learner.head={_target_: their_tasks.head, _partial_: true}"
    columns = "data.target=[kind,is.odd]"
    words = (
        "data=table",
        "data.path=two.csv",
        columns,
        "learner=multitask",
        own,
        "query=multitask",
        "training.max_epochs=40",
        "budget=60",
        "learner.optimizer.lr=0.01",
    )
    run = system.finish(*words, "data.partial_labels=true", "name=table")
    metrics = json.loads((run / "run.json").read_text())["metrics"]
    assert metrics["accuracy"] == pytest.approx((metrics["accuracy/kind"] + metrics["accuracy/is.odd"]) / 2)
    assert metrics["accuracy/is.odd"] > 0.7
    assert set(pd.read_parquet(run / "acquisitions.parquet")["task"]) == {"kind", "is.odd"}


def test_numbers_in_units_of_their_own_are_bought_one_at_a_time(system: Folder) -> None:
    generator = np.random.default_rng(1)
    table = pd.DataFrame(generator.normal(size=(250, 3)), columns=list("abc"))
    table["force"] = 1e4 * np.sin(table["a"])
    table["strain"] = 1e-3 * table["b"] * table["c"]
    table.to_csv(system.folder / "numbers.csv", index=False)
    words = ("data=table", "data.path=numbers.csv", "data.target=[force,strain]", "data.task=regression")
    options = ("learner=multitask", "query=multitask", "metrology=regression", "data.partial_labels=true")
    weights = "query.multitask.weights={force: 1e-8, strain: 1e6}"
    run = resumed_to_the_byte(
        system, "numbers", "step_2/training", *words, *options, weights, "query.multitask.turns=false"
    )
    bought = pd.read_parquet(run / "acquisitions.parquet")
    assert set(bought["task"]) == {"force", "strain"}
    truth = [table.loc[row, task] for row, task in zip(bought["index"], bought["task"], strict=True)]
    np.testing.assert_allclose(bought["label"].astype(float), truth, rtol=1e-6)
    metrics = json.loads((run / "run.json").read_text())["metrics"]
    assert metrics["rmse"] == pytest.approx((metrics["rmse/force"] + metrics["rmse/strain"]) / 2)
    assert np.isfinite([metrics["nlpd/force"], metrics["nlpd/strain"]]).all()


def test_images_go_through_convolutions(system: Folder) -> None:
    run = system.finish("data=digits_multitask", "data.image=true", "backbone=cnn", "name=images", "budget=15")
    assert "alrun.backbone.cnn.CNN" in (run / "config.yaml").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*DIGITS, "+learner.backbone.output_size=7"], ["Narrow gives [2, 24] for two inputs", "learner.backbone"]),
        ([*DIGITS, "+learner.head={_target_: their_tasks.wrong_head, _partial_: true}"], ["task 'digit'", "[2, 3]"]),
        (["data=digits_multitask", "backbone=cnn"], ["a cnn needs images", "backbone=mlp"]),
        ([*DIGITS, PLATEAU, "learner.scheduler_monitor=accuracy"], ["learner.scheduler_monitor", "'accuracy'"]),
        ([*DIGITS, PLATEAU, "data.validation_size=0"], ["no validation pool to monitor", "data.validation_size=0.1"]),
        (["data=digits_multitask", "learner=mlp", "query=[entropy,random]"], ["entropy does not", "learner=multitask"]),
        (["data=digits", "backbone=mlp"], ["unknown key 'learner.backbone'"]),
        ([*DIGITS, "query.multitask.weights={digits: 2}"], ["no task 'digits'", "digit, parity, above_four"]),
        ([*DIGITS, "stopping=target_metric", "stopping.target_metric.monitor=accuracy/party"], ["accuracy/parity"]),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_runs(system: Folder, words: list[str], said: list[str]) -> None:
    code, told = system.start(*words, "name=refused")
    assert code == 2, told
    assert all(part in told for part in said), told
    assert "Traceback" not in told
    assert not (system.folder / "outputs" / "refused").exists()
