"""Contrastive acquisition against the sum written out, and against scikit-activeml."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from alrun.core.errors import ConfigError, StrategyError
from alrun.query.selection.cal import cal, contrast
from alrun.query.selection.features import OuterProduct

N, L, C, D = 40, 12, 3, 4


def made() -> tuple[Tensor, Tensor, Tensor]:
    """Return features, labeled positions and probabilities that any other program can make as well."""
    steps = torch.arange((N + L) * D, dtype=torch.float64).reshape(N + L, D)
    logits = torch.arange((N + L) * C, dtype=torch.float64).reshape(N + L, C)
    features, logits = (steps**2 * 0.37 + 1).sin(), 3 * (logits**2 * 0.11 + 2).cos()
    return features, torch.arange(N, N + L), logits.softmax(dim=1)


def naive(features: Tensor, labeled: Tensor, probabilities: Tensor, k: int) -> Tensor:
    distances = torch.cdist(features, features[labeled])
    scores = torch.full((len(features),), -torch.inf, dtype=features.dtype)
    for row in set(range(len(features))) - set(labeled.tolist()):
        near = probabilities[labeled[distances[row].argsort(stable=True)[:k]]]
        scores[row] = (near * (near / probabilities[row]).log()).sum(dim=1).mean()
    return scores


@pytest.mark.parametrize("k", [1, 5, 12, 99])
def test_mean_divergence_from_the_nearest_labelled_rows(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alrun.query.selection.cal.LABELED_SLICE", 5)
    monkeypatch.setattr("alrun.query.selection.features.CPU_SLICE", (7, 7, 7))
    features, labeled, probabilities = made()
    found = contrast(features, labeled, probabilities, neighbours=k)
    torch.testing.assert_close(found, naive(features, labeled, probabilities, k), rtol=1e-5, atol=1e-9)


def test_many_labelled_rows() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(900, 5, generator=generator, dtype=torch.float64)
    probabilities = torch.randn(900, 4, generator=generator, dtype=torch.float64).softmax(dim=1)
    labeled = torch.arange(870).flip(0)
    found = contrast(features, labeled, probabilities, neighbours=7)
    torch.testing.assert_close(found, naive(features, labeled, probabilities, 7), rtol=1e-5, atol=1e-9)


def test_same_picks_and_scores_as_scikit_activeml() -> None:
    """ContrastiveAL of scikit-activeml 1.0.1 with five neighbours on these inputs."""
    features, labeled, probabilities = made()
    picks = cal(features, labeled, probabilities, 8, neighbours=5)
    assert picks.tolist() == [23, 30, 3, 17, 31, 6, 32, 26]
    given = [3.999116, 3.563864, 3.517283, 3.29301, 3.290952, 3.154224, 3.150525, 2.886715]
    assert contrast(features, labeled, probabilities, neighbours=5)[picks].tolist() == pytest.approx(given, abs=1e-6)


def test_features_that_are_never_formed_give_the_same() -> None:
    features, labeled, probabilities = made()
    product = OuterProduct(probabilities, features)
    dense = contrast(product.vectors(), labeled, probabilities)
    torch.testing.assert_close(contrast(product, labeled, probabilities), dense)


def test_certain_predictions_stay_finite_and_labelled_rows_are_left_out() -> None:
    features, labeled, probabilities = made()
    certain = torch.zeros_like(probabilities)
    certain[torch.arange(N + L), probabilities.argmax(dim=1)] = 1
    scores = contrast(features.float(), labeled, certain.float())
    assert bool(scores[:N].isfinite().all())
    assert sorted(cal(features, labeled, certain, N + L).tolist()) == list(range(N))


def test_what_it_refuses() -> None:
    features, labeled, probabilities = made()
    with pytest.raises(StrategyError, match="no labeled rows"):
        cal(features, labeled[:0], probabilities, 3)
    with pytest.raises(ConfigError, match="neighbours"):
        cal(features, labeled, probabilities, 3, neighbours=0)
