"""Backbones: from inputs to features of the width that they declare, or a refusal with everything that is wrong."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from alrun.backbone.cnn import CNN
from alrun.backbone.mlp import MLP
from alrun.core.errors import ConfigError


@pytest.mark.parametrize(
    ("backbone", "shape"),
    [
        (MLP((5,), hidden=[7, 3]), (5,)),
        (MLP((1, 8, 8), hidden=[6], batch_norm=True), (1, 8, 8)),
        (MLP((5,), hidden=[]), (5,)),
        (CNN((1, 8, 8), channels=[4], hidden=9), (1, 8, 8)),
        (CNN((3, 9, 8), channels=[4, 5], batch_norm=True, dropout=0), (3, 9, 8)),
    ],
)
def test_features_have_the_declared_width(backbone: Any, shape: tuple[int, ...]) -> None:
    features = backbone(torch.rand(6, *shape))
    assert features.shape == (6, backbone.output_size)


def test_every_problem_is_said_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        MLP((5,), hidden=[0], dropout=1.5, activation="rely")
    wheres = [problem.where for problem in caught.value.problems]
    assert wheres == [f"learner.backbone.{key}" for key in ("hidden", "dropout", "activation")]


@pytest.mark.parametrize(
    ("shape", "where", "hint"),
    [((64,), "learner.backbone", "backbone=mlp"), ((1, 3, 3), "learner.backbone.channels", "channels=[32]")],
)
def test_a_cnn_takes_images_that_are_large_enough(shape: tuple[int, ...], where: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        CNN(shape)
    (problem,) = caught.value.problems
    assert problem.where == where
    assert hint in problem.hint
