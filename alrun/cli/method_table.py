"""Table of methods: the family, paper, setting and cost that the third line of an option's file gives."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["LEGEND", "Setting", "citation", "method_table", "read_setting"]

FAMILIES = ("uncertainty", "disagreement", "coverage", "both", "open set", "of others")
LEGEND = (
    "C: classification, R: regression, M: multi-label, S: segmentation; K: needs posterior samples, such as "
    "inference=mc_dropout; cost: beyond predictions, for N rows of width d, C classes, K samples, n picks. "
    "With what it cites: alrun ls query NAME"
)
PACKAGE = Path(__file__).parent.parent
COMBINED = "FeatureQuery"
#: Columns and their widths.
COLUMNS = {"": 12, "name": 19, "paper": 28, "task": 7, "K": 1, "cost": 11}
GAP = 2


@dataclass(frozen=True)
class Setting:
    """Fields of the third comment line of an option's file, ``family | paper | tasks | K | cost``."""

    family: str
    paper: str
    tasks: str
    samples: str
    cost: str


def read_setting(path: Path) -> Setting | None:
    """Return what the third comment line of a YAML file says; ``None`` where it has no such line."""
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = [line for line, _ in zip(file, range(3), strict=False)]
    fields = [field.strip() for field in lines[-1].lstrip("#").split("|")] if len(lines) == 3 else []
    return Setting(*fields) if len(fields) == 5 and lines[-1].startswith("#") else None


def citation(path: Path) -> str:
    """Return the docstrings of what a YAML file builds of alrun, without their arguments; no module is imported.

    Of an option that puts features and a selector together it is theirs, the selector's first.
    """
    targets = re.findall(r"^ *_target_: alrun\.(\S+)\.(\w+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if targets and targets[0][1] == COMBINED:
        targets = targets[:0:-1]
    return "\n\n".join(filter(None, (_docstring(module, name) for module, name in targets)))


def _docstring(module: str, name: str) -> str:
    file = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    body = ast.parse(file.read_text(encoding="utf-8")).body if file.is_file() else []
    kinds = (ast.ClassDef, ast.FunctionDef)
    found = next((ast.get_docstring(node) for node in body if isinstance(node, kinds) and node.name == name), None)
    return re.split(r"\n\n(?:Args|Attributes|Returns|Raises|Example):", inspect.cleandoc(found or ""))[0]


def method_table(group: str, options: Sequence[tuple[str, str, Setting | None]], width: int) -> Table:
    """Return a row of up to ``width`` characters for each (name, description, setting) of a group, family by family."""
    from rich.table import Table

    table = Table(title=group, title_justify="left", title_style="bold", box=None, header_style="bold", pad_edge=False)
    for name, least in COLUMNS.items():
        table.add_column(name, min_width=least, no_wrap=True, style={"": "bold", "name": "cyan"}.get(name, ""))
    left = width - sum(COLUMNS.values()) - GAP * len(COLUMNS) - 1
    table.add_column("description", no_wrap=True, overflow="ellipsis", max_width=max(left, 1))
    before = ""
    for name, description, setting in sorted(options, key=_order):
        family, *fields = astuple(setting or Setting("other", "", "", "", ""))
        table.add_row("" if family == before else family, name, *fields, description)
        before = family
    return table


def _order(option: tuple[str, str, Setting | None]) -> tuple[int, str, str]:
    name, _, setting = option
    family = setting.family if setting else "~"
    return FAMILIES.index(family) if family in FAMILIES else len(FAMILIES), family, name
