"""Adversarial query: the weighted sum, and memory that does not grow with the pool."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from alrun.core.errors import ConfigError
from alrun.core.outputs import probabilities
from alrun.core.queues import FifoQueue
from alrun.core.seeding import Seeds
from alrun.core.types import Task, TaskSpec
from alrun.data.source import ArraySource
from alrun.driver.supply.predictor import StreamedPredictor
from alrun.inference.deterministic import Deterministic
from alrun.learner.adversarial import Adversarial as Learner
from alrun.pool.pools import pools
from alrun.query import scores
from alrun.query.adversarial import Adversarial
from alrun.query.criteria.uncertainty import Entropy
from alrun.testing.host import hosted

NEEDS = frozenset({"discriminator"})


@pytest.mark.parametrize("stochastic", [False, True])
def test_score_is_the_weighted_sum(stochastic: bool, tmp_path: Path) -> None:
    strategy = Adversarial(9, Entropy(), uncertainty_weight=0.3, discriminator_weight=2.0)
    with hosted(tmp_path / "run", stochastic=stochastic, needs=NEEDS) as driver:
        strategy.attach(driver)
        pool: Any = driver.unlabeled_pool
        chunks = list(driver.predictor(pool))
        uncertainty = scores.entropy(probabilities(torch.cat([chunk.outputs for chunk in chunks], dim=-2)))
        learner = driver.learner.eval()
        with torch.no_grad():
            told = learner.discriminator(learner.latents(pool.inputs(torch.arange(len(pool))))).flatten()
        expected = 0.3 * uncertainty + 2.0 * (1 - told)
        strategy(driver.query_queue)
        picks = driver.query_queue.to_list()
    assert picks == pool.indices[expected.argsort(descending=True, stable=True)[:9]].tolist()
    torch.testing.assert_close(torch.tensor(strategy.report.scores), expected.sort(descending=True).values[:9])


def test_a_discriminator_with_dropout_answers_without_it(tmp_path: Path) -> None:
    picks = []
    for stochastic in (False, True):
        strategy = Adversarial(9, "entropy", uncertainty_weight=0.0)
        with hosted(tmp_path / str(stochastic), stochastic=stochastic, needs=NEEDS) as driver:
            driver.learner.discriminator.append(torch.nn.Dropout(0.5))
            strategy.attach(driver)
            strategy(driver.query_queue)
            picks.append(driver.query_queue.to_list())
    assert picks[0] == picks[1]


def test_weights_must_be_numbers() -> None:
    with pytest.raises(ConfigError) as caught:
        Adversarial(3, uncertainty_weight=float("nan"), discriminator_weight=float("inf"))
    assert len(caught.value.problems) == 2


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that any operation returns."""

    nbytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        sizes = [leaf.nbytes for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]
        self.nbytes = max([self.nbytes, *sizes])
        return out


def largest_tensor(rows: int) -> int:
    """Return the bytes of the largest tensor made while 20 of ``rows`` rows are queried, 512 a chunk."""
    generator = torch.Generator().manual_seed(0)
    data = ArraySource(
        torch.randn(rows, 4, generator=generator), torch.arange(rows) % 3, TaskSpec(Task.CLASSIFICATION, (4,), 3)
    )
    pool: Any = pools(data, Seeds(0)).unlabeled
    assert len(pool) > 0.6 * rows
    learner = Learner(data.spec, partial(torch.optim.SGD, lr=0.1), hidden=(8,), discriminator_hidden=(8,))
    seeds = Seeds(0, 1, "query")
    predictor = StreamedPredictor(
        learner,
        Deterministic(),
        batch_size=512,
        device=torch.device("cpu"),
        seeds=lambda: seeds,
        progress=lambda done, total: None,
    )
    strategy = Adversarial(20)
    host: Any = SimpleNamespace(predictor=predictor, unlabeled_pool=pool, learner=learner)
    strategy.attach(host)
    queue = FifoQueue()
    with Largest() as largest:  # type: ignore[no-untyped-call]
        strategy(queue)
    assert len(queue) == 20
    return int(largest.nbytes)


def test_memory_does_not_grow_with_the_pool() -> None:
    small, large = largest_tensor(100_000), largest_tensor(1_000_000)
    assert max(small, large) < 1 << 17  # a chunk and the buffer of the running best, nothing of the pool's own length
