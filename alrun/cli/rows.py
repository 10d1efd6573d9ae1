"""Table of thousands of rows, laid out in one pass: rich's own takes a second per thousand rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions

__all__ = ["Cell", "Column", "Rows"]

#: Least width of a column that wraps, however narrow the screen.
LEAST = 8


@dataclass(frozen=True)
class Cell:
    """Text, the first ``marked`` characters of it in ``style``, the others dim."""

    text: str
    marked: int = 0
    style: str = ""


@dataclass
class Column:
    """A header, and how the cells below it are laid out.

    Attributes:
        header: The header.
        wraps: How a cell is broken that does not fit: rich's overflow method; empty for a column that is never narrower
            than its widest cell.
        right: Whether cells stand at the right.
        cells: The cells, from the first row on.
    """

    header: str
    wraps: str = ""
    right: bool = False
    cells: list[Cell] = field(default_factory=list)

    @property
    def width(self) -> int:
        """The room that its widest cell takes."""
        return max(map(cell_len, [self.header, *(cell.text for cell in self.cells)]))

    def lines(self, cell: Cell, width: int, console: Console) -> list[Text]:
        """Return ``cell`` in lines of ``width``."""
        text = Text(cell.text)
        if cell.marked:
            text.stylize(cell.style, 0, cell.marked)
            text.stylize("dim", cell.marked)
        if cell_len(cell.text) <= width:
            return [text]
        return list(text.wrap(console, width, overflow=self.wraps or "fold"))  # type: ignore[arg-type]


class Rows:
    """A renderable: a title, headers above a rule, and one row a run; it looks like a rich table of ``SIMPLE_HEAD``."""

    def __init__(self, title: str, columns: Sequence[Column]) -> None:
        """Show ``columns`` of equally many cells."""
        self._title = title
        self._columns = columns

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Yield the table line by line."""
        widths = self._widths(options.max_width)
        whole = sum(widths) + 2 * len(widths) + 1
        if self._title:
            yield Segment(f"{set_cell_size(self._title, max(whole, cell_len(self._title)))}\n", Style(italic=True))
        yield Segment(f"{' ' * whole}\n")
        headers = [Cell(column.header) for column in self._columns]
        yield from self._row(headers, widths, console, Style(bold=True))
        yield Segment(f" {'─' * (whole - 2)} \n")
        for cells in zip(*(column.cells for column in self._columns), strict=True):
            yield from self._row(cells, widths, console, Style.null())
        yield Segment(f"{' ' * whole}\n")

    def _widths(self, room: int) -> list[int]:
        """Return the width of each column; where there is not enough room, the widest that wrap give way."""
        widths = [column.width for column in self._columns]
        room -= 2 * len(widths) + 1
        wrapping = [number for number, column in enumerate(self._columns) if column.wraps]
        while (excess := sum(widths) - room) > 0 and max(widths[number] for number in wrapping) > LEAST:
            widest = max(widths[number] for number in wrapping)
            first = [number for number in wrapping if widths[number] == widest]
            most = widest - max((widths[number] for number in wrapping if widths[number] < widest), default=LEAST)
            for left, number in zip(range(len(first), 0, -1), first, strict=True):
                step = min(most, round(excess / left))
                widths[number] -= step
                excess -= step
        return widths

    def _row(self, cells: Sequence[Cell], widths: Sequence[int], console: Console, style: Style) -> Iterator[Segment]:
        fits = all(cell_len(cell.text) <= width for cell, width in zip(cells, widths, strict=True))
        if fits and not any(cell.marked for cell in cells[:-1]):
            yield from self._line(cells, widths, console, style)
            return
        columns = [
            column.lines(cell, width, console) for column, cell, width in zip(self._columns, cells, widths, strict=True)
        ]
        for number in range(max(map(len, columns))):
            for column, lines, width in zip(self._columns, columns, widths, strict=True):
                text = lines[number] if number < len(lines) else Text()
                text.end = ""
                text.rstrip()
                text.align("right" if column.right else "left", width)
                yield Segment(" ", style)
                yield from console.render(text, console.options.update(width=width, no_wrap=True))
                yield Segment(" ", style)
            yield Segment(" \n")

    def _line(self, cells: Sequence[Cell], widths: Sequence[int], console: Console, style: Style) -> Iterator[Segment]:
        """Yield a row of one line, whose last cell alone has a style of its own."""
        padded = [
            f"{' ' * (width - cell_len(cell.text))}{cell.text}" if column.right else set_cell_size(cell.text, width)
            for column, cell, width in zip(self._columns, cells, widths, strict=True)
        ]
        last = cells[-1]
        yield Segment(f" {'  '.join(padded[:-1])}  ", style)
        if last.marked:
            yield Segment(padded[-1][: last.marked], console.get_style(last.style))
            yield Segment(padded[-1][last.marked :], console.get_style("dim"))
        else:
            yield Segment(padded[-1], style)
        yield Segment("  \n")
