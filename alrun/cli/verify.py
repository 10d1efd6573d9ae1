"""``alrun verify [DIR…]``: check of files and ledger of runs, and of what can be recovered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from alrun.cli.arguments import add_json, command, parse, print_json
from alrun.cli.show import shortened
from alrun.core.errors import ConfigError, Problem
from alrun.core.showing import printable, typed

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from alrun.runner.verify import Verdict
    from alrun.store.audit import Finding

__all__ = ["run"]

#: Number of findings shown per run.
MOST_SHOWN = 200


def run(argv: list[str]) -> int:
    """Examine runs and print what is wrong; return 0 when all of them hold, else 1. Changes nothing.

    Raises:
        ConfigError: There is no such directory, or no run in it.
    """
    from alrun.cli.console import new_console
    from alrun.runner.verify import verify

    parser = command("verify", "Check all hashes of runs and the invariants of the ledger; show what can be recovered.")
    help_text = "runs, or directories that contain runs (default: outputs)"
    parser.add_argument("directories", nargs="*", type=Path, metavar="DIR", help=help_text)
    add_json(parser)
    arguments = parse(parser, argv)
    verdicts = [verify(path) for path in _found(arguments.directories or [Path("outputs")])]
    if arguments.json:
        print_json([asdict(verdict) | {"holds": verdict.holds} for verdict in verdicts])
        return 0 if all(verdict.holds for verdict in verdicts) else 1
    console = new_console()
    for verdict in verdicts:
        show(verdict, console)
    failed = sum(not verdict.holds for verdict in verdicts)
    if len(verdicts) > 1:
        console.print(f"{len(verdicts)} runs: {len(verdicts) - failed} sound, {failed} damaged")
    return 1 if failed else 0


def _found(directories: Sequence[Path]) -> list[Path]:
    """Return the runs at or below ``directories``; one that has lost its ``run.json`` is known by its checkpoints."""
    from alrun.report.runs import find_runs

    bare = [path for path in directories if (path / "checkpoints").is_dir() and not (path / "run.json").exists()]
    found = [run.path for run in find_runs([path for path in directories if path not in bare])]
    if not found and not bare:
        where = " ".join(map(str, directories))
        raise ConfigError(Problem("no runs here", where, "alrun status lists the runs below outputs"))
    return [*bare, *found]


def show(verdict: Verdict, console: Console) -> None:
    """Print the findings of one run, and the command that repairs it."""
    place = shortened(verdict.path.absolute())
    state = "sound" if verdict.holds else "damaged"
    told = f"{printable(place)}: {state}; {verdict.status}, {verdict.commits} phases hold, {verdict.labels} labels"
    console.print(told, soft_wrap=True, style="" if verdict.holds else "bold red")
    wrong = [finding for finding in verdict.findings if not finding.harmless]
    if wrong:
        console.print(findings_table(wrong[:MOST_SHOWN]))
        if len(wrong) > MOST_SHOWN:
            console.print(f"and {len(wrong) - MOST_SHOWN} more")
        console.print(f"to repair: {_remedy(verdict, typed(place))}", soft_wrap=True)
    for finding in verdict.findings:
        if finding.harmless:
            told = f"{finding.where}: {finding.what} ({finding.remedy})"
            console.print(f"  {printable(told)}", soft_wrap=True, style="dim")


def _remedy(verdict: Verdict, place: str) -> str:
    """Return the command that repairs a run; without a readable description it is the one that started the run."""
    if any(finding.where in ("run.json", "config.yaml") for finding in verdict.findings if not finding.harmless):
        return "repeat the command that started the run, with repair=true"
    if verdict.status == "unreadable":
        return f"remove what does not belong there, then alrun verify {place}"
    return f"alrun resume {place}{' repair=true' if verdict.status == 'finished' else ''}"


def findings_table(findings: Sequence[Finding]) -> Table:
    """Return the table of what is wrong with a run."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("where", "what", "remedy"):
        table.add_column(name, overflow="fold")
    for finding in findings:
        table.add_row(*(Text(printable(part)) for part in (finding.where, finding.what, finding.remedy)))
    return table
