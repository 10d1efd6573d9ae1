"""LfOSA, SIMILAR and MQ-Net: definitions, a peer's mixture, brute force, and what they buy where much is unknown."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from command_line import Alrun, only_run  # type: ignore[import-not-found]
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

from alrun.core.errors import ConfigError
from alrun.core.queues import FifoQueue
from alrun.core.request import request_of
from alrun.core.seeding import Seeds
from alrun.data.digits import Digits
from alrun.data.source import ArraySource
from alrun.query.features.embedding import Embedding
from alrun.query.features.inputs import Inputs
from alrun.query.lfosa import LfOSA, known_share
from alrun.query.meta_query import MetaQuery, ranking_loss, standardized
from alrun.query.mqnet import MQNet, largest_cosine
from alrun.query.selection.features import OuterProduct
from alrun.query.selection.flcmi import flcmi
from alrun.query.two_gaussians import upper_share
from alrun.testing.host import hosted
from alrun.transform.ood import OOD


def similarities(vectors: Tensor) -> Tensor:
    unit = torch.nn.functional.normalize(vectors.double())
    return (unit @ unit.T).clamp_min(0)


def information(near: Tensor, chosen: list[int], labeled: Tensor, unknown: Tensor, eta: float, nu: float) -> float:
    """Return FLCMI of ``chosen`` over all rows that are neither labeled nor unknown, as the paper's table has it."""
    ground = [row for row in range(len(near)) if row not in {*labeled.tolist(), *unknown.tolist()}]
    best = near[ground][:, chosen].amax(dim=1) if chosen else torch.zeros(len(ground)).double()
    query = near[ground][:, labeled].amax(dim=1)
    private = near[ground][:, unknown].amax(dim=1) if len(unknown) else torch.zeros(len(ground)).double()
    return float((best.minimum(eta * query) - nu * private).clamp_min(0).sum())


def is_greedy(near: Tensor, picks: list[int], labeled: Tensor, unknown: Tensor, eta: float, nu: float) -> int:
    """Return how many of ``picks``, in order, add as much as any other row does, and more than nothing."""
    left = [row for row in range(len(near)) if row not in {*labeled.tolist(), *unknown.tolist()}]
    for count, pick in enumerate(picks):
        chosen = picks[:count]
        values = {row: information(near, [*chosen, row], labeled, unknown, eta, nu) for row in left}
        if max(values.values()) <= information(near, chosen, labeled, unknown, eta, nu) + 1e-6:
            return count
        assert values[pick] > max(values.values()) - 1e-5
        left.remove(pick)
    return len(picks)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("eta", "nu"), [(1.0, 1.0), (1.5, 0.5)])
def test_picks_are_those_of_the_plain_greedy_algorithm(seed: int, eta: float, nu: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    left, right = torch.randn(60, 3, generator=generator), torch.randn(60, 2, generator=generator)
    product = (left[:, :, None] * right[:, None, :]).flatten(1)
    order = torch.randperm(60, generator=generator)
    labeled, unknown = order[:6], order[6 : 6 + 4 * (seed % 3)]
    for features in (product, OuterProduct(left, right)):
        found = flcmi(features, 12, labeled=labeled, unknown=unknown, eta=eta, nu=nu).tolist()
        assert is_greedy(similarities(product), found, labeled, unknown, eta, nu) > 5
        assert len(set(found)) == 12
        assert not {*found} & {*labeled.tolist(), *unknown.tolist()}


def test_it_is_the_conditional_mutual_information_of_facility_location() -> None:
    generator = torch.Generator().manual_seed(3)
    near = similarities(torch.rand(30, 4, generator=generator) - 0.3)
    labeled, unknown, chosen = torch.tensor([0, 1]), torch.tensor([2, 3]), [4, 9, 17]
    ground = [row for row in range(30) if row > 3]

    def location(*groups: Any) -> float:
        together = torch.cat([torch.as_tensor(group) for group in groups])
        return float(near[ground][:, together].amax(dim=1).sum())

    defined = location(chosen, unknown) + location(labeled, unknown)
    defined -= location(chosen, labeled, unknown) + location(unknown)
    assert information(near, chosen, labeled, unknown, 1, 1) == pytest.approx(defined)


def test_when_nothing_is_added_the_rest_goes_by_likeness() -> None:
    angles = torch.tensor([0.0, 0.1, 1.5, 0.05, 1.4, 1.2])
    vectors = torch.stack([angles.cos(), angles.sin()], dim=1)
    found = flcmi(vectors, 10, labeled=torch.tensor([0]), unknown=torch.tensor([2]))
    assert found.tolist() == [3, 1, 5, 4]
    assert flcmi(vectors, 2, labeled=torch.tensor([], dtype=torch.int64), unknown=torch.tensor([2])).tolist() == [0, 3]
    assert len(flcmi(vectors, 0, labeled=torch.tensor([0]), unknown=torch.tensor([2]))) == 0
    with pytest.raises(ConfigError, match="eta"):
        flcmi(vectors, 1, labeled=torch.tensor([0]), unknown=torch.tensor([2]), eta=-1)


@pytest.mark.parametrize("seed", range(5))
def test_mixture_of_scikit_learn(seed: int) -> None:
    """From the same start scikit-learn's expectation maximization, with the authors' settings, comes to the same."""
    rng = np.random.default_rng(seed)
    values = np.concatenate([rng.normal(2, 1, 40 + 9 * seed), rng.normal(5 + seed / 2, 0.7, 30)])
    values = rng.permutation(values)
    cuts = np.sort(values)[:-1]
    spread = [
        values[values <= cut].var() * (values <= cut).sum() + values[values > cut].var() * (values > cut).sum()
        for cut in cuts
    ]
    upper = values > cuts[int(np.argmin(spread))]
    groups = [values[~upper], values[upper]]
    start = {
        "weights_init": [len(one) / len(values) for one in groups],
        "means_init": [[one.mean()] for one in groups],
        "precisions_init": [[[1 / (one.var() + 5e-4)]] for one in groups],
    }
    peer = GaussianMixture(2, max_iter=10, tol=1e-2, reg_covar=5e-4, random_state=0, **start)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        peer.fit(values.reshape(-1, 1))
    expected = peer.predict_proba(values.reshape(-1, 1))[:, int(peer.means_.argmax())]
    found = upper_share(torch.from_numpy(values))
    assert found.numpy() == pytest.approx(expected, abs=1e-9)
    assert 0 < (found > 0.5).double().mean() < 1


def test_mixture_of_few_and_equal_numbers() -> None:
    assert upper_share(torch.tensor([3.0])).tolist() == [0.0]
    assert upper_share(torch.tensor([])).tolist() == []
    assert upper_share(torch.full((5,), 2.0)).isfinite().all()
    apart = upper_share(torch.tensor([0.0, 10.0, 0.1, 9.9, 0.2]))
    assert (apart > 0.99).tolist() == [False, True, False, True, False]


def test_rows_taken_for_unknown_are_not_known() -> None:
    activations = torch.tensor(
        [[9.0, 0, 0], [8.9, 0, 1], [1, 0, 0], [1.1, 0, 0], [0, 0, 20], [0, 7, 0], [0, 0, 3], [0, 0, 21]]
    )
    shares = known_share(activations)
    assert shares[:2].min() > 0.99
    assert shares[2:].max() < 0.01


def test_lfosa_refuses_what_makes_no_sense() -> None:
    with pytest.raises(ConfigError, match=r"hidden[\s\S]*temperature"):
        LfOSA(3, Inputs(), hidden=0, temperature=0.0)


def half_of_digits() -> Any:
    digits = Digits()
    rows = torch.arange(300)
    some = ArraySource(digits.inputs(rows), digits.targets(rows), digits.spec)
    return OOD(["1", "3", "5", "7", "9"])(some, Seeds(0), "ood")


def unknown_share(run: Path) -> float:
    """Return the share of unknown rows among those bought after the first step."""
    table = pq.read_table(run / "acquisitions.parquet").to_pydict()
    later = [str(label) == "5" for step, label in zip(table["step"], table["label"], strict=True) if step > 0]
    return sum(later) / len(later)


def test_the_network_of_two_scores_learns_an_order_and_rises_with_both() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = 3 * torch.rand(60, 2, generator=generator, dtype=torch.float64)
    for losses in (inputs[:, 0], inputs[:, 1], inputs.sum(dim=1)):
        network = MetaQuery(torch.Generator().manual_seed(1))
        network.fit(inputs, losses, margin=0.1, steps=200, rate=0.05)
        found = network(inputs).detach()
        pairs = (losses[:, None] > losses) & (found[:, None] > found)
        assert pairs.sum() > 0.95 * 60 * 59 / 2
        assert (network(inputs + torch.tensor([0.5, 0.0])) >= found).all()
        assert (network(inputs + torch.tensor([0.0, 0.5])) >= found).all()


def test_loss_on_pairs() -> None:
    outputs, losses = torch.tensor([1.0, 0.95, 0.0]), torch.tensor([2.0, 0.0, 0.0])
    assert float(ranking_loss(outputs, losses, 0.1)) == pytest.approx(2 * 0.05 / 4)
    assert float(ranking_loss(outputs, torch.ones(3), 0.1)) == 0.0
    assert standardized(torch.full((4,), 0.3)).tolist() == [1.0] * 4


def test_likeness_is_the_largest_cosine() -> None:
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(400, 5, generator=generator)
    labeled = torch.arange(100, 400)
    expected = torch.nn.functional.cosine_similarity(vectors[:100, None], vectors[labeled], dim=2).amax(dim=1)
    torch.testing.assert_close(largest_cosine(vectors, 100, labeled), expected)
    assert largest_cosine(vectors, 3, labeled[:0]).tolist() == [0.0] * 3


def test_mqnet_learns_from_the_losses_before_training(tmp_path: Path) -> None:
    """The batch that has come back, with 0 for the unknown, whatever was asked for in between; kept through a stop."""
    with hosted(tmp_path, data=half_of_digits()) as driver:
        query, heir = MQNet(12, Embedding()), MQNet(12, Embedding())
        query.attach(driver)
        queue = FifoQueue()
        query.sample(queue)
        query.sample(FifoQueue())
        assert len(query.state_dict()["batches"]) == 1
        rows = queue.to_list()
        chances = torch.cat([one.outputs.softmax(dim=1) for one in driver.predictor(driver.unlabeled_pool)])
        chances = chances[torch.searchsorted(driver.unlabeled_pool.indices, torch.tensor(rows))].double()
        labels = driver.unlabeled_pool.reveal(rows)
        driver.training_pool.add([request_of(row, driver.spec) for row in rows], labels.tolist())
        driver.active_learning_step_idx += 1
        inputs, losses = query._last_losses()
        known = labels < 5
        assert 0 < int(known.sum()) < 12
        expected = torch.where(known, -chances.gather(1, labels.clamp_max(4)[:, None])[:, 0].log(), 0.0)
        torch.testing.assert_close(losses, expected, rtol=1e-4, atol=1e-6)
        assert inputs.shape == (12, 2)
        heir.attach(driver)
        heir.load_state_dict(query.state_dict())
        picks = [FifoQueue(), FifoQueue(), FifoQueue()]
        for one, into in zip((query, heir, query), picks, strict=True):
            one.sample(into)
        assert picks[0].to_list() == picks[1].to_list() == picks[2].to_list() != rows


@pytest.mark.parametrize("query", ["lfosa", "similar", "mqnet"])
def test_fewer_unknown_rows_are_bought(query: str, alrun: Alrun, tmp_path: Path) -> None:
    words = ["data=digits", "transform=ood", "transform.ood.unknown=0.5", "cold_start=balanced", f"query={query}"]
    words += ["training.max_epochs=15", "learner.hidden=[32]", "initial_size=24", "query_size=24", "budget=96"]
    assert alrun(*words, "progress=false", f"output_dir={tmp_path}").code == 0
    assert unknown_share(only_run(tmp_path)) < (0.35 if query == "mqnet" else 0.2)
