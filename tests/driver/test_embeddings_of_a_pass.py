"""Embeddings come from the pass that gives the outputs, where it has them; they are those of the learner by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from alrun.core.errors import StrategyError
from alrun.core.seeding import Seeds
from alrun.core.types import Prediction, Task, TaskSpec
from alrun.data.source import ArraySource
from alrun.driver.supply.predictor import StreamedPredictor
from alrun.inference.deterministic import Deterministic
from alrun.inference.mc_dropout import MCDropout
from alrun.pool.subset import Subset


class Transformer(nn.Module):
    """Tokens in, logits of the mean token out; the embedding is all tokens side by side."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False), nn.Linear(8, 3)

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.encoder(inputs)).mean(dim=1)
        return outputs


class Named(nn.Sequential):
    """A learner that says where its embedding is, and names the argument."""

    embedding_layer = "2"


def flat() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(40, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 3))


def deep() -> nn.Module:
    front = (nn.Flatten(), nn.Linear(40, 8), nn.ReLU(), nn.Dropout(0.3))
    return nn.Sequential(*front, nn.Linear(8, 6), nn.ReLU(), nn.Dropout(0.3), nn.Linear(6, 3))


def convolutional() -> nn.Module:
    return nn.Sequential(nn.Unflatten(1, (1, 5)), nn.Conv2d(1, 4, 3), nn.Dropout2d(0.3), nn.Flatten(), nn.Linear(72, 3))


def named() -> nn.Module:
    return Named(nn.Flatten(), nn.Linear(40, 8), nn.Linear(8, 6), nn.Dropout(0.3), nn.Linear(6, 3))


def predicted(
    learner: Any, inference: Any, embeddings: bool = True, progress: Callable[[int, int], None] = lambda *_: None
) -> list[Prediction]:
    inputs = torch.randn(50, 5, 8, generator=torch.Generator().manual_seed(0))
    spec = TaskSpec(Task.CLASSIFICATION, (5, 8), 3)
    pool = Subset(ArraySource(inputs, torch.arange(50) % 3, spec), torch.arange(50))
    predictor = StreamedPredictor(
        learner, inference, batch_size=16, device=torch.device("cpu"), seeds=lambda: Seeds(0), progress=progress
    )
    return list(predictor(pool, embeddings=embeddings))


def by_hand(learner: nn.Module) -> Tensor:
    """Return the inputs of the embedding layer in evaluation mode."""
    name = getattr(learner, "embedding_layer", None)
    layer = learner.get_submodule(name) if name else [m for m in learner.modules() if type(m) is nn.Linear][-1]
    seen: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    with torch.no_grad():
        learner.eval()(torch.randn(50, 5, 8, generator=torch.Generator().manual_seed(0)))
    handle.remove()
    return seen[0].flatten(1)


def test_it_is_told_how_many_rows_are_done() -> None:
    told: list[tuple[int, int]] = []
    assert all(
        one.embeddings is None for one in predicted(flat(), Deterministic(), False, lambda *rows: told.append(rows))
    )
    assert told == [(16, 50), (32, 50), (48, 50), (50, 50)]


networks = pytest.mark.parametrize("network", [flat, deep, convolutional, Transformer, named])


@networks
@pytest.mark.parametrize("inference", [Deterministic(), MCDropout(4), MCDropout(1)])
def test_embeddings_are_those_of_the_learner_by_itself(network: Callable[[], nn.Module], inference: Any) -> None:
    learner = network().train()
    predictions = predicted(learner, inference)
    assert all(module.training for module in learner.modules())
    found = torch.cat([one.embeddings for one in predictions if one.embeddings is not None])
    torch.testing.assert_close(found, by_hand(learner))
    plain = predicted(learner, inference, embeddings=False)
    for with_them, without in zip(predictions, plain, strict=True):
        torch.testing.assert_close(with_them.outputs, without.outputs)


@pytest.mark.parametrize(
    ("network", "inference", "rows"),
    [
        (flat, Deterministic(), 50),
        (Transformer, Deterministic(), 50),
        (flat, MCDropout(4), 50 + 5 * 3),
        (named, MCDropout(4), 50 + 5 * 3),
        (deep, MCDropout(4), 2 * 50 + 5 * 3),
    ],
)
def test_no_second_pass_for_what_the_first_one_gave(
    network: Callable[[], nn.Module], inference: Any, rows: int
) -> None:
    learner, seen = network(), []
    next(learner.children()).register_forward_pre_hook(lambda _, arguments: seen.append(len(arguments[0])))
    predicted(learner, inference)
    assert sum(seen) == rows


def test_an_embedding_layer_that_is_not_run_is_named() -> None:
    learner = flat()
    learner.add_module("unused", nn.Linear(2, 2))
    learner.forward = lambda inputs: nn.Sequential(*list(learner.children())[:-1])(inputs)
    with pytest.raises(StrategyError, match="embedding_layer"):
        predicted(learner, Deterministic())
    learner.embedding_layer = "nowhere"  # type: ignore[assignment]
    with pytest.raises(StrategyError, match="nowhere"):
        predicted(learner, Deterministic())
