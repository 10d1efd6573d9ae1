"""Texts of a table, one a row, with labels: as hashed counts of words, or as tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alrun.core.arguments import raise_any
from alrun.core.errors import DataError
from alrun.data.encoding import encode
from alrun.data.files import SUFFIXES, FileOptions, read_file
from alrun.data.named import NamedArraySource
from alrun.data.problems import existing_file, fail, parse_task
from alrun.data.shipped import open_embeddings
from alrun.data.target_files import chosen_column
from alrun.data.text_form import BAG, TextForm

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Text"]

#: What columns of texts are called where nobody says.
USUAL = ("text", "sentence", "document", "content", "review", "title")


class Text(NamedArraySource):
    """Texts, as inputs for a learner that takes rows of numbers.

    ``bag``: hashed counts of words, ``[features]``, kept sparse and made dense as they are read. ``words``: numbers of
    the first ``length`` words, hashed to ``1 … vocabulary - 1``, 0 where a text is shorter. A ``tokenizer.json``: its
    tokens, ``[length]``. No vocabulary is learned from the data. Tokens are whole numbers, exact as ``float32``.

    Attributes:
        notes: What the texts became.
    """

    def __init__(
        self,
        path: str,
        *,
        text: str | None = None,
        target: str | None = None,
        tokenizer: str = BAG,
        features: int = 4096,
        ngrams: int = 1,
        vocabulary: int = 30_000,
        length: int = 128,
        uuids: str | None = None,
        task: str = "auto",
        sep: str | None = None,
        encoding: str | None = None,
        embeddings: str | None = None,
        labeled: Sequence[int] | None = None,
        validation_size: float = 0.1,
        test_size: float = 0.2,
    ) -> None:
        """Read the table and its texts.

        Args:
            path: A ``.csv``, ``.tsv``, ``.jsonl``, ``.parquet`` or other table.
            text: Column of the texts; ``None`` for the one that is called like texts.
            target: Column of the labels; ``None`` for the one that is called like labels.
            tokenizer: ``bag``, ``words``, or the path of a ``tokenizer.json``.
            features: ``bag``: number of columns.
            ngrams: ``bag``: longest run of words that is counted, 1 for words alone.
            vocabulary: ``words``: number of words that are told apart.
            length: Tokens of a text; longer texts are cut off.
            uuids: Column of what the rows are called; ``None`` for their numbers.
            task: ``classification``, ``regression``, or ``auto`` for what the labels look like.
            sep: See ``FileOptions``.
            encoding: See ``FileOptions``.
            embeddings: A ``.npy`` file ``[N, d]``, memory-mapped: vectors to compare rows by.
            labeled: See ``ArraySource``.
            validation_size: See ``ArraySource``.
            test_size: See ``ArraySource``.

        Raises:
            DataError: The file, a column, a value or the tokenizer cannot be used as asked.
        """
        wanted = parse_task(task)
        form = TextForm(tokenizer, features, ngrams, vocabulary, length)
        raise_any(form.problems(), DataError)
        file = existing_file(path, "data.path", SUFFIXES)
        frame, where = read_file(file, FileOptions(sep, encoding)).frame, str(file)
        column = _column(frame, text, where)
        others = [str(name) for name in frame.columns if name != column.name]
        labels = frame[chosen_column(target, others, "data.target", where)]
        for one in (column, labels):
            _refuse_missing(one, where)
        texts = column.astype(str).tolist()
        plain = labels.to_numpy() if labels.dtype.kind in "biuf" else labels.astype(str).to_numpy(dtype=str)
        encoded = encode(plain, wanted, where)
        inputs, note = form.inputs(texts)
        options: dict[str, Any] = {"validation_size": validation_size, "test_size": test_size, "labeled": labeled}
        spec = encoded.spec(tuple(inputs.shape[1:]))
        super().__init__(inputs, encoded.targets, spec, embeddings=open_embeddings(embeddings), **options)
        self.notes = (f"column {str(column.name)!r}: {note}",)
        if uuids is not None:
            names = frame[chosen_column(uuids, others, "data.uuids", where)]
            _refuse_missing(names, where)
            self.name_rows(names.astype(str).tolist(), f"{where}, column {uuids!r}")


def _column(frame: pd.DataFrame, name: str | None, where: str) -> pd.Series[Any]:
    names = list(map(str, frame.columns))
    usual = [one for one in names if one.lower() in USUAL]
    if name is None and len(usual) != 1:
        what = f"{' and '.join(usual[:3])} may be texts" if usual else "no column is called like texts"
        raise fail(what, where, f"data.text={(usual or names)[0]}")
    return frame[chosen_column(name or usual[0], names, "data.text", where)]


def _refuse_missing(column: pd.Series[Any], where: str) -> None:
    missing = np.flatnonzero(column.isna().to_numpy())
    if len(missing):
        what = f"column {str(column.name)!r} is missing in row {missing[0]}"
        more = f" (and {len(missing) - 1} more rows)" if len(missing) > 1 else ""
        raise fail(what + more, where, "leave such rows out")
