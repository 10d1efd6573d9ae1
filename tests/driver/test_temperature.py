"""Temperature scaling: the minimum it should be, on whatever an inference gives, and nothing else changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from alrun.config.check import all_problems, checked
from alrun.config.compose import Composer, resolved
from alrun.config.identity import identity_hash
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError
from alrun.core.types import Task, TaskPart, TaskSpec
from alrun.driver.driver import Driver
from alrun.driver.supply.calibration import CalibratedPredictor
from alrun.driver.supply.temperature import COLDEST, HOTTEST, fitted_temperatures
from alrun.runner.build import Builder
from alrun.testing.host import hosted

SPEC = TaskSpec(Task.CLASSIFICATION, (5,), 4)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def labels(logits: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return logits.softmax(dim=-1).multinomial(1, generator=generator).squeeze(1)


def slope(logits: Tensor, targets: Tensor, temperature: float) -> float:
    """Return the derivative of the mean negative log-likelihood of samples ``[K, B, C]`` in the temperature."""
    value = torch.tensor(temperature, dtype=torch.float64, requires_grad=True)
    mean = (logits.double() / value).softmax(dim=-1).mean(dim=0)
    functional.nll_loss(mean.log(), targets).backward()
    assert value.grad is not None
    return float(value.grad)


def test_the_temperature_behind_the_labels_is_found() -> None:
    logits = drawn(40_000, 4)
    for truth in (0.5, 1.0, 3.0):
        targets = labels(logits / truth)
        found = fitted_temperatures(logits.split(9000), targets.split(9000), SPEC)
        assert found.shape == (4,)
        assert float(found[0]) == pytest.approx(truth, rel=0.05)
        assert slope(logits[None], targets, float(found[0])) == pytest.approx(0, abs=1e-6)


def test_of_samples_it_is_that_of_their_mean_probability() -> None:
    logits = drawn(500, 4) + drawn(6, 500, 4, seed=2)
    targets = labels(logits.mean(dim=0) / 2)
    found = float(fitted_temperatures(logits.split(200, dim=1), targets.split(200), SPEC)[0])
    assert slope(logits, targets, found) == pytest.approx(0, abs=1e-6)
    alone = float(fitted_temperatures([logits.mean(dim=0)], [targets], SPEC)[0])
    assert abs(found - alone) > 0.1


def test_one_column_is_the_logit_of_the_second_class() -> None:
    logits = drawn(300, 1)
    both = torch.cat([torch.zeros_like(logits), logits], dim=1)
    targets = labels(both / 2)
    spec = TaskSpec(Task.CLASSIFICATION, (5,), 2)
    torch.testing.assert_close(
        fitted_temperatures([logits], [targets], spec), fitted_temperatures([both], [targets], spec)[:1]
    )


def test_each_task_has_its_own_and_missing_labels_count_for_nothing() -> None:
    names = {"a": 3, "b": 2, "c": 2}
    parts = tuple(TaskPart(name, Task.CLASSIFICATION, size) for name, size in names.items())
    spec = TaskSpec(Task.CLASSIFICATION, (5,), 7, tasks=parts)
    logits = drawn(400, 7)
    targets = torch.stack([labels(logits[:, :3] / 2), labels(logits[:, 3:5] / 0.5), torch.full((400,), -1)], dim=1)
    targets[::3, 1] = -1
    found = fitted_temperatures([logits], [targets], spec)
    known = targets[:, 1] >= 0
    assert slope(logits[None, :, :3], targets[:, 0], float(found[0])) == pytest.approx(0, abs=1e-6)
    assert slope(logits[None, known, 3:5], targets[known, 1], float(found[3])) == pytest.approx(0, abs=1e-6)
    assert found.tolist() == [*[found[0]] * 3, *[found[3]] * 2, 1.0, 1.0]


def test_rows_that_are_all_right_or_no_better_than_chance_end_at_the_bounds() -> None:
    logits = drawn(50, 4)
    found = fitted_temperatures([logits], [logits.argmax(dim=1)], SPEC)
    assert float(found[0]) == pytest.approx(COLDEST)
    found = fitted_temperatures([logits], [logits.argmin(dim=1)], SPEC)
    assert float(found[0]) == pytest.approx(HOTTEST)


class Known:
    """Rows with the classes that a learner would give them, were it three times as sure."""

    def __init__(self, rows: Any, learner: Any) -> None:
        self.spec, self.indices, self.inputs = rows.spec, rows.indices, rows.inputs
        with torch.no_grad():
            self._targets = labels(3 * learner.eval()(rows.inputs(torch.arange(len(rows)))))

    def __len__(self) -> int:
        return len(self._targets)

    def targets(self, positions: Tensor) -> Tensor:
        return self._targets[positions]


@pytest.fixture(params=[False, True])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Driver]:
    with hosted(tmp_path / "run", stochastic=request.param) as host:
        host.validation_pool = Known(host.test_pool, host.learner)
        yield host


def calibrating(driver: Driver, predictor: Any) -> CalibratedPredictor:
    return CalibratedPredictor(predictor, driver.learner, driver.validation_pool, step=lambda: driver.state.step)


def nll(driver: Driver, predictor: Any) -> float:
    pool: Any = driver.validation_pool
    outputs = [one.outputs for one in predictor(pool)]
    logits = torch.cat(outputs, dim=outputs[0].ndim - 2).double().reshape(-1, len(pool), 3)
    mean = logits.softmax(dim=-1).mean(dim=0)
    return float(functional.nll_loss(mean.log(), pool.targets(torch.arange(len(pool)))))


def test_outputs_are_divided_and_the_rest_is_left(driver: Driver) -> None:
    calibrated = calibrating(driver, driver.predictor)
    temperatures = calibrated.temperatures()
    assert temperatures is not None
    pairs = zip(
        calibrated(driver.unlabeled_pool, embeddings=True),
        driver.predictor(driver.unlabeled_pool, embeddings=True),
        strict=True,
    )
    for ours, plain in pairs:
        torch.testing.assert_close(ours.outputs * temperatures.float(), plain.outputs)
        assert ours.embeddings is not None
        assert plain.embeddings is not None
        assert torch.equal(ours.embeddings, plain.embeddings)
        assert torch.equal(ours.indices, plain.indices)
        assert ours.stochastic == plain.stochastic
    assert nll(driver, calibrated) < nll(driver, driver.predictor)


def test_it_is_fitted_anew_with_other_weights_and_only_then(driver: Driver) -> None:
    passes: list[Any] = []

    def counted(pool: Any, *, embeddings: bool = False) -> Any:
        passes.append(pool)
        return driver.predictor(pool, embeddings=embeddings)

    calibrated = calibrating(driver, counted)
    before = calibrated.temperatures()
    assert calibrated.temperatures() is before
    assert passes == [driver.validation_pool]
    for parameter in driver.learner.parameters():
        parameter.data.mul_(3)
    after = calibrated.temperatures()
    assert before is not None
    assert after is not None
    assert not torch.equal(after, before)
    driver.validation_pool = None
    assert calibrating(driver, counted).temperatures() is None


def config(*words: str) -> dict[str, Any]:
    return resolved(Composer(Trust()).compose(words).config)


def test_only_when_it_is_asked_for_it_is_part_of_the_identity() -> None:
    plain, asked = config(), config("calibration=temperature")
    without = {key: value for key, value in plain.items() if key != "calibration"}
    assert identity_hash(plain) == identity_hash(without)
    assert identity_hash(asked) != identity_hash(plain)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["calibration=temperature", "data.validation_size=0"], "no validation pool"),
        (["calibration=temperature", "data=diabetes"], "needs a classification"),
    ],
)
def test_what_cannot_be_calibrated_is_said_before_anything_runs(words: list[str], fault: str) -> None:
    with pytest.raises(ConfigError, match=fault) as caught:
        Builder(checked(config(*words), Trust())).components()
    assert len(caught.value.problems) == 1


def test_a_calibration_that_does_not_exist_is_named() -> None:
    problems = all_problems(config("calibration=temprature"), Trust())
    assert [(one.where, one.what) for one in problems] == [("calibration", "'temprature' is not a calibration")]
