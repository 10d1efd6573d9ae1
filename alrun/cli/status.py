"""``alrun status [DIR]``: state of each run. Loads neither torch nor pandas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from alrun.cli.arguments import add_json, command, parse, print_json
from alrun.core.metrics import PREFERRED
from alrun.core.showing import printable
from alrun.report.runs import Run, find_runs
from alrun.report.standing import NOT_BEGUN, not_begun, standing

if TYPE_CHECKING:
    from rich.console import Console

    from alrun.cli.rows import Cell, Rows

__all__ = ["run"]

STYLES = {"running": "cyan", "finished": "green", "interrupted": "yellow", "failed": "bold red", "unreadable": "red"}
#: Characters of a name in a column that does not wrap.
MOST_NAME = 24


def run(argv: list[str]) -> int:
    """Print a table of the runs below a directory.

    Raises:
        ConfigError: There is no such directory.
    """
    from alrun.cli.console import new_console

    parser = command("status", "Show the state of each run: step, phase, labels, last metric, status.")
    help_text = "a run, or a directory that contains runs (default: outputs)"
    parser.add_argument("directory", nargs="?", type=Path, default=Path("outputs"), metavar="DIR", help=help_text)
    parser.add_argument("--watch", action="store_true", help="show it until nothing goes on any more, or Ctrl-C")
    add_json(parser)
    arguments = parse(parser, argv)
    directory = arguments.directory
    console = new_console()
    if arguments.watch:
        return _watch(directory, console)
    runs = find_runs([directory])
    waiting = not_begun(runs, directory)
    if arguments.json:
        every = [*runs, *(Run(path, NOT_BEGUN) for path in waiting)]
        print_json([{one.name: getattr(run, one.name) for one in fields(run)} for run in every])
        return 0
    if not runs:
        console.print(f"no runs below {directory}; start one: alrun query=entropy")
        return 0
    console.print(status_table(runs), end="")
    if len(runs) + len(waiting) > 1:
        console.print(f" {standing(runs, len(waiting))}", soft_wrap=True)
    return 0


def _watch(directory: Path, console: Console) -> int:
    from alrun.cli.watch import RunsView, watch

    def find() -> tuple[Sequence[Run], int]:
        runs = find_runs([directory])
        return runs, len(not_begun(runs, directory))

    try:
        watch(RunsView(find), console)
    except KeyboardInterrupt:
        return 0
    return 0


def status_table(runs: Sequence[Run]) -> Rows:
    """Return the table of ``runs``, one row each, with the directory that they share as its title."""
    from alrun.cli.rows import Column, Rows

    folders = {run.path.parent for run in runs}
    shared = folders.pop() if len(folders) == 1 else None
    names = {name for run in runs if (name := _metric(run))}
    header = printable(next(iter(names)), MOST_NAME) if len(names) == 1 else "last metric"
    columns = [
        Column("run", wraps="fold"),
        Column("step"),
        Column("labels", right=True),
        Column(header),
        Column("status", wraps="ellipsis"),
    ]
    for run in runs:
        cells = _cells(run, run.path.name if shared else str(run.path), named=len(names) > 1)
        for column, cell in zip(columns, cells, strict=True):
            column.cells.append(cell)
    return Rows(printable(str(shared or "")), columns)


def _cells(run: Run, name: str, *, named: bool) -> list[Cell]:
    from alrun.cli.rows import Cell

    reason = f" {printable(run.reason)}" if run.reason and run.status != "finished" else ""
    state = Cell(f"{run.status}{reason}", len(run.status), STYLES[run.status])
    if run.status == "unreadable":
        return [Cell(printable(name)), Cell(""), Cell(""), Cell(""), state]
    place = str(run.step) if run.status == "finished" else f"{run.step} {printable(run.phase, MOST_NAME)}"
    metric = _metric(run)
    value = f"{run.metrics[metric]:.4g}{_count(run, metric)}" if metric else ""
    value = f"{printable(metric, MOST_NAME)} {value}" if metric and named else value
    return [Cell(printable(name)), Cell(place), Cell(f"{run.labels}/{run.budget}"), Cell(value), state]


def _metric(run: Run) -> str:
    """Return the name of the metric to show; empty before the first is measured."""
    return next((name for name in (*PREFERRED, *run.metrics) if name in run.metrics), "")


def _count(run: Run, metric: str) -> str:
    """Return the number of labels at which ``metric`` was measured, if the run has more by now."""
    count = run.measured.get(metric, run.labels)
    return "" if count == run.labels else f" at {count}"
