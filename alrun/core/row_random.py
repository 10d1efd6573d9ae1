"""Random numbers per row, independent of the order in which rows are visited.

A generator hands out its numbers in sequence, so what a row gets depends on who was asked before. Here the number of a
row is a hash of ``(key, row, draw)``: the same for every pool order, batch size and number of requests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["row_uniforms"]

_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1 = 0xBF58476D1CE4E5B9
_MIX_2 = 0x94D049BB133111EB
_MASK = 2**64 - 1


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    import numpy as np

    words = (words ^ (words >> np.uint64(30))) * np.uint64(_MIX_1)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(_MIX_2)
    return words ^ (words >> np.uint64(31))


def row_uniforms(rows: Tensor, key: int, draw: int = 0) -> NDArray[np.float64]:
    """Return one uniform number in the open interval (0, 1) for each row.

    Two rounds of the SplitMix64 finaliser (Steele, Lea and Flood 2014) over the row number, keyed by ``key`` and
    ``draw``; the 52 upper bits are used, so that neither 0 nor 1 occurs.

    Args:
        rows: Source row numbers ``[n]`` ``int64``, of any sign and in any order.
        key: Seed of the stream, e.g. ``seeds.integer(role, name)``.
        draw: Which number of the row: different values are independent.

    Returns:
        ``[n]`` ``float64``.
    """
    import numpy as np

    words = rows.detach().cpu().contiguous().numpy().view(np.uint64)
    offsets = np.array([key & _MASK, (draw + 1) & _MASK], dtype=np.uint64) * np.uint64(_GOLDEN)
    hashed = _mixed(_mixed(words * np.uint64(_GOLDEN) + offsets[0]) + _mixed(offsets[1:] ^ offsets[:1]))
    return ((hashed >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
