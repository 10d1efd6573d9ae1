"""Learners of labels and pixels: losses against torch, the probe against scikit-learn, and the shipped suite."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn
from torch.nn import functional

from alrun.core.errors import ConfigError
from alrun.core.seeding import Seeds
from alrun.core.types import Task, TaskSpec
from alrun.learner.fcn import FCN
from alrun.learner.losses import BinaryCrossEntropy, CrossEntropy
from alrun.learner.mlp import MLP
from alrun.learner.probe import Probe
from alrun.testing import LearnerConformance

LABELS = TaskSpec(Task.MULTI_LABEL, (6,), 3)
ADAM = partial(torch.optim.Adam, lr=0.01)
DRAWN = torch.Generator().manual_seed(0)
X = torch.randn(90, 6, generator=DRAWN)
MARKS = (X[:, :3] + torch.randn(90, 3, generator=DRAWN) > torch.tensor([0.0, 1.0, -1.0])).long()


class TestMLPOfLabels(LearnerConformance):
    task = Task.MULTI_LABEL

    def learner(self, spec: TaskSpec) -> Any:
        return MLP(spec, ADAM, hidden=(16,), dropout=0.1)


class TestProbeOfLabels(LearnerConformance):
    task = Task.MULTI_LABEL

    def learner(self, spec: TaskSpec) -> Any:
        return Probe(spec)


def test_a_pixel_is_classified_by_what_is_around_it() -> None:
    spec = TaskSpec(Task.SEGMENTATION, (2, 9, 9), 3, mask_shape=(9, 9))
    learner = FCN(spec, ADAM, channels=(4, 4), dropout=0.0).eval()
    image = torch.randn(1, 2, 9, 9, generator=DRAWN, requires_grad=True)
    assert learner(image).shape == (1, 3, 9, 9)
    (slope,) = torch.autograd.grad(learner(image)[0, 0, 4, 4], image)
    seen = slope[0].abs().sum(dim=0) > 0
    assert seen[1:8, 1:8].any()
    assert not seen[0].any(), "3x3 with dilations 1 and 2 reach three pixels"
    assert seen[1].any()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (LABELS, "the data have no masks"),
        (TaskSpec(Task.SEGMENTATION, (1, 4, 4), 2, mask_shape=(2, 2)), "of the size of their masks"),
    ],
)
def test_data_without_masks_of_the_images_size_are_refused(spec: TaskSpec, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FCN(spec, ADAM)


def test_the_loss_is_the_binary_cross_entropy_over_rows_and_labels() -> None:
    learner = MLP(LABELS, ADAM, dropout=0.0)
    expected = functional.binary_cross_entropy_with_logits(learner(X), MARKS.float())
    assert learner.loss(X, MARKS).equal(expected)
    named = MLP(LABELS, ADAM, dropout=0.0, losses={"bce": BinaryCrossEntropy(2.0), "l1": nn.L1Loss()})
    named.load_state_dict(learner.state_dict())
    l1 = functional.l1_loss(learner(X), MARKS.float())
    torch.testing.assert_close(named.loss(X, MARKS), 2 * expected + l1)


def test_weights_of_labels_are_those_of_torch_and_balanced_ones_follow_the_labels() -> None:
    logits = torch.randn(90, 3, generator=DRAWN)
    given = BinaryCrossEntropy(pos_weight=[1.0, 4.0, 0.5], spec=LABELS)
    wanted = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([1.0, 4.0, 0.5]))
    assert given(logits, MARKS.float()).equal(wanted(logits, MARKS.float()))
    balanced = BinaryCrossEntropy(pos_weight="balanced", spec=LABELS)
    learner = MLP(LABELS, ADAM, losses={"bce": balanced})
    few = torch.tensor([[1, 0, 1], [0, 0, 1], [0, 0, 1], [0, 1, 1]])
    learner.fit_statistics(X[:4], few)
    assert balanced.pos_weight.tolist() == [3, 3, 1], "the last label always holds"
    for weights in ([1.0, 2.0], "even", [1.0, -1.0, 2.0], 3):
        with pytest.raises(ConfigError, match="3 weights of labels"):
            BinaryCrossEntropy(pos_weight=weights, spec=LABELS)


@pytest.mark.parametrize("loss", [CrossEntropy(), nn.CrossEntropyLoss()])
def test_a_loss_of_one_class_a_row_is_refused(loss: Any) -> None:
    with pytest.raises(ConfigError, match=r"losses\.ce: cross-entropy is of one class a row"):
        MLP(LABELS, ADAM, losses={"ce": loss})


def test_the_probe_is_a_logistic_regression_for_each_label() -> None:
    marks = MARKS.clone()
    marks[:, 1] = 0
    probe = Probe(LABELS, l2=0.5)
    probe.fit_statistics(X, marks)
    probe.fit_at_once(X, marks, Seeds(0))
    for label in (0, 2):
        peer = LogisticRegression(C=2.0, tol=1e-10, max_iter=10_000).fit(X.double().numpy(), marks[:, label].numpy())
        expected = torch.from_numpy(peer.decision_function(X.double().numpy())).float()
        torch.testing.assert_close(probe(X)[:, label], expected, atol=1e-3, rtol=1e-3)
    never = probe(X)[:, 1].sigmoid()
    torch.testing.assert_close(never, torch.full((90,), 1 / 92), atol=1e-3, rtol=0), "Laplace's rule of succession"
