"""Sections of a report: prose, tables and charts under one heading."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alrun.core.showing import printable
from alrun.report.charts.chart import Chart

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Card", "Gallery", "Section", "TextTable", "text_table"]


@dataclass(frozen=True)
class TextTable:
    """A table of text.

    Attributes:
        caption: What it holds.
        header: Names of the columns.
        rows: Cells, row by row; the first of each names the row.
        marks: Of each row, the section that its name links to and the class that it is drawn in; empty for plain rows.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    marks: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Card:
    """One sample.

    Attributes:
        name: What it is called.
        picture: PNG in base64; empty without one.
        facts: What is said of it: names and values.
    """

    name: str
    picture: str
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Gallery:
    """Samples side by side.

    Attributes:
        strategy: Whose they are, which hides them with its marks.
        caption: Which samples they are, and how many are left out.
        cards: The samples.
    """

    strategy: str
    caption: str
    cards: Sequence[Card]


@dataclass(frozen=True)
class Section:
    """One section.

    Attributes:
        anchor: Its name within the page.
        title: Its heading.
        paragraphs: What is said before tables and charts.
        blocks: Further elements of the page (``Markup``, escaped by whoever makes it); plain text is escaped.
        tables: Tables.
        charts: Charts.
        galleries: Samples, after the charts.
    """

    anchor: str
    title: str
    paragraphs: Sequence[str] = ()
    tables: Sequence[TextTable] = ()
    charts: Sequence[Chart] = ()
    blocks: Sequence[str] = ()
    galleries: Sequence[Gallery] = ()


def text_table(table: pd.DataFrame, caption: str, most: int | None = None) -> TextTable:
    """Return ``table`` as text, at most ``most`` rows; numbers have four digits, undefined ones are empty."""
    cut = table if most is None else table.head(most)
    rows = [[_text(cell) for cell in row] for row in cut.itertuples(index=False, name=None)]
    return TextTable(caption, [printable(str(name)) for name in table.columns], rows)


def _text(cell: Any) -> str:
    if isinstance(cell, float):
        return f"{cell:.4g}" if math.isfinite(cell) else ""
    return "" if cell is None else printable(str(cell))
