"""LfOSA and SIMILAR: definitions, a peer's mixture, brute force, and what they buy from a pool with unknowns."""

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
from alrun.query.features.inputs import Inputs
from alrun.query.lfosa import LfOSA, known_share
from alrun.query.selection.features import OuterProduct
from alrun.query.selection.flcmi import flcmi
from alrun.query.selection.two_gaussians import upper_share


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
    activations = torch.tensor([[9.0, 0, 0], [8.9, 0, 1], [1, 0, 0], [1.1, 0, 0], [0, 0, 20], [0, 7, 0]])
    shares = known_share(activations)
    assert shares[:2].min() > 0.99
    assert shares[2:].max() < 0.01


def test_lfosa_refuses_what_makes_no_sense() -> None:
    with pytest.raises(ConfigError, match=r"hidden[\s\S]*temperature"):
        LfOSA(3, Inputs(), hidden=0, temperature=0.0)


def unknown_share(run: Path) -> float:
    """Return the share of unknown rows among those bought after the first step."""
    table = pq.read_table(run / "acquisitions.parquet").to_pydict()
    later = [str(label) == "5" for step, label in zip(table["step"], table["label"], strict=True) if step > 0]
    return sum(later) / len(later)


@pytest.mark.parametrize("query", ["lfosa", "similar"])
def test_fewer_unknown_rows_are_bought(query: str, alrun: Alrun, tmp_path: Path) -> None:
    words = ["data=digits", "transform=ood", "transform.ood.unknown=0.5", "cold_start=balanced", f"query={query}"]
    words += ["training.max_epochs=15", "learner.hidden=[32]", "initial_size=24", "query_size=24", "budget=96"]
    assert alrun(*words, "progress=false", f"output_dir={tmp_path}").code == 0
    assert unknown_share(only_run(tmp_path)) < 0.2
