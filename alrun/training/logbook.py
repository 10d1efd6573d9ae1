"""Logbook of the values that a LightningModule logs with ``self.log``, as means over an epoch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from alrun.core.compat import is_lightning
from alrun.core.errors import StrategyError
from alrun.core.lending import lent
from alrun.training.meter import LossMeter, batch_size

__all__ = ["TRAINING", "VALIDATION", "Logbook"]

TRAINING, VALIDATION = "training", "validation"
_FOLDS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "min": torch.minimum,
    "max": torch.maximum,
    "sum": torch.add,
}


class Logbook:
    """Values by name, apart for training and validation, summed on the device without waiting for it.

    A value is the mean over the samples of an epoch, each batch weighted by its size (``batch_size`` of ``self.log``,
    else the first dimension of the batch); with ``reduce_fx`` the ``sum``, ``min`` or ``max`` over the batches; for a
    torchmetrics ``Metric`` what it computes at the end of the epoch. ``on_step`` and ``on_epoch`` change nothing.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        """Start with an empty epoch; the stage is training."""
        self._device = device
        self._entries: dict[str, dict[str, Any]] = {TRAINING: {}, VALIDATION: {}}
        self._batch: Any = None
        self.stage = TRAINING

    def begin_epoch(self, device: torch.device | str | None = None) -> None:
        """Forget the values of the epoch before; from now on sum on ``device``."""
        self._device = self._device if device is None else device
        self._entries = {TRAINING: {}, VALIDATION: {}}
        self.stage, self._batch = TRAINING, None

    def at(self, stage: str) -> None:
        """Say whether training or validation is next; a validation starts afresh. No batch is seen yet."""
        self.stage, self._batch = stage, None
        if stage == VALIDATION:
            self._entries[VALIDATION] = {}

    def see(self, batch: Any) -> None:
        """Say which batch is being worked on; its size is looked up only when something is logged."""
        self._batch = batch

    def add(self, name: str, value: Any, size: int | None = None, reduce_fx: Any = "mean") -> None:
        """Take one value.

        Args:
            name: As the learner calls it.
            value: A number, a tensor with one element, or a torchmetrics ``Metric``.
            size: Samples behind the value; ``None`` for the size of the current batch, 1 where there is none.
            reduce_fx: ``mean``, ``sum``, ``min`` or ``max``, or torch's function of that name.

        Raises:
            StrategyError: An unknown reduction, or no single number.
        """
        entries = self._entries[self.stage]
        if callable(getattr(value, "compute", None)):
            entries[name] = value
            return
        number = torch.as_tensor(value, device=self._device).detach()
        if number.numel() != 1:
            raise StrategyError(f"self.log({name!r}, …) got a tensor of shape {tuple(number.shape)}, not one number")
        fold = reduce_fx if isinstance(reduce_fx, str) else getattr(reduce_fx, "__name__", str(reduce_fx))
        entries[name] = self._folded(entries.get(name), number.reshape(()), size, fold, name)

    def _folded(self, entry: Any, number: Tensor, size: int | None, fold: str, name: str) -> Any:
        if fold == "mean":
            meter = entry if isinstance(entry, LossMeter) else LossMeter(self._device)
            if size is None:
                size = 1 if self._batch is None else batch_size(self._batch)
            meter.add(number, size)
            return meter
        if fold not in _FOLDS:
            raise StrategyError(f"self.log({name!r}, reduce_fx={fold!r}): only mean, sum, min and max are known")
        return number.clone() if not isinstance(entry, Tensor) else _FOLDS[fold](entry, number)

    def values(self, stage: str) -> dict[str, float]:
        """Return what was logged in this epoch at ``stage``, sorted by name; waits for the device once per value."""
        entries = self._entries[stage]
        return {name: _number(entries[name]) for name in sorted(entries)}

    def reset_metrics(self) -> None:
        """Reset the torchmetrics metrics that were logged, as a Trainer does at the end of an epoch."""
        for entries in self._entries.values():
            for entry in entries.values():
                if callable(getattr(entry, "reset", None)):
                    entry.reset()

    @contextmanager
    def lent(self, module: Any, pass_on: bool) -> Iterator[None]:
        """Stand in for ``log`` (and ``log_dict``) of a LightningModule; afterwards the object is as it was.

        Args:
            module: The learner; one without the hooks of a LightningModule is left alone.
            pass_on: Whether the module's own ``log`` is called too: a Trainer is listening.
        """
        if not is_lightning(module):
            yield
            return
        methods: dict[str, Any] = {"log": self._logger(module.log if pass_on else None)}
        if not pass_on:
            methods["log_dict"] = self._log_dict
        with lent(module, **methods):
            yield

    def _logger(self, own: Callable[..., None] | None) -> Callable[..., None]:
        def log(name: str, value: Any, *args: Any, **options: Any) -> None:
            if own is not None:
                own(name, value, *args, **options)
            self.add(name, value, options.get("batch_size"), options.get("reduce_fx", "mean"))

        return log

    def _log_dict(self, dictionary: Any, *args: Any, **options: Any) -> None:
        for name, value in dictionary.items():
            self.add(name, value, options.get("batch_size"), options.get("reduce_fx", "mean"))


def _number(entry: Any) -> float:
    if isinstance(entry, LossMeter):
        return float(entry.tensor())
    return float(entry if isinstance(entry, Tensor) else entry.compute())
