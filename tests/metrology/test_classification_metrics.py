"""Classification metrics against scikit-learn, over batches of unequal size."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from sklearn import metrics as reference

from alrun.core.errors import ConfigError, StrategyError
from alrun.core.types import Prediction
from alrun.data.digits import Digits
from alrun.data.moons import Moons
from alrun.inference.mc_dropout import MCDropout
from alrun.metrology.classification import Classification, classification_metrics
from alrun.metrology.probabilities import predictive_probabilities

if TYPE_CHECKING:
    from tests.metrology.conftest import MakeDriver


def expected_calibration_error(probabilities: torch.Tensor, classes: torch.Tensor, bins: int = 15) -> float:
    confidence, top = probabilities.max(dim=1)
    number = (confidence * bins).floor().clamp(max=bins - 1)
    gaps = [
        (confidence[number == b].mean() - (top == classes)[number == b].double().mean()).abs() * (number == b).sum()
        for b in number.unique()
    ]
    return float(sum(gaps) / len(classes))


@pytest.mark.parametrize(("rows", "classes", "size"), [(101, 5, 7), (64, 2, 100), (33, 10, 32)])
def test_against_scikit_learn(rows: int, classes: int, size: int) -> None:
    generator = torch.Generator().manual_seed(rows)
    probabilities = (2 * torch.randn(rows, classes, generator=generator, dtype=torch.float64)).softmax(dim=1)
    targets = torch.randint(0, classes, (rows,), generator=generator)
    values = classification_metrics(zip(probabilities.split(size), targets.split(size), strict=True), classes)
    top, labels = probabilities.argmax(dim=1), range(classes)
    one_hot = torch.nn.functional.one_hot(targets, classes)
    assert values == pytest.approx(
        {
            "accuracy": reference.accuracy_score(targets, top),
            "macro_f1": reference.f1_score(targets, top, average="macro"),
            "nll": reference.log_loss(targets, probabilities, labels=labels),
            "brier": float((probabilities - one_hot).square().sum(dim=1).mean()),
            "ece": expected_calibration_error(probabilities, targets),
        },
        rel=1e-6,
    )


def test_certain_and_right_is_perfect_and_certain_and_wrong_is_finite() -> None:
    right, wrong = torch.eye(3, dtype=torch.float64), torch.eye(3, dtype=torch.float64).roll(1, 0)
    targets = torch.arange(3)
    assert classification_metrics([(right, targets)], 3) == {
        "accuracy": 1.0,
        "macro_f1": 1.0,
        "nll": 0.0,
        "brier": 0.0,
        "ece": 0.0,
    }
    values = classification_metrics([(wrong, targets)], 3)
    assert (values["accuracy"], values["brier"], values["ece"]) == (0.0, 2.0, 1.0)
    assert 700 < values["nll"] < 709


def test_posterior_samples_are_averaged_as_probabilities_not_as_logits() -> None:
    outputs = torch.tensor([[[10.0, 0.0]], [[0.0, 2.0]]])
    mixed = predictive_probabilities(Prediction(torch.tensor([0]), outputs, stochastic=True))
    assert torch.allclose(mixed, outputs.double().softmax(dim=-1).mean(dim=0))


def test_one_logit_stands_for_the_second_class() -> None:
    values = predictive_probabilities(Prediction(torch.tensor([0]), torch.tensor([[3.0]])))
    assert values[0, 1] == pytest.approx(1 / (1 + torch.exp(torch.tensor(-3.0)).item()))
    assert values.sum() == 1


@pytest.mark.parametrize("stochastic", [False, True])
def test_measures_the_test_pool_in_chunks(make_driver: MakeDriver, stochastic: bool) -> None:
    strategy = Classification()
    driver = make_driver(Digits(), strategy, inference=MCDropout(num_passes=3) if stochastic else None)
    strategy()
    pool = driver.test_pool
    assert pool is not None
    assert len(pool) % 100 != 0
    positions = torch.arange(len(pool))
    outputs = torch.cat([prediction.outputs for prediction in driver.predictor(pool)], dim=-2).double().softmax(dim=-1)
    probabilities = outputs.mean(dim=0) if stochastic else outputs
    found = {record["metric"]: record["value"] for record in strategy.records}
    accuracy = reference.accuracy_score(pool.targets(positions), probabilities.argmax(dim=1))
    assert found["accuracy"] == pytest.approx(accuracy)
    assert found["nll"] == pytest.approx(reference.log_loss(pool.targets(positions), probabilities))
    assert {record["split"] for record in strategy.records} == {"test"}
    assert {record["metric"]: record["higher_is_better"] for record in strategy.records} == strategy.metrics


def test_falls_back_to_validation_and_refuses_to_measure_on_nothing(make_driver: MakeDriver) -> None:
    strategy = Classification()
    driver = make_driver(Moons(n_samples=100), strategy)
    driver.test_pool = None
    strategy()
    assert {record["split"] for record in strategy.records} == {"validation"}
    driver.validation_pool = None
    with pytest.raises(ConfigError, match=r"data\.test_size=0\.2"):
        strategy()


def test_refuses_outputs_that_are_not_finite(make_driver: MakeDriver) -> None:
    strategy = Classification()
    driver = make_driver(Moons(n_samples=100), strategy)
    with torch.no_grad():
        next(driver.learner.parameters()).fill_(float("nan"))
    with pytest.raises(StrategyError, match="not finite"):
        strategy()
    assert len(strategy) == 0


def test_records_survive_the_disk_in_place(make_driver: MakeDriver) -> None:
    strategy = Classification()
    make_driver(Moons(n_samples=100), strategy)
    strategy()
    strategy.serialize_records()
    kept, written = strategy.records, list(strategy.records)
    strategy.reset()
    assert len(strategy) == 0
    strategy.append({"metric": "stale"})
    strategy.load_records()
    assert strategy.records is kept
    assert strategy.records == written
    other = Classification()
    other.attach(strategy.driver)
    path = strategy.strategy_dir / "elsewhere.json"
    strategy.serialize_records(path)
    other.load_records(path)
    assert other.records == written
