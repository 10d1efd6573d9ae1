"""Any torchmetrics metric without a class of ours: fed right, over unequal last batches, named and judged by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
import torchmetrics
from sklearn import metrics as reference
from torch import Tensor
from torchmetrics import classification
from torchmetrics.clustering import AdjustedRandScore

from alrun.core.errors import ConfigError
from alrun.core.outputs import task_outputs
from alrun.core.types import Task, TaskPart, TaskSpec
from alrun.data.diabetes import Diabetes
from alrun.data.digits import Digits
from alrun.data.digits_multitask import DigitsMultitask
from alrun.data.moons import Moons
from alrun.data.source import ArraySource
from alrun.inference.mc_dropout import MCDropout
from alrun.metrology.probabilities import predictive_probabilities
from alrun.metrology.regression import predictive_moments
from alrun.metrology.torchmetric import TorchMetric, columns

if TYPE_CHECKING:
    from tests.metrology.conftest import MakeDriver

DIGITS = TaskSpec(Task.CLASSIFICATION, (64,), 10)
DIABETES = TaskSpec(Task.REGRESSION, (10,), 1)


def outcome(driver: Any) -> tuple[Tensor, Tensor]:
    """Return probabilities and classes, or means and targets, of the whole test pool."""
    pool = driver.test_pool
    predictions = list(driver.predictor(pool))
    targets = pool.targets(torch.arange(len(pool)))
    if pool.spec.task is Task.CLASSIFICATION:
        return torch.cat([predictive_probabilities(one) for one in predictions]), targets
    return torch.cat([predictive_moments(one, 1).mean for one in predictions])[:, 0], targets.double()[:, 0]


@pytest.mark.parametrize("inference", [None, MCDropout(3)])
def test_classification_against_scikit_learn(make_driver: MakeDriver, inference: Any) -> None:
    metrics = {
        "f1": classification.MulticlassF1Score(10),
        "each": classification.MulticlassRecall(10, average=None),
        "both": torchmetrics.MetricCollection(
            {"kappa": classification.MulticlassCohenKappa(10), "ece": classification.MulticlassCalibrationError(10)}
        ),
        "rand": AdjustedRandScore(),
    }
    strategies = [TorchMetric(metric, name, DIGITS) for name, metric in metrics.items()]
    driver = make_driver(Digits(), *strategies, inference=inference)
    for _ in range(2):
        for strategy in strategies:
            strategy.compute()
    found = {record["metric"]: record for strategy in strategies for record in strategy.records}
    predicted, classes = outcome(driver)
    top = predicted.argmax(dim=1)
    assert found["f1"]["value"] == pytest.approx(reference.f1_score(classes, top, average="macro"))
    recalls = reference.recall_score(classes, top, average=None, zero_division=0.0)
    assert [found[f"each_{c}"]["value"] for c in range(10)] == pytest.approx(list(recalls))
    assert found["both_kappa"]["value"] == pytest.approx(reference.cohen_kappa_score(classes, top))
    assert found["rand"]["value"] == pytest.approx(reference.adjusted_rand_score(classes, top))
    assert [found[name]["higher_is_better"] for name in ("f1", "each_3", "both_ece", "rand")] == [
        True,
        True,
        False,
        None,
    ]
    assert {record["split"] for record in found.values()} == {"test"}


def test_two_classes_feed_binary_metrics(make_driver: MakeDriver) -> None:
    strategy = TorchMetric(classification.BinaryAUROC(), "auroc", TaskSpec(Task.CLASSIFICATION, (2,), 2))
    driver = make_driver(Moons(), strategy)
    strategy.compute()
    predicted, classes = outcome(driver)
    assert strategy.records[0]["value"] == pytest.approx(reference.roc_auc_score(classes, predicted[:, 1]))


def test_regression_feeds_means(make_driver: MakeDriver) -> None:
    metrics = {"mse": torchmetrics.MeanSquaredError(), "pearson": torchmetrics.PearsonCorrCoef()}
    strategies = [TorchMetric(metric, name, DIABETES) for name, metric in metrics.items()]
    driver = make_driver(Diabetes(), *strategies)
    for strategy in strategies:
        strategy.compute()
    means, targets = outcome(driver)
    assert strategies[0].records[0]["value"] == pytest.approx(float((means - targets).square().mean()))
    assert strategies[1].records[0]["value"] == pytest.approx(
        float(torch.corrcoef(torch.stack([means, targets]))[0, 1])
    )
    assert strategies[0].metrics == {"mse": False}


def test_each_of_several_classifications_is_measured_by_a_copy(make_driver: MakeDriver) -> None:
    data = DigitsMultitask()
    strategy = TorchMetric(AdjustedRandScore(), "rand", data.spec)
    driver = make_driver(data, strategy)
    strategy.compute()
    found = {record["metric"]: record["value"] for record in strategy.records}
    pool = driver.test_pool
    assert pool is not None
    outputs = torch.cat([one.outputs for one in driver.predictor(pool)])
    targets = pool.targets(torch.arange(len(pool)))
    for number, (part, logits) in enumerate(zip(data.spec.tasks, task_outputs(outputs, data.spec), strict=True)):
        expected = reference.adjusted_rand_score(targets[:, number], logits.argmax(dim=1))
        assert found[f"rand/{part.name}"] == pytest.approx(expected)
    assert found["rand"] == pytest.approx(sum(value for name, value in found.items() if "/" in name) / 3)


def test_each_of_several_named_targets_is_measured_by_a_copy(make_driver: MakeDriver) -> None:
    generator = torch.Generator().manual_seed(0)
    inputs, targets = torch.randn(60, 3, generator=generator), torch.randn(60, 2, generator=generator)
    parts = tuple(TaskPart(name, Task.REGRESSION, 1) for name in ("lift", "drag"))
    data = ArraySource(inputs, targets, TaskSpec(Task.REGRESSION, (3,), 2, tasks=parts))
    strategy = TorchMetric(torchmetrics.MeanSquaredError(), "mse", data.spec)
    driver = make_driver(data, strategy)
    strategy.compute()
    pool = driver.test_pool
    assert pool is not None
    means = torch.cat([predictive_moments(one, 2).mean for one in driver.predictor(pool)])
    errors = (means - pool.targets(torch.arange(len(pool)))).square().mean(dim=0)
    found = {record["metric"]: record["value"] for record in strategy.records}
    assert found == pytest.approx(
        {"mse": float(errors.mean()), "mse/lift": float(errors[0]), "mse/drag": float(errors[1])}
    )


def test_strategies_of_one_class_keep_records_of_their_own(make_driver: MakeDriver) -> None:
    pair = [TorchMetric(classification.MulticlassAccuracy(10), name, DIGITS) for name in ("one", "two")]
    make_driver(Digits(), *pair)
    for strategy in pair:
        strategy.compute()
        strategy.serialize_records()
    for strategy in pair:
        expected = list(strategy.records)
        strategy.reset()
        strategy.load_records()
        assert strategy.records == expected


@pytest.mark.parametrize(
    ("metric", "spec", "told"),
    [
        (classification.MulticlassF1Score(3), DIGITS, "num_classes=10"),
        (classification.BinaryF1Score(), DIGITS, "does not take predictions"),
        (classification.MulticlassF1Score(3), DIABETES, "of this regression"),
        (torchmetrics.MeanSquaredError(), None, "have no spec"),
    ],
)
def test_a_metric_that_does_not_fit_is_refused_when_built(metric: Any, spec: TaskSpec | None, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        TorchMetric(metric, "score", spec)


def test_what_is_computed_becomes_columns() -> None:
    assert columns("m", torch.tensor([[1.0], [2.0]])) == {"m_0_0": 1.0, "m_1_0": 2.0}
    assert columns("m", {"a": torch.tensor(1), "b": (torch.tensor([2.0]), 3)}) == {
        "m_a": 1.0,
        "m_b_0": 2.0,
        "m_b_1": 3.0,
    }
