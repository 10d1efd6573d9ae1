"""``alrun status [DIR]``: where each run stands. Loads neither torch nor pandas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alrun.cli.arguments import command, parse
from alrun.report.runs import Run, find_runs

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["run"]

STYLES = {"running": "cyan", "finished": "green", "interrupted": "yellow", "failed": "bold red", "unreadable": "red"}
PREFERRED = ("accuracy", "rmse")


def run(argv: list[str]) -> int:
    """Print a table of the runs below a directory.

    Raises:
        ConfigError: There is no such directory.
    """
    from rich.console import Console

    parser = command("status", "Show where each run stands: step, phase, labels, last metric, state.")
    help_text = "a run, or a directory that holds some (default: outputs)"
    parser.add_argument("directory", nargs="?", type=Path, default=Path("outputs"), metavar="DIR", help=help_text)
    directory = parse(parser, argv).directory
    runs = find_runs([directory])
    console = Console()
    if not runs:
        console.print(f"no runs below {directory}; start one: alrun query=entropy", markup=False)
        return 0
    console.print(status_table(runs))
    return 0


def status_table(runs: Sequence[Run]) -> Table:
    """Return the table of ``runs``, one row each, with the directory that they share as its title."""
    from rich import box
    from rich.table import Table

    folders = {run.path.parent for run in runs}
    shared = folders.pop() if len(folders) == 1 else None
    table = Table(title=str(shared or ""), title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("run", overflow="fold")
    table.add_column("step", no_wrap=True)
    table.add_column("labels", justify="right", no_wrap=True)
    names = {name for run in runs if (name := _metric(run))}
    header = next(iter(names)) if len(names) == 1 else "last metric"
    table.add_column(header, no_wrap=True)
    table.add_column("status")
    for run in runs:
        table.add_row(*_row(run, run.path.name if shared else str(run.path), named=len(names) > 1))
    return table


def _row(run: Run, name: str, *, named: bool) -> list[str]:
    from rich.markup import escape

    style = STYLES.get(run.status, "")
    state = f"[{style}]{run.status}[/]" if style else escape(run.status)
    if run.reason and run.status != "finished":
        state += f" [dim]{escape(run.reason)}[/]"
    if run.status == "unreadable":
        return [escape(name), "", "", "", state]
    place = str(run.step) if run.status == "finished" else f"{run.step} {run.phase}"
    metric = _metric(run)
    value = f"{run.metrics[metric]:.4g}" if metric else ""
    value = f"{metric} {value}" if metric and named else value
    return [escape(name), escape(place), f"{run.labels}/{run.budget}", escape(value), state]


def _metric(run: Run) -> str:
    """Return the name of the metric to show; empty before the first is measured."""
    return next((name for name in (*PREFERRED, *run.metrics) if name in run.metrics), "")
