"""BAIT, contrastive acquisition, Cluster-Margin and GALAXY in a real driver: what they hand to their selectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from alrun.core.errors import ConfigError
from alrun.core.queues import FifoQueue
from alrun.core.types import Task
from alrun.driver.driver import Driver
from alrun.query.bait import Bait
from alrun.query.cal import Cal
from alrun.query.cluster_margin import ClusterMargin
from alrun.query.galaxy import Galaxy
from alrun.query.margin import Margin
from alrun.query.selection.bait import bait
from alrun.query.selection.cal import contrast
from alrun.query.selection.cluster_margin import cluster_margin
from alrun.query.selection.galaxy import galaxy
from alrun.testing.host import hosted


@dataclass
class Seen:
    """The pool, then the labeled rows, as the learner sees them, and the strategy's stream."""

    rows: Tensor
    embeddings: Tensor
    probabilities: Tensor
    labels: Tensor
    labeled: Tensor


def seen(driver: Driver) -> Seen:
    pool: Any = driver.unlabeled_pool
    training: Any = driver.training_pool
    everything = torch.arange(len(training))
    inputs = torch.cat([pool.inputs(torch.arange(len(pool))), training.inputs(everything)])
    layers = list(driver.learner.eval().modules())
    last = [layer for layer in layers if isinstance(layer, torch.nn.Linear)][-1]
    caught: list[Tensor] = []
    handle = last.register_forward_pre_hook(lambda _, given: caught.append(given[0]))
    with torch.no_grad():
        outputs = driver.learner(inputs)
    handle.remove()
    return Seen(pool.indices, caught[0], outputs.softmax(dim=1), training.targets(everything), everything + len(pool))


def picked(strategy: Any, driver: Driver, queued: list[int] | None = None) -> list[int]:
    strategy.attach(driver)
    queue = FifoQueue(list(queued or []))
    strategy(queue)
    return queue.to_list()[len(queued or []) :]


def test_contrast_of_embeddings_and_predictions(tmp_path: Path) -> None:
    with hosted(tmp_path / "run") as driver:
        all_, strategy = seen(driver), Cal(12, neighbours=4)
        scores = contrast(all_.embeddings, all_.labeled, all_.probabilities, neighbours=4)[: len(all_.rows)]
        best = scores.argsort(descending=True, stable=True)[:12]
        assert picked(strategy, driver) == all_.rows[best].tolist()
        assert strategy.report.scores == pytest.approx(scores[best].tolist(), abs=1e-5)


@pytest.mark.parametrize("fisher", ["softmax", "binary"])
def test_information_of_a_classification(tmp_path: Path, fisher: str) -> None:
    with hosted(tmp_path / "run") as driver:
        all_ = seen(driver)
        highest = all_.probabilities.amax(dim=1)
        known = {"softmax": {"probabilities": all_.probabilities}, "binary": {"weights": highest * (1 - highest)}}
        wanted = bait(all_.embeddings, all_.labeled, 9, regularization=0.1, **known[fisher])  # type: ignore[arg-type]
        assert (
            picked(Bait(9, fisher=fisher, regularization=0.1, labeled_weight=None), driver)
            == all_.rows[wanted].tolist()
        )


def test_information_of_a_regression(tmp_path: Path) -> None:
    with hosted(tmp_path / "run", Task.REGRESSION) as driver:
        all_ = seen(driver)
        wanted = bait(all_.embeddings, all_.labeled, 9, regularization=0.01, labeled_weight=1.0, oversampling=1)
        assert picked(Bait(9, oversampling=1), driver) == all_.rows[wanted].tolist()


def test_clusters_of_candidates(tmp_path: Path) -> None:
    with hosted(tmp_path / "run") as driver:
        all_ = seen(driver)
        wanted = cluster_margin(all_.embeddings, all_.labeled, all_.probabilities, 8, factor=4, cluster_size=3)
        strategy = ClusterMargin(8, factor=4, cluster_size=3, random_member=False)
        assert picked(strategy, driver) == all_.rows[wanted].tolist()
        least = set(picked(Margin(32), driver))
        assert set(picked(ClusterMargin(8, factor=4, cluster_size=3), driver)) < least


def test_rows_that_are_queued_count_as_labelled_with_their_prediction(tmp_path: Path) -> None:
    with hosted(tmp_path / "run") as driver:
        all_, strategy = seen(driver), Galaxy(15)
        strategy.attach(driver)
        wanted = galaxy(all_.probabilities, all_.labeled, all_.labels, 15, strategy.generator())
        assert picked(strategy, driver) == all_.rows[wanted].tolist()
        queued = all_.rows[wanted[:3]].tolist()
        known = torch.cat([all_.labeled, wanted[:3]])
        labels = torch.cat([all_.labels, all_.probabilities[wanted[:3]].argmax(dim=1)])
        more = galaxy(all_.probabilities, known, labels, 6, strategy.generator())
        found = picked(Galaxy(6), driver, queued)
        assert found[:3] == all_.rows[more[:3]].tolist()
        assert not set(found) & set(queued)


def test_what_they_refuse() -> None:
    with pytest.raises(ConfigError, match="binary, softmax"):
        Bait(3, fisher="exact")
    with pytest.raises(ConfigError, match="neighbours"):
        Cal(3, neighbours=0)
