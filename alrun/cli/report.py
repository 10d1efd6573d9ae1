"""``alrun report DIR…``: learning curves over seeds, their areas and paired differences, on screen and as CSV."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alrun.cli.arguments import command, parse
from alrun.core.errors import ConfigError, Problem, StoreError
from alrun.core.showing import exported, printable
from alrun.core.suggest import did_you_mean
from alrun.report.runs import Run, find_runs

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from alrun.report.load import Records
    from alrun.report.table import Comparison

__all__ = ["run"]

PREFERRED = ("accuracy", "rmse")


def run(argv: list[str]) -> int:
    """Print and write the report over the runs below the given directories.

    Raises:
        ConfigError: There is no run to report on, or the metric or baseline is unknown.
    """
    from alrun.cli.console import new_console
    from alrun.report.load import load_records
    from alrun.report.table import comparison_table

    arguments = _arguments(argv)
    console = new_console()
    runs = _chosen(find_runs(arguments.directories), arguments, console)
    readable = load_records(runs)
    _print_left_out(readable.unreadable, (), console)
    if not readable.runs:
        raise ConfigError(Problem("no run here can be read", _where(arguments), "alrun verify says what is wrong"))
    records = readable.distinct()
    copies = len(readable.runs) - len(records.runs)
    if copies:
        console.print(f"{copies} copies of runs that are here already left out", style="yellow")
    comparison = _compare(records, arguments)
    console.print(comparison_table(comparison, _shown(comparison), console.width))
    _print_notes(console, comparison, len(records.runs))
    _write(comparison, arguments, console)
    return 0


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = command("report", "Compare runs: learning curves over seeds, their areas, differences to a baseline.")
    add = parser.add_argument
    add(
        "directories",
        nargs="*",
        type=Path,
        metavar="DIR",
        help="runs, or directories that hold some (default: outputs)",
    )
    add("--metric", help="what to compare (default: accuracy, or else rmse)")
    add("--baseline", help="query strategy to compare with, seed by seed (default: random, if present)")
    add("--csv", type=Path, metavar="FILE", help="where to write the curves (default: DIR/report/curves.csv)")
    add("--all", action="store_true", help="include runs that have not finished")
    arguments = parse(parser, argv)
    arguments.directories = arguments.directories or [Path("outputs")]
    return arguments


def _chosen(runs: list[Run], arguments: argparse.Namespace, console: Console) -> list[Run]:
    where = _where(arguments)
    if not runs:
        raise ConfigError(Problem("no runs here", where, "start one: alrun query=entropy"))
    finished = [run for run in runs if run.status == "finished"]
    readable = [run for run in runs if run.status != "unreadable"]
    chosen = readable if arguments.all else finished
    _print_left_out([run for run in runs if run.status != "finished"], readable if arguments.all else (), console)
    if not chosen:
        raise ConfigError(
            Problem("no finished run here", where, f"include those that are not: alrun report {where} --all")
        )
    return chosen


def _where(arguments: argparse.Namespace) -> str:
    return " ".join(map(str, arguments.directories))


def _print_left_out(runs: Sequence[Run], kept: Sequence[Run], console: Console) -> None:
    """Print one line each; of a run that cannot be read, why."""
    known = {run.path for run in kept}
    for run in runs:
        why = f": {run.reason}" if run.status == "unreadable" else ""
        note = "" if run.path in known else ", left out"
        line = printable(f"{run.path}: {run.status}{note}{why}")
        console.print(line, style="yellow", soft_wrap=True)


def _compare(records: Records, arguments: argparse.Namespace) -> Comparison:
    from alrun.report import curves
    from alrun.report.load import CHOICES
    from alrun.report.table import Comparison

    metric = _metric(records, arguments.metric)
    chosen = curves.select_metric(records.frame(metric), metric)
    baseline = _baseline(chosen, arguments.baseline)
    by = list(CHOICES)
    single = curves.areas(chosen, by)
    areas = curves.summary(single, by, "auc").merge(single.groupby(by, sort=False)[["low", "high"]].first(), on=by)
    if baseline:
        differences = curves.paired_differences(single, by, baseline)
        renamed = differences.rename(
            columns={"n": "pairs", "mean": "difference", "se": "difference_se", "p": "difference_p"}
        )
        areas = areas.merge(renamed, on=by, how="left")
    direction = chosen["higher_is_better"].dropna()
    better = bool(direction.iloc[0]) if len(direction) else None
    return Comparison(metric, better, curves.learning_curves(chosen, by), areas.sort_values(by), baseline)


def _metric(records: Records, wanted: str | None) -> str:
    known = records.metrics
    if not known:
        raise ConfigError(
            Problem("the runs have not measured anything yet", hint="wait for their first training: alrun status")
        )
    if wanted is None:
        preferred = [name for metric in PREFERRED for name in (metric, *records.ambiguous.get(metric, ()))]
        return next((name for name in preferred if name in known), min(known))
    if wanted in records.ambiguous:
        names = records.ambiguous[wanted]
        what = f"several metrology strategies record {wanted!r}: {', '.join(names)}"
        raise ConfigError(Problem(what, "--metric", f"--metric {names[0]}"))
    if wanted not in known and records.frame(wanted).empty:
        raise ConfigError(
            Problem(f"no run has the metric {wanted!r}", "--metric", did_you_mean(wanted, known, most=None))
        )
    return wanted


def _baseline(records: pd.DataFrame, wanted: str | None) -> str:
    known = set(records["query"])
    if wanted is not None and wanted not in known:
        raise ConfigError(Problem(f"no run has query={wanted}", "--baseline", did_you_mean(wanted, known, most=None)))
    return wanted or ("random" if "random" in known and len(known) > 1 else "")


def _shown(comparison: Comparison) -> list[str]:
    from alrun.report.load import CHOICES

    return [column for column in CHOICES if column == "query" or comparison.areas[column].nunique() > 1]


def _print_notes(console: Console, comparison: Comparison, runs: int) -> None:
    shown, areas = _shown(comparison), comparison.areas
    same = [str(areas[column].iloc[0]) for column in ("data", "learner") if column not in shown]
    ranges = sorted({(row.low, row.high) for row in areas.itertuples()})
    spans = ", ".join(f"{low} to {high}" for low, high in ranges)
    head = " · ".join([*map(printable, same), f"{runs} runs"])
    text = f"{head}; mean ± standard error over seeds; AUC over {spans} labels"
    console.print(
        text
        + (
            f"; vs {comparison.baseline}: AUC minus its AUC, seed by seed; p-values in auc.csv"
            if comparison.baseline
            else ""
        ),
        style="dim",
    )


def _write(comparison: Comparison, arguments: argparse.Namespace, console: Console) -> None:
    from alrun.store.files import make_directory, write_atomic

    curves = arguments.csv or arguments.directories[0] / "report" / "curves.csv"
    areas = curves.with_name(f"{curves.stem}_auc.csv") if arguments.csv else curves.with_name("auc.csv")
    if arguments.csv is None and curves.parent.is_symlink():
        raise StoreError(f"{curves.parent} is a link, which may lead anywhere\n    → --csv FILE writes elsewhere")
    make_directory(curves.parent)
    for path, table in ((curves, comparison.curves), (areas, comparison.areas)):
        table = table.assign(metric=comparison.metric, baseline=comparison.baseline)
        cells = table.map(exported) if len(table) else table
        write_atomic(path, cells.to_csv(index=False).encode(), durable=False)
        console.print(f"written: {path}", style="dim", soft_wrap=True)
