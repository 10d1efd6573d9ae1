"""Observers of each batch: the logbook, the learner's own hooks, and the session."""

from __future__ import annotations

from typing import Any

from alrun.core.protocols.model import BatchWatch
from alrun.training.engine import Engine
from alrun.training.meter import batch_size, loss_of

__all__ = ["Observers"]


class Observers:
    """The observers of the batches of one epoch of training or validation."""

    def __init__(self, engine: Engine, stage: str, epoch: int, watch: BatchWatch | None) -> None:
        """Tell the model of ``engine``, and ``watch``, of the ``train`` or ``validation`` batches of ``epoch``."""
        self._see, self._shown = engine.logbook.see, engine.hooks.shown if stage == "train" else _as_it_is
        self._start, self._end = (engine.hooks.own(f"on_{stage}_batch_{event}") for event in ("start", "end"))
        self._loss = "train_loss" if stage == "train" else "val_loss"
        self._epoch, self._watch = epoch, watch

    def started(self, batch: Any, index: int) -> bool:
        """Say that ``batch`` begins; return whether the epoch goes on with it (a hook may end it by returning -1)."""
        self._see(batch)
        if self._start is not None and self._start(batch, index) == -1:
            return False
        if self._watch is not None:
            self._watch.started(self._epoch, index)
        return True

    def finished(self, output: Any, batch: Any, index: int) -> None:
        """Say that the step of ``batch`` returned ``output``, and that all that follows from it is done."""
        if self._end is not None:
            self._end(self._shown(output), batch, index)
        if self._watch is not None:
            self._watch.finished(self._epoch, index, batch_size(batch), {self._loss: loss_of(output)})


def _as_it_is(output: Any) -> Any:
    return output
