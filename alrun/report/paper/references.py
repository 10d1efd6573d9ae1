"""References of a paper: the entries of strategies and methods, from ``references.bib`` beside this module."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.resources import files

__all__ = ["cite_key", "references"]

ENTRY = re.compile(r"^@\w+\{(?P<key>[^,]+),\n.*?^\}$", re.MULTILINE | re.DOTALL)
KEYWORDS = re.compile(r"^  keywords = \{(?P<words>[^}]*)\},\n", re.MULTILINE)


def _entries() -> Iterator[tuple[str, frozenset[str], str]]:
    """Yield key, keywords and text of each entry; a keyword is an option of a config group, or a method."""
    text = (files(__package__) / "references.bib").read_text(encoding="utf-8")
    for entry in ENTRY.finditer(text):
        words = KEYWORDS.search(entry[0])
        yield entry["key"], frozenset(words["words"].split() if words else ()), KEYWORDS.sub("", entry[0])


def references(names: Iterable[str]) -> str:
    """Return the entries, as BibTeX, of all ``names`` that have one.

    >>> references(["badge", "random"]).splitlines()[0]
    '@inproceedings{ash2020badge,'
    """
    wanted = set(names)
    return "\n\n".join(text for _, words, text in _entries() if words & wanted) + "\n"


def cite_key(name: str) -> str | None:
    r"""Return what ``\cite`` takes for the option or method ``name``; ``None``: it has no entry."""
    return next((key for key, words, _ in _entries() if name in words), None)
