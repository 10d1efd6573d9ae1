"""Fake Trainer that a LightningModule sees while the fabric loop trains it."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from alrun.core.fake_trainer import FakeTrainer

if TYPE_CHECKING:
    from lightning.fabric import Fabric
    from torch import Tensor

    from alrun.training.logbook import Logbook

__all__ = ["FabricTrainer"]


class FabricTrainer(FakeTrainer):
    """A Fabric with the few things of a Trainer that modules commonly read; all else is the Fabric's.

    Attributes:
        optimizers: Those that ``self.optimizers()`` gives.
        lr_scheduler_configs: One entry with a ``scheduler`` for each that the module steps by itself.
        last_metrics: Values of the epoch before, by name.
        progress_bar_callback: ``None``.
    """

    def __init__(self, fabric: Fabric, optimizers: list[Any], schedulers: list[Any], logbook: Logbook) -> None:
        """Stand before ``fabric``; what child modules log through it goes to ``logbook``."""
        super().__init__()
        self._fabric, self._logbook = fabric, logbook
        self.optimizers = optimizers
        self.lr_scheduler_configs = [SimpleNamespace(scheduler=scheduler) for scheduler in schedulers]
        self.last_metrics: Mapping[str, float] = {}
        self.progress_bar_callback = None

    @property
    def callback_metrics(self) -> dict[str, Tensor]:
        """What has been logged in this epoch, and in the epoch before, as scalar tensors by name."""
        import torch

        now = self._logbook.values("training") | self._logbook.values("validation")
        return {name: torch.tensor(value) for name, value in {**self.last_metrics, **now}.items()}

    def __getattr__(self, name: str) -> Any:
        """Return what the Fabric has under ``name``."""
        return getattr(self._fabric, name)

    def log_dict(self, metrics: Any, step: int | None = None) -> None:
        """Take what a child module logs."""
        for name, value in metrics.items():
            self._logbook.add(name, value)
