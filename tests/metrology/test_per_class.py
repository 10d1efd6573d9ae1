"""Recall per class and the reliability diagram against scikit-learn and the expected calibration error."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from sklearn import metrics as reference

from alrun.core.errors import ConfigError
from alrun.data.digits_multitask import DigitsMultitask
from alrun.metrology.classification import classification_metrics
from alrun.metrology.per_class import PerClass, class_hits
from alrun.metrology.reliability import Reliability, bin_sums, reliability

if TYPE_CHECKING:
    from tests.metrology.conftest import MakeDriver


def drawn(rows: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(rows)
    probabilities = (2 * torch.randn(rows, classes, generator=generator, dtype=torch.float64)).softmax(dim=1)
    return probabilities, torch.randint(0, classes, (rows,), generator=generator)


def test_recall_is_scikit_learns_and_adds_up_over_chunks() -> None:
    probabilities, classes = drawn(101, 5)
    top = probabilities.argmax(dim=1)
    rows, right = class_hits(top, classes, 5)
    assert (right / rows).tolist() == pytest.approx(reference.recall_score(classes, top, average=None).tolist())
    chunks = [class_hits(*part, 5) for part in zip(top.split(7), classes.split(7), strict=True)]
    assert torch.equal(torch.stack(chunks).sum(dim=0), torch.stack([rows, right]))


@pytest.mark.parametrize("bins", [1, 4, 15])
def test_the_diagram_gives_the_expected_calibration_error(bins: int) -> None:
    probabilities, classes = drawn(203, 3)
    whole = bin_sums(probabilities, classes, bins)
    chunks = [bin_sums(*part, bins) for part in zip(probabilities.split(50), classes.split(50), strict=True)]
    torch.testing.assert_close(torch.stack(chunks).sum(dim=0), whole)
    found = reliability(whole)
    full = [b for b in range(bins) if f"share_{b}" in found]
    assert sum(found[f"share_{b}"] for b in full) == pytest.approx(1)
    assert all(b / bins <= found[f"confidence_{b}"] <= (b + 1) / bins for b in full)
    gap = sum(found[f"share_{b}"] * abs(found[f"confidence_{b}"] - found[f"correct_{b}"]) for b in full)
    if bins == 15:
        assert gap == pytest.approx(classification_metrics([(probabilities, classes)], 3)["ece"], rel=1e-6)


def test_certainty_lies_in_the_last_bin() -> None:
    assert set(reliability(bin_sums(torch.eye(3, dtype=torch.float64), torch.arange(3), 15))) == {
        "confidence_14",
        "correct_14",
        "share_14",
    }


def test_bins_are_a_number() -> None:
    with pytest.raises(ConfigError, match=r"metrology\.reliability\.bins=15"):
        Reliability(bins=0)


def test_each_task_has_records_of_its_own(make_driver: MakeDriver) -> None:
    source = DigitsMultitask()
    strategies = PerClass(source.spec), Reliability(source.spec, bins=5)
    make_driver(source, *strategies)
    for strategy in strategies:
        strategy.compute()
        recorded = {record["metric"] for record in strategy.records}
        assert {name.partition("/")[2] for name in recorded} == {part.name for part in source.spec.tasks}
        assert recorded <= set(strategy.metrics)
