"""Global random generators of Python, numpy and torch: seeded together, and restored."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["generators_kept", "seed_generators"]


def seed_generators(value: int) -> None:
    """Seed the generators of the CPU with ``value``, at least 0 and below ``2**64``."""
    import numpy as np
    import torch

    random.seed(value)
    np.random.seed(value % 2**32)  # noqa: NPY002 - legacy global state is what foreign code reads
    # torch.manual_seed would queue a call per backend, with a formatted stack each, until that backend wakes up.
    torch.default_generator.manual_seed(value)


@contextmanager
def generators_kept(devices: bool = True) -> Iterator[None]:
    """Put the generators back at the end, as they were.

    Args:
        devices: Whether those of CUDA devices that are in use are put back, too.
    """
    import numpy as np
    import torch

    python, legacy, cpu = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002 - as above
    cuda = torch.cuda.get_rng_state_all() if devices and torch.cuda.is_initialized() else []
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda:
            torch.cuda.set_rng_state_all(cuda)
