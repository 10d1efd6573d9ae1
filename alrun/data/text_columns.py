"""Text columns of a table as hashed counts of their words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from alrun.data.memory import refuse_larger
from alrun.data.tokens import bag_of_words

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["hashed_texts"]


def hashed_texts(frame: pd.DataFrame, names: Sequence[str], width: int, file: Path) -> npt.NDArray[np.float32]:
    """Return ``width`` columns for each of the columns ``names``, ``[N, width * len(names)]`` ``float32``.

    Counts of words as ``data=text`` has them, of Euclidean norm 1 a text: nothing is learned from other rows. A missing
    text is an empty one, with zeros.

    Raises:
        DataError: They are more than the memory holds.
    """
    refuse_larger(4 * len(frame) * width * len(names), file, "data.text_features=64")
    blocks = [np.empty((len(frame), 0), dtype=np.float32)]
    for name in names:
        texts = frame[name].astype(object).map(str, na_action="ignore").fillna("").tolist()
        blocks.append(bag_of_words(texts, width, 1)[:])
    return np.concatenate(blocks, axis=1)
