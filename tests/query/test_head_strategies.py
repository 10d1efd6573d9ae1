"""DropQuery, ALFA-Mix and LDM-S: what the last layer says of changed embeddings, by the loops of their authors."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.errors import ConfigError, StrategyError
from alrun.core.queues import FifoQueue
from alrun.query.alfa_mix import AlfaMix, flipping_shares
from alrun.query.drop_query import DropQuery
from alrun.query.head import Head
from alrun.query.least_disagree import LeastDisagree, closeness, least_disagreement
from alrun.query.selection.features import as_features
from alrun.query.selection.kmeans import kmeans
from alrun.query.selection.seeding import seeding
from alrun.testing.host import NUM_CLASSES, hosted


def sampled(strategy: Any, driver: Any) -> list[int]:
    strategy.attach(driver)
    queue = FifoQueue()
    strategy(queue)
    return queue.to_list()


def embeddings_of(driver: Any, pool: Any) -> Tensor:
    return torch.cat([chunk.embeddings for chunk in driver.predictor(pool, embeddings=True)])


def head_of(driver: Any) -> Head:
    last = [layer for layer in driver.learner.modules() if isinstance(layer, nn.Linear)][-1]
    return Head(last.weight, last.bias)


def random_head(seed: int = 0) -> tuple[Head, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    head = Head(torch.randn(4, 6, generator=generator), torch.randn(4, generator=generator))
    return head, torch.randn(300, 6, generator=generator)


def test_dropout_disagreement_then_clusters(tmp_path: Path) -> None:
    with hosted(tmp_path / "run") as driver:
        strategy = DropQuery(6, num_passes=5, prob=0.4)
        picks = sampled(strategy, driver)
        rows, head, generator = embeddings_of(driver, driver.unlabeled_pool), head_of(driver), strategy.generator()
        changed = torch.zeros(len(rows))
        for _ in range(5):
            kept = torch.rand(rows.shape, generator=generator) >= 0.4
            changed += head.logits(rows * kept / 0.6).argmax(dim=1) != head.logits(rows).argmax(dim=1)
        likely = (changed > 2.5).nonzero()[:, 0]
        assert 6 < len(likely) < len(rows)
        expected = likely[kmeans(as_features(rows[likely]), 6, generator=generator)]
        assert picks == driver.unlabeled_pool.indices[expected].tolist()
        assert strategy.report.scores == pytest.approx((changed[expected] / 5).tolist())
        few = sampled(DropQuery(6, num_passes=1, prob=1e-9), driver)
        assert sorted(few) == driver.unlabeled_pool.indices[:6].tolist()


def test_shares_from_which_on_another_class_wins() -> None:
    head, rows = random_head()
    anchor = rows[:1] + 1
    shares = flipping_shares(head, rows, anchor)
    leaves = rows.clone().requires_grad_()
    predicted = head.predicted(rows)
    (gradient,) = torch.autograd.grad(functional.cross_entropy(head.logits(leaves), predicted, reduction="sum"), leaves)
    along = functional.normalize(gradient, dim=1) * (anchor - rows).norm(dim=1, keepdim=True)
    assert shares.isfinite().all()
    for factor, flips in ((0.999, False), (1.001, True)):
        moved = rows + factor * shares.unsqueeze(1) * along
        assert ((head.predicted(moved) != predicted) == flips).all()
    both = flipping_shares(head, rows, torch.cat([anchor, rows[1:2]]))
    assert (both <= shares).all()
    assert not torch.equal(both, shares)


def author_candidates(head: Head, rows: Tensor, anchors: Tensor, n: int, cap: float) -> Tensor:
    """The loop over classes and caps of the authors' code, with alpha formed element by element."""
    leaves = rows.clone().requires_grad_()
    predicted = head.logits(rows).argmax(dim=1)
    (gradient,) = torch.autograd.grad(functional.cross_entropy(head.logits(leaves), predicted), leaves)
    found, limit = torch.zeros(len(rows), dtype=torch.bool), 0.0
    while limit < 1:
        limit += cap
        for anchor in anchors:
            z = anchor - rows
            eps = limit / math.sqrt(rows.shape[1])
            alpha = (eps * z.norm(dim=1) / gradient.norm(dim=1)).unsqueeze(1) * gradient / (z + 1e-8)
            mixed = (1 - alpha) * rows + alpha * anchor
            found |= head.logits(mixed).argmax(dim=1) != predicted
        if found.sum() > n:
            break
    return found.nonzero()[:, 0]


@pytest.mark.parametrize(("n", "cap"), [(3, 0.02), (12, 0.05), (40, 0.2)])
def test_candidates_are_those_of_the_authors_loop(tmp_path: Path, n: int, cap: float) -> None:
    with hosted(tmp_path / "run") as driver:
        strategy, training = AlfaMix(n, cap=cap), driver.training_pool
        picks = sampled(strategy, driver)
        rows, known = (embeddings_of(driver, pool) for pool in (driver.unlabeled_pool, training))
        labels = training.targets(torch.arange(len(training)))
        anchors = torch.stack([known[labels == label].mean(dim=0) for label in range(NUM_CLASSES)])
        likely = author_candidates(head_of(driver), rows, anchors, n, cap)
        units = functional.normalize(rows[likely], dim=1)
        middles = likely[kmeans(as_features(units), min(n, len(likely)), generator=strategy.generator())]
        assert picks[: len(middles)] == driver.unlabeled_pool.indices[middles].tolist()
        assert len(set(picks)) == len(picks) == n
        assert strategy.report.scores[0] < 0


def test_the_least_disagreement_goes_with_the_distance_to_the_boundary() -> None:
    head = Head(torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
    angles = torch.linspace(0.02, 3.12, 200)
    rows = torch.stack([angles.cos(), angles.sin()], dim=1)
    found = least_disagreement(head, rows, 10, torch.Generator().manual_seed(0))
    # The nearest hypothesis that flips a row disagrees on those between the row and the boundary.
    share = (angles - math.pi / 2).abs() / math.pi
    near = share < 0.2
    assert (found >= share - 0.006)[near].all()
    assert torch.corrcoef(torch.stack([found[near], share[near]]))[0, 1] > 0.95
    again = least_disagreement(head, rows, 10, torch.Generator().manual_seed(0))
    assert torch.equal(found, again)


def test_closeness_is_that_of_the_authors() -> None:
    metric = torch.rand(50, generator=torch.Generator().manual_seed(1))
    for n in (1, 10, 49, 50, 80):
        ranked, order = metric.double().sort()
        limit = ranked[min(n, 49)]
        gamma = (-(ranked - limit).clamp_min(0) / limit).exp()
        if n < 50:
            gamma[n:] *= n / gamma[n:].sum()
        torch.testing.assert_close(closeness(metric, n)[order], gamma.clamp_max(1))
    assert closeness(torch.zeros(5), 2).tolist() == pytest.approx([1, 1, 2 / 3, 2 / 3, 2 / 3])
    assert closeness(torch.tensor([0.0, 0.0, 0.5]), 1).isfinite().all()


def test_seeds_are_drawn_by_weight_and_angle() -> None:
    rows = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
    weights = torch.tensor([1.0, 1.0, 0.5, 1.0])
    squares = torch.tensor([0, 0, 0.5, 1 - 2**-0.5]).double().square()
    counts = torch.zeros(4)
    for seed in range(500):
        counts[seeding(rows, weights, 2, torch.Generator().manual_seed(seed))[1]] += 1
    assert counts.div(500).tolist() == pytest.approx((squares / squares.sum()).tolist(), abs=0.06)
    assert seeding(rows, weights, 9, torch.Generator(), first=2)[0] == 2
    assert sorted(seeding(rows, weights, 9, torch.Generator()).tolist()) == [0, 1, 2, 3]
    assert seeding(rows[:2], torch.tensor([0.1, 0.7]), 2, torch.Generator()).tolist() == [0, 1]
    assert seeding(rows, weights, 0, torch.Generator()).tolist() == []


def test_the_first_row_is_the_closest(tmp_path: Path) -> None:
    with hosted(tmp_path / "run") as driver:
        strategy = LeastDisagree(8, patience=3)
        picks = sampled(strategy, driver)
        rows, generator = embeddings_of(driver, driver.unlabeled_pool), strategy.generator()
        metric = least_disagreement(head_of(driver), rows, 3, generator)
        expected = seeding(rows, closeness(metric, 8), 8, generator, first=int(metric.argmin()))
        assert picks == driver.unlabeled_pool.indices[expected].tolist()


def test_one_logit_stands_for_two_classes() -> None:
    weights = torch.randn(1, 6, generator=torch.Generator().manual_seed(2))
    one, two = Head(weights, torch.ones(1)), Head(torch.cat([0 * weights, weights]), torch.tensor([0.0, 1.0]))
    rows = torch.randn(50, 6, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(one.probabilities(rows), two.probabilities(rows))
    torch.testing.assert_close(flipping_shares(one, rows, rows[:2] + 1), flipping_shares(two, rows, rows[:2] + 1))


def test_what_they_refuse(tmp_path: Path) -> None:
    for wrong, key in (
        (lambda: DropQuery(3, num_passes=0), "num_passes"),
        (lambda: DropQuery(3, prob=1.0), "prob"),
        (lambda: AlfaMix(3, cap=0.0), "cap"),
        (lambda: LeastDisagree(3, patience=0), "patience"),
    ):
        with pytest.raises(ConfigError, match=key):
            wrong()
    with hosted(tmp_path / "run") as driver:
        forward = driver.learner.forward
        driver.learner.forward = lambda inputs: 2 * forward(inputs)
        with pytest.raises(StrategyError, match="embedding_layer"):
            sampled(DropQuery(3), driver)
