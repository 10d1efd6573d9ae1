"""Texts as numbers: hashed counts of words, hashed words, or the tokens of a ``tokenizer.json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alrun.core.showing import printable
from alrun.data.problems import existing_file, fail

__all__ = ["SparseRows", "bag_of_words", "hashed_words", "tokenized"]

#: Words as scikit-learn's vectorizers take them: two letters or digits at least.
WORDS = r"(?u)\b\w\w+\b"
#: Bytes of a tokenizer's file, texts that are tokenized at once.
_MOST_BYTES, _BLOCK = 1 << 27, 4096
_PADS = ("[PAD]", "<pad>", "<|endoftext|>", "</s>")


class SparseRows:
    """Rows of a sparse matrix ``[N, d]`` ``float32``, made dense as they are read.

    Attributes:
        shape: ``(N, d)``.
        dtype: ``float32``.
        ndim: 2.
    """

    def __init__(self, matrix: Any) -> None:
        """Read ``matrix``, of scipy's CSR kind."""
        self._matrix = matrix
        self.shape: tuple[int, ...] = tuple(matrix.shape)
        self.dtype, self.ndim = np.dtype(np.float32), 2

    def __len__(self) -> int:
        """Return the number of rows ``N``."""
        return self.shape[0]

    def __getitem__(self, rows: slice | npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return the rows of a slice, or those of numbers ``[n]`` in their order, ``[n, d]``."""
        dense: npt.NDArray[np.float32] = self._matrix[rows].toarray()
        return dense


def bag_of_words(texts: Sequence[str], columns: int, ngrams: int) -> SparseRows:
    """Return hashed counts of the words, and of runs of up to ``ngrams`` words, of each text, of Euclidean norm 1.

    Weinberger et al. 2009, "Feature Hashing", as scikit-learn's ``HashingVectorizer`` has it: no vocabulary is built,
    so that what is unlabeled, or for test, tells nothing of the pool.
    """
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(
        n_features=columns, ngram_range=(1, ngrams), token_pattern=WORDS, dtype=np.float32, norm="l2"
    )
    return SparseRows(vectorizer.transform(texts).tocsr())


def hashed_words(texts: Sequence[str], vocabulary: int, length: int) -> npt.NDArray[np.int32]:
    """Return the first ``length`` words of each text as numbers from 1 on, ``[N, length]``, padded with 0."""
    import re

    from sklearn.utils import murmurhash3_32

    words = re.compile(WORDS)
    numbers: dict[str, int] = {}
    found = np.zeros((len(texts), length), dtype=np.int32)
    for row, text in enumerate(texts):
        first = words.findall(text.lower())[:length]
        for word in first:
            if word not in numbers:
                numbers[word] = 1 + murmurhash3_32(word, positive=True) % (vocabulary - 1)
        found[row, : len(first)] = [numbers[word] for word in first]
    return found


def tokenized(texts: Sequence[str], path: str, length: int) -> tuple[npt.NDArray[np.int32], int, int]:
    """Return the tokens of each text, ``[N, length]``, the number of tokens that there are, and the one that pads.

    Args:
        texts: What is tokenized.
        path: A ``tokenizer.json`` of the library ``tokenizers``.
        length: Tokens of a text; longer ones are cut off, shorter ones padded.

    Raises:
        DataError: The library is not installed, or the file is none of its.
    """
    file = existing_file(path, "data.tokenizer", (".json",))
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        what = "a tokenizer.json is read by tokenizers, which is not installed"
        raise fail(what, "data.tokenizer", "pip install 'alrun[text]'") from error
    if file.stat().st_size > _MOST_BYTES:
        raise fail(f"has {file.stat().st_size} bytes, more than any tokenizer", str(file), "data.tokenizer=bag")
    try:
        tokenizer = Tokenizer.from_str(file.read_text(encoding="utf-8"))
    except Exception as error:
        what = f"is no tokenizer: {printable(str(error), 200)}"
        raise fail(what, str(file), "save it by tokenizer.save(path), or data.tokenizer=bag") from error
    padding = tokenizer.padding or {}
    known = (tokenizer.token_to_id(name) for name in _PADS)
    pad = int(padding.get("pad_id", next((one for one in known if one is not None), 0)))
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(pad_id=pad, length=length)
    found = np.empty((len(texts), length), dtype=np.int32)
    for start in range(0, len(texts), _BLOCK):
        encoded = tokenizer.encode_batch(list(texts[start : start + _BLOCK]))
        found[start : start + len(encoded)] = [one.ids for one in encoded]
    return found, int(tokenizer.get_vocab_size()), pad
