"""Reading a map-style data set datum by datum, with random numbers that belong to the datum.

A data set may draw from the global generators in ``__getitem__`` (augmentation). They are seeded for each datum from a
key and its number, so that what a datum looks like depends neither on the order of reading, nor on who else is in the
batch, nor on how many worker processes read.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from alrun.core.generators import generators_kept, seed_generators

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
    with generators_kept(devices=False):
        if callable(getattr(dataset, "__getitems__", None)):
            _seed(key, numbers)
            return dataset.__getitems__(list(numbers))
        return [_datum(dataset, number, key) for number in numbers]


def _datum(dataset: Any, number: int, key: int) -> Any:
    _seed(key, (number,))
    return dataset[number]


def _seed(key: int, numbers: Sequence[int]) -> None:
    digest = blake2b(repr((key, *numbers)).encode(), digest_size=8).digest()
    seed_generators(int.from_bytes(digest, "little") >> 1)
