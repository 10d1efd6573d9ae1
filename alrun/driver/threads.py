"""How many threads torch computes with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["computing_threads"]

#: Below this many floating-point operations an optimiser step is over before a second thread has woken up.
SMALL_STEP = 2e8


def _is_small(learner: Any, batch_size: int) -> bool:
    """Return whether one optimiser step is too little work to share (6 operations a weight and row)."""
    convolves = any("Conv" in type(module).__name__ for module in learner.modules())
    weights = sum(parameter.numel() for parameter in learner.parameters())
    return not convolves and 6.0 * weights * batch_size < SMALL_STEP


@contextmanager
def computing_threads(threads: int | None, learner: Any, batch_size: int) -> Iterator[None]:
    """Set torch's threads for the time of a run.

    Args:
        threads: How many; ``None`` for one where the learner is small, torch's own choice where it is not. Small
            operations shared between threads are slower than on one, and many times slower on a busy machine.
        learner: The model.
        batch_size: Rows a minibatch.
    """
    import torch

    before = torch.get_num_threads()
    wanted = threads or (1 if _is_small(learner, batch_size) else before)
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)
