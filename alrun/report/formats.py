"""Tables as CSV, Markdown and LaTeX, and a study as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from alrun.core.showing import exported, printable
from alrun.report import summary
from alrun.report.study import Study

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["escaped_latex", "latex_table", "study_json", "study_tables", "table_files"]

TABLES = ("curves", "areas", "differences", "savings", "penalties", "ranks", "critical", "ceilings", "missing")


def study_tables(study: Study) -> dict[str, pd.DataFrame]:
    """Return the tables of ``study`` by name; those without rows are left out."""
    tables = {"summary": summary.readable(study)} | {name: getattr(study, name) for name in TABLES}
    return {name: table for name, table in tables.items() if len(table)}


def table_files(study: Study) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each table in each format; CSV has all digits, the others four."""
    for name, table in study_tables(study).items():
        for ending, write in WRITERS.items():
            yield f"{name}.{ending}", write(table).encode()


def study_json(study: Study) -> str:
    """Return the whole study as JSON: ``metric``, ``baseline`` … and each table as a list of rows."""
    facts = {"metric": study.metric, "higher_is_better": study.higher_is_better, "baseline": study.baseline}
    known = facts | {"strategies": list(study.strategies), "conditions": study.conditions}
    tables = {name: _rows(getattr(study, name)) for name in ("points", *TABLES)}
    return json.dumps(known | tables, indent=1)


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of ``table`` with all digits, ``None`` where a number is undefined."""
    import math

    return [
        {str(key): None if isinstance(cell, float) and not math.isfinite(cell) else cell for key, cell in row.items()}
        for row in table.to_dict("records")
    ]


def _csv(table: pd.DataFrame) -> str:
    return table.map(exported).to_csv(index=False)


def _markdown(table: pd.DataFrame) -> str:
    def line(cells: Any) -> str:
        return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"

    header = [printable(str(name)) for name in table.columns]
    body = [[_short(cell) for cell in row] for row in table.itertuples(index=False, name=None)]
    return "\n".join([line(header), line(["---"] * len(header)), *map(line, body)]) + "\n"


def latex_table(table: pd.DataFrame) -> str:
    """Return a table for the package booktabs; all text is escaped."""
    short = table.map(_short).rename(columns=lambda name: escaped_latex(str(name)))
    styled = short.style.format(escape="latex").hide(axis="index")
    text: str = styled.to_latex(hrules=True, column_format="l" * len(table.columns))
    return text


def escaped_latex(text: str) -> str:
    """Return ``text`` for LaTeX: on one line, and no command in it."""
    special = {character: f"\\{character}" for character in "&%$#_{}"}
    special |= {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(special.get(character, character) for character in printable(text))


def _short(cell: Any) -> str:
    if isinstance(cell, float):
        return "" if cell != cell else f"{cell:.4g}"
    return printable(str(cell))


WRITERS: Mapping[str, Callable[[pd.DataFrame], str]] = {"csv": _csv, "md": _markdown, "tex": latex_table}
