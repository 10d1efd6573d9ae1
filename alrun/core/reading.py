"""Reading a map-style data set datum by datum, with random numbers that belong to the datum.

A data set may draw from the global generators in ``__getitem__`` (augmentation). They are seeded for each datum from a
key and its number, so that what a datum looks like depends neither on the order of reading, nor on who else is in the
batch, nor on how many worker processes read.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from typing import Any

__all__ = ["read"]


def read(dataset: Any, numbers: Sequence[int], key: int = 0) -> Any:
    """Return the data ``numbers`` of ``dataset``, in that order; the global generators are left as they were.

    Args:
        dataset: Map-style. One with ``__getitems__`` (torch's plural: a list of numbers to a list of data) is read at
            once, its generators seeded by ``key`` and the numbers.
        numbers: Which data.
        key: Names the pass: equal keys give equal data.

    Returns:
        A list of data; or what ``__getitems__`` gave, which may be a whole batch.
    """
    with _generators_kept():
        if callable(getattr(dataset, "__getitems__", None)):
            _seed(key, numbers)
            return dataset.__getitems__(list(numbers))
        return [_datum(dataset, number, key) for number in numbers]


def _datum(dataset: Any, number: int, key: int) -> Any:
    _seed(key, (number,))
    return dataset[number]


def _seed(key: int, numbers: Sequence[int]) -> None:
    import numpy as np
    import torch

    digest = blake2b(repr((key, *numbers)).encode(), digest_size=8).digest()
    value = int.from_bytes(digest, "little") >> 1
    random.seed(value)
    np.random.seed(value % 2**32)  # noqa: NPY002 - legacy global state is what foreign code reads
    torch.default_generator.manual_seed(value)


@contextmanager
def _generators_kept() -> Iterator[None]:
    """Put the global generators back at the end."""
    import numpy as np
    import torch

    python, numpy, pytorch = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    try:
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_rng_state(pytorch)
