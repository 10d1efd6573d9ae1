"""Several labels or pixels a row from files, data sets and functions: what they become, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from command_line import Alrun  # type: ignore[import-not-found]
from torch.utils.data import TensorDataset

from alrun.core.errors import ConfigError, DataError, StrategyError
from alrun.core.phases import ActiveLearningPhase
from alrun.core.queues import FifoQueue
from alrun.core.request import request_of
from alrun.core.types import Task, TaskSpec
from alrun.data.arrays import Arrays
from alrun.data.dataset import OwnDataset
from alrun.data.table import Table
from alrun.label.base import plain_targets
from alrun.label.function import Function
from alrun.label.noisy_oracle import NoisyOracle
from alrun.pool.labels import encode_targets
from alrun.pool.training import TrainingPool
from alrun.testing.host import NUM_LABELS, hosted, marks

X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
Y = (X[:, :3] > [0.0, 1.0, -1.0]).astype(np.int64)
LABELS = TaskSpec(Task.MULTI_LABEL, (4,), 3)
MULTI = "data.task=multi_label metrology=multi_label"


def saved(folder: Path, marks_of: Any, name: str = "d.npz") -> str:
    np.savez(folder / name, x=X, y=marks_of)
    return str(folder / name)


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_, np.float32])
def test_arrays_of_marks_of_any_dtype(tmp_path: Path, dtype: Any) -> None:
    source = Arrays(saved(tmp_path, Y.astype(dtype)), task="multi_label")
    assert (source.spec.task, source.spec.num_outputs, source.spec.target_shape) == (Task.MULTI_LABEL, 3, (3,))
    assert source.targets(range(60)).equal(torch.from_numpy(Y))
    assert source.fingerprint() == Arrays(saved(tmp_path, Y), task="multi_label").fingerprint()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.where(Y == 1, 2, 0), "label number 0 is 2 in row 0: 1 where it holds, else 0"),
        (np.where(Y == 1, np.nan, 0), "missing or not finite"),
        (np.zeros_like(Y), "all rows have the same labels"),
        (Y.astype(str), "zeros and ones"),
        (np.stack([Y, Y], axis=2), "zeros and ones"),
    ],
)
def test_arrays_of_other_values_are_refused(tmp_path: Path, values: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Arrays(saved(tmp_path, values), task="multi_label")


def test_masks_are_numbered_in_the_order_of_their_values(tmp_path: Path) -> None:
    values = np.random.default_rng(1).choice([3, 7, 255], size=(60, 5, 4)).astype(np.uint8)
    np.savez(tmp_path / "m.npz", x=np.zeros((60, 1, 5, 4), dtype=np.float32), y=values)
    source = Arrays(str(tmp_path / "m.npz"), task="segmentation")
    assert (source.spec.mask_shape, source.spec.class_names) == ((5, 4), ("3", "7", "255"))
    found = source.targets([4, 2])
    assert found.dtype == torch.int64
    assert np.array([3, 7, 255])[found.numpy()].tolist() == values[[4, 2]].tolist()
    pool = TrainingPool(source)
    pool.add([request_of(row, source.spec) for row in (4, 2)], plain_targets(found))
    assert pool.targets([0, 1]).equal(found)
    assert pool[1][1].equal(found[1])
    with pytest.raises(StrategyError, match=r"a mask of shape \(5, 4\)"):
        pool.add([request_of(5, source.spec)], [torch.zeros(4, 5)])
    for wrong, message in ((Y, "masks are whole numbers"), (np.arange(60 * 20).reshape(60, 5, 4), "1200 different")):
        with pytest.raises(DataError, match=message):
            Arrays(saved(tmp_path, wrong), task="segmentation")


def test_a_table_has_one_column_a_label(tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=list("wxyz")).assign(red=Y[:, 0], round=Y[:, 1] == 1, ripe=Y[:, 2].astype(float))
    frame.to_csv(tmp_path / "t.csv", index=False)
    source = Table(str(tmp_path / "t.csv"), ["red", "round", "ripe"], task="multi_label")
    assert source.spec.class_names == ("red", "round", "ripe")
    assert not source.spec.tasks
    assert source.targets(range(60)).equal(torch.from_numpy(Y))
    assert "target 'round': label" in source.notes


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["1", "maybe"] * 30, "the label 'ripe' is 'maybe' in row 1"),
        ([1, 0, -1] * 20, "label 'ripe' is -1 in row 2"),
        ([1, 0, None] * 20, "the target 'ripe' is missing in row 2"),
    ],
)
def test_a_column_that_is_no_label_is_refused(tmp_path: Path, column: list[Any], message: str) -> None:
    frame = pd.DataFrame(X, columns=list("wxyz")).assign(red=Y[:, 0], ripe=column)
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match=message):
        Table(str(tmp_path / "t.csv"), ["red", "ripe"], task="multi_label")


def test_a_data_set_of_ones_own() -> None:
    source = OwnDataset(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), task="multi_label")
    assert source.spec.num_outputs == 3
    assert source.targets([3, 1]).equal(torch.from_numpy(Y[[3, 1]]))
    with pytest.raises(DataError, match="not a class from 0 to 1"):
        OwnDataset(TensorDataset(torch.from_numpy(X), torch.from_numpy(3 * Y)), task="multi_label")
    with pytest.raises(DataError, match=r"data\.task=multi_label"):
        OwnDataset(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), num_outputs=2)
    with pytest.raises(DataError, match="several labels are one task"):
        OwnDataset(TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), task="multi_label", tasks={"a": 2, "b": 2})


@pytest.mark.parametrize(
    ("label", "message"), [([0, 1], "3 marks of 0 and 1"), ([0, 1, 2], "2 is not a class"), ([0.5, 1, 0], "0.5 is not")]
)
def test_an_answer_that_is_no_set_of_labels_is_refused(label: list[float], message: str) -> None:
    assert encode_targets([[1, 0, 1], torch.tensor([True, False, True])], LABELS).tolist() == [[1, 0, 1]] * 2
    with pytest.raises(StrategyError, match=message):
        encode_targets([label], LABELS)


def answers(folder: Path, strategy: Any) -> tuple[list[Any], torch.Tensor]:
    """Return the labels that ``strategy`` gives to all pending rows of a host, and the true ones."""
    with hosted(folder / "host", Task.MULTI_LABEL, label=strategy) as driver:
        driver.current_phase = ActiveLearningPhase.LABELING
        strategy.attach(driver)
        pool: Any = driver.unlabeled_pool
        found = FifoQueue([])
        strategy(FifoQueue(pool.pending.tolist()), found)
        return [one.target for one in found.to_list()], pool.reveal(pool.pending)


def test_labels_of_a_row_are_flipped_one_by_one(tmp_path: Path) -> None:
    for rate, least, most in ((0.0, 0, 0), (0.3, 0.15, 0.45), (1.0, 1, 1)):
        place = tmp_path / str(rate)
        place.mkdir()
        given, true = answers(place, NoisyOracle(flip_rate=rate, spec=LABELS))
        wrong = torch.tensor(given) != true
        assert wrong.shape[1] == NUM_LABELS
        assert least <= float(wrong.double().mean()) <= most
        columns = {tuple(column) for column in wrong.T.tolist()}
        assert len(columns) == (NUM_LABELS if 0 < rate < 1 else 1), "labels share their errors"
    with pytest.raises(ConfigError, match="not defined for several tasks or labels"):
        NoisyOracle(confusion=[[0.9, 0.1], [0.1, 0.9]], spec=LABELS)


def test_a_function_labels_a_row_with_all_its_marks(tmp_path: Path) -> None:
    given, true = answers(tmp_path, Function(marks))
    assert given == true.tolist()
    assert all(isinstance(one, int) for row in given for one in row)


def test_what_is_not_defined_for_several_labels_is_refused_before_anything_is_bought(
    alrun: Alrun, tmp_path: Path
) -> None:
    """Hints are followed as they stand."""
    words = ["validate", "data=arrays", f"data.path={saved(tmp_path, Y)}", "initial_size=10", "query_size=10"]
    asked = alrun(*words)
    assert asked.code == 2
    assert MULTI in asked.err
    good = [*words, *MULTI.split()]
    assert alrun(*good).code == 0
    for options, messages in {
        "query=batchbald metrology=classification": ["batchbald does not fit", "classification does not fit"],
        "cold_start=balanced learner=sklearn calibration=temperature": [
            "Balanced does not fit multi-label data → cold_start=random",
            "ScikitLearn does not fit",
            "needs a classification",
        ],
        "inference=laplace": ["not defined for a multi_label task"],
    }.items():
        refused = alrun(*good, *options.split())
        assert refused.code == 2, options
        assert all(message in " ".join(refused.err.split()) for message in messages), refused.err


def test_a_report_shows_f1(alrun: Alrun, tmp_path: Path) -> None:
    words = ["data=arrays", f"data.path={saved(tmp_path, Y)}", *MULTI.split(), "training.max_epochs=2"]
    words += ["initial_size=10", "query_size=10", "budget=20", "progress=false", f"output_dir={tmp_path}/out"]
    assert alrun(*words, "query=entropy,random", "-m").code == 0
    report = alrun("report", f"{tmp_path}/out", "--json")
    assert report.code == 0
    assert "macro_f1" in json.dumps(json.loads(report.out))
