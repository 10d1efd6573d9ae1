"""Learning rate schedules, as Lightning's scheduler configuration says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alrun.core.arguments import choice_problems, raise_any
from alrun.core.errors import ConfigError, Problem
from alrun.core.suggest import did_you_mean
from alrun.training.monitor import Monitor

__all__ = ["Schedule"]

KEYS = ("scheduler", "interval", "frequency", "monitor", "name", "strict", "reduce_on_plateau")


class Schedule:
    """Steps a learning-rate scheduler every ``frequency`` epochs, or batches of an epoch.

    Raises:
        ConfigError: An unknown key or interval, or a plateau scheduler by batch.
    """

    def __init__(self, config: Any, monitor: Monitor) -> None:
        """Take a scheduler, Lightning's dict around one, or ``None``; ``monitor`` is what plateaus fall back on."""
        entries = dict(config) if isinstance(config, Mapping) else {"scheduler": config}
        raise_any(
            Problem(f"unknown key {key!r}", "learner.scheduler", did_you_mean(str(key), KEYS))
            for key in entries
            if key not in KEYS
        )
        self.scheduler = entries.get("scheduler")
        self.interval = entries.get("interval", "epoch")
        self.frequency = int(entries.get("frequency", 1))
        self.monitor = Monitor(name=entries.get("monitor") or monitor.name)
        self.plateau = self.scheduler is not None and _is_plateau(self.scheduler)
        self._check()
        self.by_batch = self.scheduler is not None and self.interval == "step"

    def _check(self) -> None:
        raise_any(choice_problems("learner.scheduler.interval", self.interval, ("epoch", "step")))
        if self.plateau and self.interval == "step":
            raise ConfigError(
                Problem("a plateau scheduler goes by epochs", "learner.scheduler", "learner.scheduler.interval=epoch")
            )

    def after_batch(self, index: int) -> None:
        """Step after batch ``index`` (0-based, within the epoch)."""
        if self.scheduler is not None and (index + 1) % self.frequency == 0:
            self.scheduler.step()

    def after_epoch(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Step after ``epoch`` (0-based); plateau schedulers read their value from ``metrics``."""
        if self.scheduler is None or self.by_batch or (epoch + 1) % self.frequency:
            return
        if self.plateau:
            self.scheduler.step(self.monitor.read(metrics))
        else:
            self.scheduler.step()

    def state_dict(self) -> Any:
        """Return the scheduler's state, or ``None``."""
        return None if self.scheduler is None else self.scheduler.state_dict()

    def load_state_dict(self, state: Any) -> None:
        """Go on from ``state``."""
        if self.scheduler is not None and state is not None:
            self.scheduler.load_state_dict(state)


def _is_plateau(scheduler: Any) -> bool:
    from torch.optim.lr_scheduler import ReduceLROnPlateau

    return isinstance(scheduler, ReduceLROnPlateau)
