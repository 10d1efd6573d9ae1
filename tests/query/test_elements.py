"""Scores of rows of several labels or pixels against loops over their elements, and gradients against autograd."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from alrun.core.errors import ConfigError
from alrun.core.outputs import element_probabilities, probabilities
from alrun.core.types import Prediction, Task, TaskSpec
from alrun.query import scores
from alrun.query.bald import Bald
from alrun.query.consensus_kl import ConsensusKl
from alrun.query.criterion import ByCriterion
from alrun.query.entropy import Entropy
from alrun.query.features.gradient import Gradient, pulls
from alrun.query.least_confidence import LeastConfidence
from alrun.query.margin import Margin
from alrun.query.per_item import per_item
from alrun.query.variation_ratio import VariationRatio
from alrun.query.vote_entropy import VoteEntropy

K, B, L = 5, 40, 4
LABELS = TaskSpec(Task.MULTI_LABEL, (3,), L)
PIXELS = TaskSpec(Task.SEGMENTATION, (1, 2, 3), 4, mask_shape=(2, 3))
CLASSES = TaskSpec(Task.CLASSIFICATION, (3,), L)
LOGITS = 3 * torch.randn(K, B, L, generator=torch.Generator().manual_seed(0))
MAPS = 3 * torch.randn(K, B, 4, 2, 3, generator=torch.Generator().manual_seed(0))
#: Of each kind of data raw outputs, and the logits of each element of a row.
ELEMENTS = {
    "labels": (LABELS, LOGITS, [LOGITS[:, :, label, None] for label in range(L)]),
    "pixels": (PIXELS, MAPS, [MAPS[..., row, column] for row in range(2) for column in range(3)]),
}
REDUCTIONS: dict[Any, Callable[[list[float]], float]] = {
    None: lambda each: sum(each) / len(each),
    "max": max,
    "sum": sum,
    1: max,
    2: lambda each: sum(sorted(each)[-2:]) / 2,
    9: lambda each: sum(each) / len(each),
}
MEASURES: list[tuple[Callable[..., Any], Callable[[Tensor], Tensor]]] = [
    (Entropy, scores.entropy),
    (lambda n, **more: Entropy(n, expected=True, **more), lambda p: scores.entropy(p, expected=True)),
    (Margin, scores.margin),
    (LeastConfidence, scores.least_confidence),
    (VariationRatio, scores.variation_ratio),
    (Bald, scores.bald),
    (VoteEntropy, scores.vote_entropy),
    (ConsensusKl, scores.consensus_kl),
    (lambda n, **more: ByCriterion(n, "entropy - margin", **more), lambda p: scores.entropy(p) - scores.margin(p)),
]


def attached(strategy: Any, spec: TaskSpec) -> Any:
    strategy.attach(SimpleNamespace(spec=spec))
    return strategy


@pytest.mark.parametrize("elements", ELEMENTS.values(), ids=ELEMENTS)
@pytest.mark.parametrize(("kind", "measure"), MEASURES)
def test_the_score_of_a_row_is_that_of_its_elements_one_by_one(
    kind: Callable[..., Any], measure: Callable[[Tensor], Tensor], elements: tuple[TaskSpec, Tensor, list[Tensor]]
) -> None:
    spec, outputs, logits = elements
    each = [measure(probabilities(one)).tolist() for one in logits]
    for reduce, reduced in REDUCTIONS.items():
        strategy = attached(kind(3, reduce=reduce), spec)
        found = strategy.score(Prediction(torch.arange(B), outputs, stochastic=True))
        expected = [reduced(list(row)) for row in zip(*each, strict=True)]
        torch.testing.assert_close(found.tolist(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("kind", "measure"), MEASURES)
def test_a_classification_is_scored_to_the_bit_as_without_elements(
    kind: Callable[..., Any], measure: Callable[[Tensor], Tensor]
) -> None:
    prediction = Prediction(torch.arange(B), LOGITS, stochastic=True)
    for reduce in (None, "sum", "max", 3):
        found = attached(kind(3, reduce=reduce), CLASSES).score(prediction)
        assert found.equal(measure(probabilities(LOGITS)))


def test_elements_that_do_not_count_change_nothing() -> None:
    values = torch.rand(B, L, generator=torch.Generator().manual_seed(1)) - 0.5
    counted = torch.rand(B, L, generator=torch.Generator().manual_seed(2)) < 0.6
    counted[0], counted[1:, 0] = False, True
    for reduce in ("mean", "max", "sum", 2):
        alone = [float(per_item(row[own][None], reduce)) for row, own in zip(values[1:], counted[1:], strict=True)]
        torch.testing.assert_close(per_item(values, reduce, counted), torch.tensor([0.0, *alone]))
        torch.testing.assert_close(per_item(values, reduce, counted | True), per_item(values, reduce))


def test_probabilities_of_large_logits_are_not_rounded_away() -> None:
    found = element_probabilities(torch.tensor([[60.0, -60.0]]), LABELS)
    assert found.shape == (1, 2, 2)
    assert found[0, 0].tolist() == pytest.approx([8.756511e-27, 1.0], rel=1e-3, abs=0)
    assert found[0, 1].tolist() == pytest.approx([1.0, 8.756511e-27], rel=1e-3, abs=0)


@pytest.mark.parametrize("reduce", [0, -1, True, "median", 1.5])
def test_a_reduction_that_is_none_is_refused(reduce: Any) -> None:
    with pytest.raises(ConfigError, match="reduce"):
        Bald(3, reduce=reduce)


def test_the_gradient_embedding_is_the_gradient_of_the_loss_at_the_likeliest_labels() -> None:
    """Of ``sum_l`` binary cross-entropies in the weights ``[L, d]`` of the last layer, row by row, by autograd."""
    generator = torch.Generator().manual_seed(3)
    embeddings = torch.randn(B, 6, generator=generator)
    weights = torch.randn(L, 6, generator=generator, requires_grad=True)
    logits = embeddings @ weights.T
    chunk: Any = SimpleNamespace(
        prediction=Prediction(torch.arange(B), logits.detach(), embeddings=embeddings),
        driver=SimpleNamespace(spec=LABELS),
    )
    right, left = Gradient().parts(chunk)
    for row in range(5):
        marks = (logits[row] > 0).float().detach()
        loss = functional.binary_cross_entropy_with_logits(logits[row], marks, reduction="sum")
        (expected,) = torch.autograd.grad(loss, weights, retain_graph=True)
        torch.testing.assert_close(torch.outer(left[row], right[row]), expected)
    assert pulls(LOGITS, True, LABELS).equal(
        LOGITS.sigmoid().mean(dim=0) - (LOGITS.sigmoid().mean(dim=0) > 0.5).float()
    )
