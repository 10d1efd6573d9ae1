"""What a training phase hands to its loop: batches that every learner can train on, validation where it is watched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping
from torch import Tensor, nn

from alrun.cold_start.random import Random
from alrun.core.errors import StrategyError
from alrun.core.types import TaskSpec
from alrun.driver.monitored import monitored_validation
from alrun.driver.supply.loader import BatchLoader, batch_sizes
from alrun.query.entropy import Entropy
from alrun.stopping.steps import Steps
from alrun.testing.host import NUM_CLASSES, NUM_FEATURES, hosted
from alrun.training.fabric import FabricLoop
from alrun.training.trainer import TrainerLoop


class Plateau(lightning.LightningModule):
    """Batch norm, and a schedule that watches what the module itself logs in validation."""

    def __init__(self, spec: TaskSpec) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.BatchNorm1d(NUM_FEATURES), nn.Linear(NUM_FEATURES, NUM_CLASSES))
        self.validated = 0

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.net(x)
        return found

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return nn.functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.validated += 1
        self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.parameters(), lr=0.01)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": "val_loss"}}


def run(directory: Path, loop: Any, *, labels: int = 20, batch_size: int = 10, validated: bool = True) -> Any:
    training = {"loop": loop, "batch_size": batch_size}
    parts: dict[str, Any] = {"learner": Plateau, "cold_start": Random(labels), "query": [Entropy(1)]}
    with hosted(directory, cold=True, stopping=[Steps(2)], training=training, **parts) as driver:
        if not validated:
            object.__setattr__(driver.experiment, "pools", replace(driver.experiment.pools, validation=None))
        driver.run()
        return driver


LOOPS = [FabricLoop(accelerator="cpu"), TrainerLoop(accelerator="cpu")]


@pytest.mark.parametrize("loop", LOOPS, ids=["fabric", "trainer"])
def test_a_single_last_row_trains_with_the_batch_before(loop: Any, tmp_path: Path) -> None:
    """21 labels in batches of 10, then 22: batch normalization trains on both."""
    driver = run(tmp_path / "run", loop, labels=21)
    assert driver.labels_bought == 22
    assert driver.learner.validated > 0


@pytest.mark.parametrize("loop", LOOPS, ids=["fabric", "trainer"])
def test_what_watches_validation_without_a_pool_is_refused(loop: Any, tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match=r"'val_loss' is monitored(.|\n)*data\.validation_size=0\.1"):
        run(tmp_path / "run", loop, validated=False)


@pytest.mark.parametrize("rows", [0, 1, 9, 10, 11, 20, 21, 31])
def test_batches_hold_each_row_once(rows: int, tmp_path: Path) -> None:
    with hosted(tmp_path / "run") as driver:
        pool = driver.test_pool.part(range(min(rows, len(driver.test_pool))))
        loader = BatchLoader(pool, 10, driver.seeds)
        batches = [len(inputs) for inputs, _ in loader]
        assert [size for size in batches if size] == batch_sizes(len(pool), 10)
        assert sum(batches) == len(pool)
        assert len(loader) == len(batch_sizes(len(pool), 10))


@pytest.mark.parametrize(
    ("loop", "brought", "scheduler", "found"),
    [
        (FabricLoop(accelerator="cpu"), [], None, ""),
        (FabricLoop(accelerator="cpu"), [], {"monitor": "val_loss"}, "val_loss"),
        (FabricLoop(accelerator="cpu"), [], {"monitor": "loss"}, ""),
        (FabricLoop(accelerator="cpu", monitor="val_loss", patience=1), [], {"monitor": None}, "val_loss"),
        (FabricLoop(accelerator="cpu"), [EarlyStopping(monitor="val_acc")], None, ""),
        (TrainerLoop(accelerator="cpu"), [], None, ""),
        (TrainerLoop(accelerator="cpu", callbacks=[EarlyStopping(monitor="val_acc")]), [], None, "val_acc"),
        (TrainerLoop(accelerator="cpu"), [EarlyStopping(monitor="val_acc")], None, "val_acc"),
        (TrainerLoop(accelerator="cpu"), EarlyStopping(monitor="val_acc"), None, "val_acc"),
        (TrainerLoop(accelerator="cpu", callbacks=[EarlyStopping(monitor="loss")]), [], None, ""),
    ],
)
def test_what_is_monitored_is_found_wherever_it_is_named(loop: Any, brought: Any, scheduler: Any, found: str) -> None:
    learner = SimpleNamespace(configure_callbacks=lambda: brought)
    assert monitored_validation(learner, loop, scheduler) == found
