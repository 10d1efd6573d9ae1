"""Number of threads that torch uses: results depend on it to the last bit, so that a run keeps it.

Two threads add up a sum in another order than one, so the last bits of the weights go with the number. What torch would
choose by itself goes with the moment: ``OMP_NUM_THREADS``, which joblib sets for its workers, and the cores that the
process may use. Here it is a function of the learner and of the machine alone, and ``run.json`` notes it for the
sessions to come. Alone, in a worker and on cores that are shared, the bytes are the same; where fewer cores are free
than it asks for, the same is computed more slowly.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

__all__ = ["computing_threads", "threads_for"]

#: Below this many floating-point operations an optimizer step is over before a second thread has woken up.
SMALL_STEP = 2e8
#: More are for who asks for them: runs stand side by side in sweeps, and each of them would take as many.
MOST = 4


def threads_for(learner: Any, batch_size: int) -> int:
    """Return how many threads a learner is worth: one where it is small, else as many as the machine has, at most 4.

    Small operations shared between threads are slower than on one, and many times slower on a busy machine.

    Args:
        learner: The model.
        batch_size: Rows a minibatch.
    """
    return 1 if _is_small(learner, batch_size) else min(MOST, os.cpu_count() or 1)


def _is_small(learner: Any, batch_size: int) -> bool:
    """Return whether one optimizer step is too little work to share (6 operations per weight and row)."""
    convolves = any("Conv" in type(module).__name__ for module in learner.modules())
    weights = sum(parameter.numel() for parameter in learner.parameters())
    return not convolves and 6.0 * weights * batch_size < SMALL_STEP


@contextmanager
def computing_threads(threads: int) -> Iterator[None]:
    """Set torch's threads for a while; other libraries that are loaded get one."""
    import torch

    before = torch.get_num_threads()
    with _libraries(len(sys.modules)).limit(limits=1):
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


@lru_cache(maxsize=1)
def _libraries(modules: int) -> Any:
    """Return the libraries with threads of their own, which are looked for anew when ``modules`` were imported since.

    Finding them reads all that is mapped into this process: 4 ms, twice a run, of the 90 ms that the smallest takes.
    """
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()
