"""Metrics of several labels and of pixels against scikit-learn's, and any torchmetrics metric of labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torchmetrics.classification import MulticlassAccuracy, MultilabelF1Score, MultilabelRankingLoss

from alrun.core.errors import ConfigError
from alrun.core.types import Task, TaskSpec
from alrun.metrology.acquisition import task_class_counts
from alrun.metrology.multi_label import multi_label_metrics
from alrun.metrology.segmentation import segmentation_metrics
from alrun.metrology.torchmetric import TorchMetric

LABELS = TaskSpec(Task.MULTI_LABEL, (6,), 5)
DRAWN = torch.Generator().manual_seed(0)
CHANCES = torch.rand(203, 5, generator=DRAWN, dtype=torch.float64)
MARKS = (CHANCES + 0.7 * torch.randn(203, 5, generator=DRAWN) > torch.tensor([0.5, 0.9, 0.1, 0.5, 9.0])).long()


def test_values_are_those_of_scikit_learn_over_unequal_batches() -> None:
    assert int(MARKS[:, 4].sum()) == 0, "the last label never holds"
    batches = [(CHANCES[part], MARKS[part]) for part in (slice(0, 64), slice(64, 200), slice(200, 203))]
    found = multi_label_metrics(batches, 5)
    true, chances = MARKS.numpy(), CHANCES.numpy()
    given = (chances > 0.5).astype(int)
    assert found == pytest.approx(
        {
            "macro_f1": sk.f1_score(true, given, average="macro", zero_division=0),
            "micro_f1": sk.f1_score(true, given, average="micro"),
            "mean_average_precision": np.mean(
                [sk.average_precision_score(true[:, k], chances[:, k]) for k in range(4)]
            ),
            "exact_match": sk.accuracy_score(true, given),
            "label_accuracy": 1 - sk.hamming_loss(true, given),
            "nll": np.mean([sk.log_loss(true[:, k], chances[:, k], labels=[0, 1]) for k in range(5)]),
        },
        rel=1e-6,
    )


def test_values_of_pixels_are_those_of_scikit_learn_over_unequal_batches() -> None:
    chances = (2 * torch.randn(23, 12, 4, generator=DRAWN)).softmax(dim=-1)
    masks = torch.randint(0, 3, (23, 3, 4), generator=DRAWN)
    found = segmentation_metrics([(chances[:20], masks[:20]), (chances[20:], masks[20:])], 4)
    true, flat = masks.flatten().numpy(), chances.reshape(-1, 4)
    given = flat.argmax(dim=1).numpy()
    assert found == pytest.approx(
        {
            "mean_iou": sk.jaccard_score(true, given, average="macro"),
            "pixel_accuracy": sk.accuracy_score(true, given),
            "nll": sk.log_loss(true, flat.numpy(), labels=[0, 1, 2, 3]),
        },
        rel=1e-5,
    )


def test_without_any_label_there_is_no_precision() -> None:
    found = multi_label_metrics([(CHANCES, torch.zeros_like(MARKS))], 5)
    assert "mean_average_precision" not in found
    assert found["macro_f1"] == 0


def test_metrics_of_labels_are_fed_and_others_refused() -> None:
    assert TorchMetric(MultilabelF1Score(5), "f1", LABELS).metrics == {"f1": True}
    assert TorchMetric(MultilabelRankingLoss(5), "ranking", LABELS).metrics == {"ranking": False}
    with pytest.raises(ConfigError, match="num_labels=5"):
        TorchMetric(MulticlassAccuracy(5), "accuracy", LABELS)


def test_counts_are_of_rows_with_each_label() -> None:
    counts = task_class_counts(MARKS[:10], LABELS, "picks")
    assert counts == {f"count_picks_{label}": float(n) for label, n in enumerate(MARKS[:10].sum(dim=0).tolist())}
