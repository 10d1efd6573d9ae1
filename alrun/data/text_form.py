"""Forms of text as inputs: hashed counts of words, hashed words, or tokens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from alrun.core.arguments import count_problems
from alrun.core.errors import Problem
from alrun.data.tokens import bag_of_words, hashed_words, tokenized

__all__ = ["BAG", "TextForm"]

BAG, WORDS = "bag", "words"


@dataclass(frozen=True)
class TextForm:
    """How texts are written as numbers.

    Attributes:
        tokenizer: ``bag``, ``words``, or the path of a ``tokenizer.json``.
        features: ``bag``: number of columns.
        ngrams: ``bag``: longest run of words that is counted, 1 for words alone.
        vocabulary: ``words``: number of words that are told apart.
        length: Tokens of a text; longer texts are cut off.
    """

    tokenizer: str = BAG
    features: int = 4096
    ngrams: int = 1
    vocabulary: int = 30_000
    length: int = 128

    def problems(self) -> Iterator[Problem]:
        """Yield what is wrong with the counts."""
        yield from count_problems("data.features", self.features, "data.features=4096", least=2)
        yield from count_problems("data.ngrams", self.ngrams, "data.ngrams=1")
        yield from count_problems("data.vocabulary", self.vocabulary, "data.vocabulary=30000", least=2)
        yield from count_problems("data.length", self.length, "data.length=128")

    def inputs(self, texts: list[str]) -> tuple[npt.NDArray[Any], str]:
        """Return the inputs ``[N, …]`` of ``texts``, and what they are in words.

        Raises:
            DataError: The tokenizer cannot be used.
        """
        if self.tokenizer == BAG:
            bag: Any = bag_of_words(texts, self.features, self.ngrams)
            return bag, f"hashed counts of words, {self.features} columns"
        if self.tokenizer == WORDS:
            found = hashed_words(texts, self.vocabulary, self.length)
            return found, f"the first {self.length} words, hashed to {self.vocabulary} numbers, padded with 0"
        found, count, pad = tokenized(texts, self.tokenizer, self.length)
        return found, f"the first {self.length} of {count} different tokens, padded with {pad}"
