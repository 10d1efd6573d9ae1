"""Cluster-Margin against scikit-learn's tree and a round robin written out."""

from __future__ import annotations

import pytest
import torch
from sklearn.cluster import AgglomerativeClustering
from torch import Tensor

from alrun.core.errors import ConfigError
from alrun.query.scores import margin
from alrun.query.selection.cluster_margin import average_linkage, cluster_margin, round_robin


def made(count: int = 200) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(count, 6, generator=generator, dtype=torch.float64)
    return features, torch.randn(count, 4, generator=generator, dtype=torch.float64).softmax(dim=1)


def in_turn(clusters: list[int], n: int) -> list[int]:
    """Return one of each cluster in turn, smallest first, by queues."""
    queues = {name: [row for row, own in enumerate(clusters) if own == name] for name in sorted(set(clusters))}
    order = sorted(queues, key=lambda name: len(queues[name]))
    taken: list[int] = []
    while len(taken) < min(n, len(clusters)):
        taken += [queues[name].pop(0) for name in order if queues[name]]
    return taken[:n]


@pytest.mark.parametrize("n", [0, 1, 7, 30, 99])
def test_round_robin(n: int) -> None:
    clusters = [2, 0, 1, 1, 2, 2, 0, 2, 3, 1, 2, 2]
    assert round_robin(torch.tensor(clusters), n).tolist() == in_turn(clusters, n)


def test_random_members_keep_the_order_of_the_clusters() -> None:
    clusters = torch.arange(40) % 4
    drawn = [round_robin(clusters, 4, torch.Generator().manual_seed(seed)) for seed in range(400)]
    assert all(clusters[picks].tolist() == [0, 1, 2, 3] for picks in drawn)
    first = torch.stack(drawn)[:, 0].div(4, rounding_mode="floor").bincount(minlength=10)
    assert float(((first - 40) ** 2 / 40).sum()) < 27.9


@pytest.mark.parametrize("n", [1, 12, 60])
def test_least_margin_rows_in_turn_from_the_clusters_of_scikit_learn(n: int) -> None:
    features, probabilities = made()
    labeled = torch.arange(0, 200, 7)
    scores = margin(probabilities)
    scores[labeled] = -torch.inf
    candidates = scores.argsort(descending=True, stable=True)[: min(3 * n, 200 - len(labeled))]
    count = max(1, round(len(candidates) / 5))
    tree = AgglomerativeClustering(n_clusters=count, linkage="average")
    named = tree.fit_predict(features[candidates].numpy()).tolist() if count > 1 else [0] * len(candidates)
    appearance = {name: number for number, name in enumerate(dict.fromkeys(named))}
    wanted = candidates[in_turn([appearance[name] for name in named], n)]
    assert cluster_margin(features, labeled, probabilities, n, factor=3, cluster_size=5).equal(wanted)


def test_more_rows_than_the_tree_holds_join_the_nearest_mean() -> None:
    """Well separated groups are found whichever rows the tree holds."""
    generator = torch.Generator().manual_seed(1)
    group = torch.randint(5, (500,), generator=generator)
    features = 20 * torch.eye(5)[group] + torch.randn(500, 5, generator=generator)
    found = average_linkage(features, 5, max_clustered=60)
    assert len({(int(a), int(b)) for a, b in zip(group, found, strict=True)}) == 5


def test_all_rows_in_the_end_and_what_it_refuses() -> None:
    features, probabilities = made(30)
    labeled = torch.tensor([3, 8])
    picks = cluster_margin(features, labeled, probabilities, 99)
    assert sorted(picks.tolist()) == [row for row in range(30) if row not in (3, 8)]
    assert cluster_margin(features, labeled, probabilities, 0).tolist() == []
    with pytest.raises(ConfigError, match="factor"):
        cluster_margin(features, labeled, probabilities, 5, factor=0.5)
