"""Monitored value, which decides about early stopping and the best weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alrun.core.arguments import choice_problems, raise_any
from alrun.core.errors import Problem

__all__ = ["LOSSES", "Monitor", "Watch"]

LOSSES = ("train_loss", "val_loss")


@dataclass(frozen=True)
class Monitor:
    """How an epoch is judged.

    Attributes:
        name: Logged value to judge by; ``None`` takes ``val_loss`` where there is validation, else ``train_loss``.
        mode: ``min`` or ``max``: which direction is better.
        patience: Stop after so many epochs in a row without improvement; ``None`` never stops.
        min_delta: What counts as improvement, in units of the value.
        restore_best: Whether the best epoch's weights are put back when training ends.

    Raises:
        ConfigError: A value out of range.
    """

    name: str | None = None
    mode: str = "min"
    patience: int | None = None
    min_delta: float = 0.0
    restore_best: bool = False

    def __post_init__(self) -> None:
        """Check the values; every problem is reported at once."""
        problems = list(choice_problems("training.loop.mode", self.mode, ("min", "max")))
        if self.patience is not None and self.patience < 1:
            hint = "training.loop.patience=10, or null to never stop early"
            problems.append(Problem(f"{self.patience} is less than 1", "training.loop.patience", hint))
        if not self.min_delta >= 0:
            problems.append(
                Problem(f"{self.min_delta} is negative", "training.loop.min_delta", "training.loop.min_delta=0")
            )
        raise_any(problems)

    @property
    def active(self) -> bool:
        """Whether anything depends on the monitored value."""
        return self.patience is not None or self.restore_best

    def read(self, metrics: Mapping[str, float]) -> float:
        """Return the monitored value.

        Raises:
            ConfigError: Nothing of that name was logged in this epoch.
        """
        name = self.name or ("val_loss" if "val_loss" in metrics else "train_loss")
        raise_any(choice_problems("training.loop.monitor", name, metrics))
        return float(metrics[name])


class Watch:
    """Best value so far, the weights that gave it, and how many epochs have passed without a better one."""

    def __init__(self, monitor: Monitor) -> None:
        """Start with nothing seen."""
        self.monitor = monitor
        self.best: float | None = None
        self.bad_epochs = 0
        self.weights: dict[str, Any] | None = None

    @property
    def exhausted(self) -> bool:
        """Whether patience has run out."""
        return self.monitor.patience is not None and self.bad_epochs >= self.monitor.patience

    def update(self, metrics: Mapping[str, float], model: Any) -> None:
        """Judge one epoch; ``nan`` is not an improvement."""
        if not self.monitor.active:
            return
        value = self.monitor.read(metrics)
        if not self._improves(value):
            self.bad_epochs += 1
            return
        self.best, self.bad_epochs = value, 0
        if self.monitor.restore_best:
            self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}

    def _improves(self, value: float) -> bool:
        if math.isnan(value):
            return False
        if self.best is None:
            return True
        gain = self.best - value if self.monitor.mode == "min" else value - self.best
        return gain > self.monitor.min_delta

    def restore(self, model: Any) -> None:
        """Put the best weights back in ``model``, if they are kept."""
        if self.weights is not None:
            model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """Return what ``load_state_dict`` needs to go on."""
        return {"best": self.best, "bad_epochs": self.bad_epochs, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``."""
        self.best, self.bad_epochs, self.weights = state["best"], int(state["bad_epochs"]), state["weights"]
