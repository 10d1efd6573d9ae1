"""Several tasks: each measured as if it were alone, and their mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score, log_loss

from alrun.core.outputs import task_outputs
from alrun.core.types import Annotation, Prediction, Task, TaskPart, TaskSpec
from alrun.data.digits_multitask import DigitsMultitask
from alrun.data.source import ArraySource
from alrun.inference.mc_dropout import MCDropout
from alrun.metrology.acquisition import Acquisition
from alrun.metrology.classification import Classification
from alrun.metrology.regression import Regression, predictive_moments, regression_metrics
from alrun.metrology.tasks import by_task

if TYPE_CHECKING:
    from conftest import MakeDriver  # type: ignore[import-not-found]


def test_the_mean_is_over_tasks() -> None:
    values = by_task({"a": {"accuracy": 0.5, "nll": 2.0}, "b": {"accuracy": 1.0, "nll": 0.0}})
    assert values == {
        **{"accuracy": 0.75, "nll": 1.0},
        **{"accuracy/a": 0.5, "accuracy/b": 1.0, "nll/a": 2.0, "nll/b": 0.0},
    }


def test_each_task_is_measured_as_if_alone(make_driver: MakeDriver) -> None:
    data = DigitsMultitask()
    strategy = Classification(spec=data.spec)
    driver = make_driver(data, strategy)
    driver.current_phase = None
    strategy.compute()
    found = {record["metric"]: record["value"] for record in strategy.records}
    assert set(found) == set(strategy.metrics)
    assert {record["metric"]: record["higher_is_better"] for record in strategy.records} == strategy.metrics
    pool = driver.test_pool
    assert pool is not None
    everything = torch.arange(len(pool))
    with torch.no_grad():
        outputs = task_outputs(driver.learner.eval()(pool.inputs(everything)), data.spec)
    targets = pool.targets(everything).T.numpy()
    for part, logits, truth in zip(data.spec.tasks, outputs, targets, strict=True):
        chances, guess = logits.double().softmax(dim=1).numpy(), logits.argmax(dim=1).numpy()
        assert found[f"accuracy/{part.name}"] == pytest.approx(accuracy_score(truth, guess))
        assert found[f"macro_f1/{part.name}"] == pytest.approx(f1_score(truth, guess, average="macro"))
        labels = list(range(part.num_outputs))
        assert found[f"nll/{part.name}"] == pytest.approx(log_loss(truth, chances, labels=labels), rel=1e-5)
    of_tasks = [found[f"accuracy/{part.name}"] for part in data.spec.tasks]
    assert found["accuracy"] == pytest.approx(sum(of_tasks) / 3)


def test_posterior_samples_are_averaged_task_by_task(make_driver: MakeDriver) -> None:
    data = DigitsMultitask()
    strategy = Classification(spec=data.spec)
    driver = make_driver(data, strategy, inference=MCDropout(3))
    strategy.compute()
    found = {record["metric"]: record["value"] for record in strategy.records}
    right = []
    for prediction in driver.predictor(driver.test_pool):
        assert prediction.outputs.ndim == 3
        parity = task_outputs(prediction.outputs, data.spec)[1].softmax(dim=-1).mean(dim=0).argmax(dim=-1)
        right.append(parity == data.targets(prediction.indices)[:, 1])
    assert found["accuracy/parity"] == pytest.approx(torch.cat(right).double().mean().item())


def test_counts_are_of_labels_that_were_bought(make_driver: MakeDriver) -> None:
    data = DigitsMultitask(partial_labels=True)
    strategy = Acquisition()
    driver = make_driver(data, strategy)
    first, second = driver.unlabeled_pool.indices[:2].tolist()
    driver.training_pool.extend([Annotation((first, "digit"), 7), Annotation((second, "parity"), 1)])
    driver.training_pool.extend([Annotation((first, "parity"), 1)])
    driver.state.last_batch = 1
    strategy.compute()
    found = {record["metric"]: record["value"] for record in strategy.records}
    assert {name: value for name, value in found.items() if value} == {
        "count_pool_digit_7": 1,
        "count_pool_parity_1": 2,
        "count_picks_digit_7": 1,
        "count_picks_parity_1": 1,
    }


def test_each_target_of_a_regression_is_measured_as_if_alone(make_driver: MakeDriver) -> None:
    parts = tuple(TaskPart(name, Task.REGRESSION, 1) for name in ("low", "high"))
    spec = TaskSpec(Task.REGRESSION, (3,), 2, tasks=parts)
    inputs = torch.randn(200, 3, generator=torch.Generator().manual_seed(0))
    targets = torch.stack([inputs[:, 0].sin(), 50 * inputs[:, 1]], dim=1)
    strategy = Regression(spec=spec)
    driver = make_driver(ArraySource(inputs, targets, spec), strategy)
    strategy.compute()
    found = {record["metric"]: record["value"] for record in strategy.records}
    pool = driver.test_pool
    assert pool is not None
    everything = torch.arange(len(pool))
    with torch.no_grad():
        moments = predictive_moments(Prediction(everything, driver.learner.eval()(pool.inputs(everything))), 2)
    whole = regression_metrics([(moments, pool.targets(everything))], 2)
    for name, value in whole.items():
        assert found[name] == pytest.approx(value)
        assert found[name] == pytest.approx((found[f"{name}/low"] + found[f"{name}/high"]) / 2)
    error = (moments.mean - pool.targets(everything)).square().mean(dim=0).sqrt()
    assert [found["rmse/low"], found["rmse/high"]] == pytest.approx(error.tolist(), rel=1e-5)
