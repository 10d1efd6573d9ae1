"""Uncertainty over several tasks: combined by hand, by conformance, and task by task where labels are sold so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import entropy as shannon  # type: ignore[import-untyped]

from alrun.core.errors import ConfigError, StrategyError
from alrun.core.queues import FifoQueue
from alrun.core.types import Prediction, Task, TaskPart, TaskSpec
from alrun.data.source import ArraySource
from alrun.driver.driver import Driver
from alrun.query.multitask import MultiTask
from alrun.query.random import Random
from alrun.testing import QueryConformance
from alrun.testing.host import hosted
from alrun.testing.orders import permuted

PARTS = tuple(TaskPart(name, Task.CLASSIFICATION, size) for name, size in (("kind", 3), ("side", 2)))
SPEC = TaskSpec(Task.CLASSIFICATION, (5,), 5, tasks=PARTS)


def source(partial: bool) -> ArraySource:
    inputs = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    targets = torch.stack([inputs[:, :3].argmax(dim=1), (inputs[:, 3] > 0).long()], dim=1)
    return ArraySource(inputs, targets, SPEC, partial_labels=partial)


class TestOverSeveralTasks(QueryConformance):
    def strategy(self, max_samples: int) -> Any:
        return MultiTask(max_samples, weights={"side": 2.0}, spec=SPEC)

    @contextmanager
    def host(self, directory: Path, seed: int = 0) -> Iterator[Driver]:
        run = directory / f"host_{len(list(directory.iterdir()))}"
        with hosted(run, cold=False, seed=seed, data=source(partial=False)) as driver:
            yield driver


class Host:
    spec = SPEC


def scored(outputs: torch.Tensor, stochastic: bool = False, **options: Any) -> np.ndarray[Any, Any]:
    strategy = MultiTask(1, spec=SPEC, **options)
    host: Any = Host()
    strategy.attach(host)
    found = strategy.score(Prediction(torch.arange(outputs.shape[-2]), outputs, stochastic))
    return found.numpy()


def apart(logits: torch.Tensor) -> list[Any]:
    return [part.softmax(dim=-1).numpy() for part in logits.split([3, 2], dim=-1)]


def test_combinations_are_those_by_hand() -> None:
    logits = torch.randn(40, 5, generator=torch.Generator().manual_seed(1)) * 3
    kind, side = (shannon(part, axis=1) for part in apart(logits))
    np.testing.assert_allclose(scored(logits), (kind + side) / 2, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scored(logits, combine="max"), np.maximum(kind, side), rtol=1e-5, atol=1e-6)
    weighted = scored(logits, combine="sum", weights={"kind": 3, "side": 0.5})
    np.testing.assert_allclose(weighted, 3 * kind + 0.5 * side, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scored(logits, weights={"kind": 0}), side / 2, rtol=1e-5, atol=1e-6)
    ordered = [np.sort(part, axis=1) for part in apart(logits)]
    gaps = [part[:, -2] - part[:, -1] for part in ordered]
    np.testing.assert_allclose(scored(logits, measure="margin", combine="max"), np.maximum(*gaps), rtol=1e-5, atol=1e-6)
    doubts = [1 - part[:, -1] for part in ordered]
    np.testing.assert_allclose(scored(logits, measure="least_confidence"), sum(doubts) / 2, rtol=1e-5, atol=1e-6)


def test_posterior_samples_are_averaged_before_or_after_scoring() -> None:
    logits = torch.randn(6, 20, 5, generator=torch.Generator().manual_seed(2)) * 3
    predictive = sum(shannon(part.mean(axis=0), axis=1) for part in apart(logits)) / 2
    expected = sum(shannon(part, axis=2).mean(axis=0) for part in apart(logits)) / 2
    np.testing.assert_allclose(scored(logits, True), predictive, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scored(logits, True, expected=True), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "options", [{"measure": "entrpy"}, {"combine": "median"}, {"weights": {"kinds": 1}}, {"weights": {"kind": -1}}]
)
def test_options_that_mean_nothing_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        MultiTask(1, spec=SPEC, **options)


@contextmanager
def by_task(folder: Path) -> Iterator[tuple[Driver, Any]]:
    """Yield a driver whose pool sells single tasks; some are pending, some labeled."""
    run = folder / f"host_{len(list(folder.iterdir()))}"
    with hosted(run, cold=True, data=source(partial=True)) as driver:
        pool: Any = driver.unlabeled_pool
        keys = pool.open_keys
        pool.take(torch.cat([keys[::3], keys[1::7][keys[1::7] % 3 != keys[0] % 3]]).unique())
        pool.label(keys[::9])
        yield driver, pool


def picked(driver: Driver, strategy: Any, queued: tuple[Any, ...] = ()) -> list[Any]:
    strategy.attach(driver)
    queue = FifoQueue(queued)
    strategy.sample(queue)
    return queue.to_list()


def test_the_best_open_pairs_are_picked_whatever_the_order_of_the_pool(tmp_path: Path) -> None:
    weights = {"kind": 0.6, "side": 1.0}
    with by_task(tmp_path) as (driver, pool):
        chunks = list(driver.predictor(pool))
        rows = torch.cat([chunk.indices for chunk in chunks]).tolist()
        logits = torch.cat([chunk.outputs for chunk in chunks])
        ranked = []
        for number, (part, probabilities) in enumerate(zip(PARTS, apart(logits), strict=True)):
            values = weights[part.name] * shannon(probabilities, axis=1)
            opened = pool.open_tasks(rows)[:, number].tolist()
            ranked += [(-v, row, part.name) for v, row, may in zip(values, rows, opened, strict=True) if may]
        strategy = MultiTask(25, weights=weights, turns=False, spec=SPEC)
        assert picked(driver, strategy) == [(row, name) for _, row, name in sorted(ranked)[:25]]
        expected = [-value for value, _, _ in sorted(ranked)[:25]]
        np.testing.assert_allclose(strategy.report.scores, expected, rtol=1e-5, atol=1e-6)
        assert strategy.report.pool_mean == pytest.approx(-np.mean([value for value, _, _ in ranked]), rel=1e-5)
        everything = picked(driver, MultiTask(1000, weights=weights, turns=False, spec=SPEC))
        assert len(everything) == len(set(everything)) == len(pool.open_keys) == len(ranked)
        driver.unlabeled_pool = permuted(pool, seed=1)
        assert set(picked(driver, MultiTask(25, weights=weights, turns=False, spec=SPEC))) == set(everything[:25])


def test_tasks_take_turns_with_the_best_of_each(tmp_path: Path) -> None:
    with by_task(tmp_path) as (driver, pool):
        ranked = picked(driver, MultiTask(1000, turns=False, spec=SPEC))
        each = [[pair for pair in ranked if pair[1] == part.name] for part in PARTS]
        strategy = MultiTask(11, spec=SPEC)
        chosen = picked(driver, strategy)
        assert chosen == [each[number % 2][number // 2] for number in range(11)]
        assert len(strategy.report.scores) == 11
        assert sorted(picked(driver, MultiTask(1000, spec=SPEC))) == sorted(ranked)
        assert len(ranked) == len(pool.open_keys)


@pytest.mark.parametrize("kind", [MultiTask, Random])
def test_pairs_in_the_queue_are_passed_over_and_a_row_there_means_all_its_tasks(tmp_path: Path, kind: Any) -> None:
    with by_task(tmp_path) as (driver, pool):
        alone = picked(driver, kind(12))
        row = next(row for row in pool.indices.tolist() if pool.open_tasks([row]).all())
        queued = (*alone[:6], row)
        more = picked(driver, kind(1000), queued)[len(queued) :]
        assert not {*alone[:6], *pool.requests(row)} & set(more)
        assert len(more) == len(pool.open_keys) - len({*alone[:6], *pool.requests(row)})


def test_random_pairs_are_uniform_over_tasks_and_belong_to_the_seed(tmp_path: Path) -> None:
    with by_task(tmp_path) as (driver, pool), by_task(tmp_path) as (other, _):
        chosen = picked(driver, Random(60))
        assert chosen == picked(other, Random(60))
        other.unlabeled_pool = permuted(other.unlabeled_pool, seed=1)
        assert chosen == picked(other, Random(60))
        assert {task for _, task in chosen} == {"kind", "side"}
        assert bool(torch.isin(pool.request_keys(chosen), pool.open_keys).all())


def test_equal_scores_go_by_row_then_by_task(tmp_path: Path) -> None:
    with by_task(tmp_path) as (driver, pool):
        with torch.no_grad():
            for parameter in driver.learner.parameters():
                parameter.zero_()
        chosen = picked(driver, MultiTask(30, measure="margin", turns=False, spec=SPEC))
        lowest = [pool.request(key) for key in pool.open_keys.tolist()]
    assert chosen == lowest[:30]


def test_numbers_are_ranked_by_the_variance_of_each_target() -> None:
    spec = TaskSpec(
        Task.REGRESSION, (5,), 2, tasks=tuple(TaskPart(name, Task.REGRESSION, 1) for name in ("low", "high"))
    )
    host: Any = Host()
    host.spec = spec
    outputs = torch.randn(4, 30, 4, generator=torch.Generator().manual_seed(3))
    strategy = MultiTask(1, weights={"high": 0.1}, combine="sum", spec=spec)
    strategy.attach(host)
    alone = strategy.score(Prediction(torch.arange(30), outputs[0]))
    np.testing.assert_allclose(alone, outputs[0, :, 2].exp() + 0.1 * outputs[0, :, 3].exp(), rtol=1e-5)
    mixed = strategy.score(Prediction(torch.arange(30), outputs, True))
    each = outputs[..., 2:].exp().mean(dim=0) + outputs[..., :2].var(dim=0, correction=0)
    np.testing.assert_allclose(mixed, each[:, 0] + 0.1 * each[:, 1], rtol=1e-4)
    with pytest.raises(StrategyError, match="needs a predictive variance"):
        strategy.score(Prediction(torch.arange(30), outputs[0, :, :2]))
    with pytest.raises(ConfigError, match="unknown measure 'entropy'"):
        MultiTask(1, measure="entropy", spec=spec)
