"""Wrapper around a loader, of which Lightning sees only an iterable."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from alrun.core.errors import StrategyError

__all__ = ["Batches", "set_epoch"]


class Batches:
    """Re-iterable batches; keeps Lightning from taking apart lists and from second-guessing data loaders."""

    def __init__(self, loader: Any) -> None:
        """Wrap ``loader``."""
        self._loader = loader

    def __iter__(self) -> Iterator[Any]:
        """Yield its batches."""
        return iter(self._loader)

    def __len__(self) -> int:
        """Return the number of batches; ``TypeError`` where the loader cannot tell."""
        return len(self._loader)

    def require(self) -> None:
        """Raise ``StrategyError`` when it is known that there are no batches."""
        with contextlib.suppress(TypeError):
            if len(self) == 0:
                raise StrategyError("the training data loader yields no batches")

    def set_epoch(self, epoch: int) -> None:
        """Pass ``epoch`` on."""
        set_epoch(self._loader, epoch)


def set_epoch(loader: Any, epoch: int) -> None:
    """Tell ``loader`` which epoch it is about to serve, if it wants to know."""
    tell = getattr(loader, "set_epoch", None)
    if callable(tell):
        tell(epoch)
