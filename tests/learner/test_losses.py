"""Several losses: their weighted sum is minimized, raw and weighted values are logged, what does not fit is refused."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from alrun.core.errors import ConfigError
from alrun.core.types import Task, TaskSpec
from alrun.learner.cnn import CNN
from alrun.learner.gaussian import gaussian_nll
from alrun.learner.linear import Linear
from alrun.learner.losses import CrossEntropy, GaussianNLL, SquaredError, Weighted
from alrun.learner.mlp import MLP
from alrun.training.fabric import FabricLoop
from alrun.training.session import NoSession
from alrun.training.trainer import TrainerLoop

CLASSES = TaskSpec(Task.CLASSIFICATION, (4,), 3)
VALUES = TaskSpec(Task.REGRESSION, (4,), 2)
X = torch.randn(10, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(10) % 3


def mlp(spec: TaskSpec, **options: Any) -> MLP:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MLP(spec, partial(torch.optim.SGD, lr=0.1), hidden=[8], dropout=0.0, **options)


def test_the_loss_is_the_weighted_sum() -> None:
    losses = {"ce": CrossEntropy(0.5), "margin": Weighted(nn.MultiMarginLoss(), 2.0), "plain": nn.CrossEntropyLoss()}
    learner = mlp(CLASSES, losses=losses)
    ce, margin = nn.functional.cross_entropy(learner(X), Y), nn.functional.multi_margin_loss(learner(X), Y)
    torch.testing.assert_close(learner.training_step((X, Y)), 1.5 * ce + 2 * margin)
    torch.testing.assert_close(learner.loss(X, Y), 1.5 * ce + 2 * margin)


def test_regression_losses_work_in_standardized_units() -> None:
    targets = 100 + 10 * torch.randn(10, 2, generator=torch.Generator().manual_seed(1))
    learner = mlp(VALUES, losses={"nll": GaussianNLL(), "mse": SquaredError(0.25)})
    learner.fit_statistics(X, targets)
    standard = (targets - learner.target_mean) / learner.target_std
    mean, log_variance = learner._standard_moments(X)
    expected = gaussian_nll(mean, log_variance, standard) + 0.25 * (mean - standard).square().mean()
    torch.testing.assert_close(learner.loss(X, targets), expected)


def test_one_loss_in_place_of_the_learners_own_is_the_same_to_the_bit() -> None:
    own, named = mlp(CLASSES), mlp(CLASSES, losses={"ce": CrossEntropy()})
    for learner in (own, named):
        loop = FabricLoop()
        loop(learner, learner.configure_optimizers(), [(X[:7], Y[:7]), (X[7:], Y[7:])], max_epochs=5)
    for one, other in zip(own.parameters(), named.parameters(), strict=True):
        assert torch.equal(one, other)


class Keeps(NoSession):
    def logged(self, values: Any) -> None:
        self.values = values


@pytest.mark.parametrize("loop", [FabricLoop(), TrainerLoop()])
def test_raw_and_weighted_values_are_logged_over_unequal_batches(loop: Any) -> None:
    learner, session = mlp(CLASSES, losses={"ce": CrossEntropy(0.5), "sharp": CrossEntropy(0.0)}), Keeps()
    batches = [(X[:7], Y[:7]), (X[7:], Y[7:])]
    frozen = torch.optim.SGD(learner.parameters(), lr=0.0)
    loop(learner, frozen, batches, batches, max_epochs=2, session=session)
    ce = nn.functional.cross_entropy(learner(X), Y).item()
    for split, name in (("training", "train"), ("validation", "val")):
        assert session.values[split] == pytest.approx(
            {
                f"{name}/ce": ce,
                f"{name}/ce_weighted": ce / 2,
                f"{name}/loss": ce / 2,
                f"{name}/sharp": ce,
                f"{name}/sharp_weighted": 0.0,
            }
        )


@pytest.mark.parametrize(
    ("spec", "losses", "told"),
    [
        (CLASSES, ["ce"], "not a mapping of losses"),
        (CLASSES, {"ce": "cross_entropy"}, "is not a loss"),
        (CLASSES, {"loss": CrossEntropy()}, "not a valid name of a loss"),
        (CLASSES, {"ce": CrossEntropy(float("nan"))}, "is not a number"),
        (CLASSES, {"nll": GaussianNLL()}, "learner.likelihood=gaussian"),
        (CLASSES, {"bce": nn.BCELoss()}, "does not fit a classification"),
        (CLASSES, {"ce": nn.CrossEntropyLoss(reduction="none")}, "does not return a scalar"),
        (VALUES, {"ce": nn.NLLLoss()}, "does not fit a regression"),
    ],
)
def test_what_does_not_fit_is_refused(spec: TaskSpec, losses: Any, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        mlp(spec, losses=losses)


def test_balanced_class_weights_are_those_of_scikit_learn() -> None:
    spec = TaskSpec(Task.CLASSIFICATION, (2,), 4)
    loss = CrossEntropy(class_weights="balanced", spec=spec)
    learner = Linear(spec, partial(torch.optim.SGD, lr=0.1), losses={"ce": loss})
    targets = torch.tensor([0, 0, 0, 0, 1, 3, 3])
    learner.fit_statistics(torch.zeros(7, 2), targets)
    wanted = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=targets.numpy())
    torch.testing.assert_close(loss.class_weights[[0, 1, 3]].double(), torch.tensor(wanted), atol=1e-6, rtol=0)
    logits = torch.arange(28.0).reshape(7, 4).sin()
    each = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
    row_weights = loss.class_weights[targets]
    torch.testing.assert_close(loss(logits, targets), (each * row_weights).sum() / row_weights.sum())
    heir = Linear(
        spec, partial(torch.optim.SGD, lr=0.1), losses={"ce": CrossEntropy(class_weights="balanced", spec=spec)}
    )
    heir.load_state_dict(learner.state_dict())
    assert set(CrossEntropy().state_dict()) == set()
    fixed = CrossEntropy(class_weights=[1, 0, 2, 0.5], spec=spec)
    assert fixed.class_weights.tolist() == [1, 0, 2, 0.5]
    for wrong in ([1, 2], "balance", [1, 2, 3, -1]):
        with pytest.raises(ConfigError, match="class_weights=balanced"):
            CrossEntropy(class_weights=wrong, spec=spec)


def test_a_cnn_augments_what_it_trains_on_alone() -> None:
    spec = TaskSpec(Task.CLASSIFICATION, (1, 8, 8), 3)
    cnn = CNN(spec, partial(torch.optim.SGD, lr=0.1), dropout=0.0, augmentation=nn.Tanh())
    inputs, targets = torch.linspace(-2, 2, 128).reshape(2, 1, 8, 8), torch.tensor([0, 2])
    torch.testing.assert_close(cnn.training_step((inputs, targets)), cnn.loss(inputs.tanh(), targets))
    torch.testing.assert_close(cnn.validation_step((inputs, targets)), cnn.loss(inputs, targets))
