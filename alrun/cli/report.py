"""``alrun report DIR…``: learning curves over seeds, areas, tests: on screen, as tables, figures and one page."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alrun.cli.arguments import add_json, command, parse
from alrun.core.errors import ConfigError, Problem, StoreError
from alrun.core.showing import exported, printable, typed
from alrun.report.runs import Run, find_runs

if TYPE_CHECKING:
    from rich.console import Console

    from alrun.report.load import Records
    from alrun.report.study import Study
    from alrun.report.table import Comparison

__all__ = ["run"]


def run(argv: list[str]) -> int:
    """Print and write the report over the runs below the given directories.

    Raises:
        ConfigError: There is no run to report on, or the metric or baseline is unknown.
    """
    from alrun.cli.console import new_console
    from alrun.report.formats import study_json
    from alrun.report.load import load_records
    from alrun.report.table import comparison_table

    arguments = _arguments(argv)
    console = new_console(stderr=arguments.json)
    runs = find_runs(arguments.directories)
    readable = load_records(_chosen(runs, arguments, console))
    _print_left_out(readable.unreadable, (), console)
    if not readable.runs:
        raise ConfigError(Problem("no run here can be read", _where(arguments), "alrun verify shows what is wrong"))
    records = readable.distinct()
    copies = len(readable.runs) - len(records.runs)
    if copies:
        console.print(f"{copies} copies of other runs left out", style="yellow")
    written = arguments.html or arguments.figures or arguments.tables or arguments.paper
    study = _study(records, arguments) if written or arguments.json else None
    if study and arguments.json:
        sys.stdout.write(f"{study_json(study)}\n")
    else:
        comparison = _compare(records, arguments)
        console.print(comparison_table(comparison, _shown(comparison), console.width))
        _print_notes(console, comparison, len(records.runs))
        _write_curves(comparison, arguments, console)
    if study and written:
        _write_document(study, records, runs, arguments, console)
    return 0


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = command("report", "Compare runs: learning curves over seeds, their areas, differences to a baseline.")
    add = parser.add_argument
    add(
        "directories",
        nargs="*",
        type=Path,
        metavar="DIR",
        help="runs, or directories that contain runs (default: outputs)",
    )
    add("--metric", help="metric to compare (default: accuracy, or else rmse)")
    add("--baseline", help="query strategy to compare with, paired by seed (default: random, if present)")
    add("--csv", type=Path, metavar="FILE", help="file to write the curves to (default: DIR/report/curves.csv)")
    add(
        "--html",
        type=Path,
        metavar="FILE",
        help="write a page with all figures, tables and tests: one file, no network",
    )
    add("--figures", type=Path, metavar="DIR", help="write every figure as SVG, PNG and PDF, for one and two columns")
    add("--tables", type=Path, metavar="DIR", help="write every table as CSV, Markdown and LaTeX")
    add("--paper", type=Path, metavar="DIR", help="write protocol, tables, figures and references in LaTeX")
    add_json(parser)
    add("--all", action="store_true", help="include unfinished runs")
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
        command = f"alrun report {' '.join(map(typed, arguments.directories))} --all"
        raise ConfigError(Problem("there is no finished run here", where, f"to include unfinished runs: {command}"))
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
    from alrun.report.choice import choose_baseline, choose_metric
    from alrun.report.load import CHOICES
    from alrun.report.table import Comparison

    metric = choose_metric(records, arguments.metric)
    chosen = curves.select_metric(records.frame(metric), metric)
    baseline = choose_baseline(set(chosen["query"]), arguments.baseline)
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
    means, used = curves.learning_curves(chosen, by), chosen["run"].nunique()
    return Comparison(metric, better, means, areas.sort_values(by), baseline, used)


def _study(records: Records, arguments: argparse.Namespace) -> Study:
    from alrun.report.choice import choose_baseline, choose_metric
    from alrun.report.study import study_metric

    metric = choose_metric(records, arguments.metric)
    baseline = choose_baseline(set(records.frame(metric)["query"]), arguments.baseline)
    return study_metric(records, metric, baseline)


def _shown(comparison: Comparison) -> list[str]:
    from alrun.report.load import CHOICES

    return [column for column in CHOICES if column == "query" or comparison.areas[column].nunique() > 1]


def _print_notes(console: Console, comparison: Comparison, runs: int) -> None:
    shown, areas = _shown(comparison), comparison.areas
    same = [str(areas[column].iloc[0]) for column in ("data", "learner") if column not in shown]
    if comparison.runs < runs:
        why = f"they have not recorded {printable(comparison.metric)}, or repeat seed and settings of another run"
        console.print(f"{runs - comparison.runs} of {runs} runs are left out: {why}", style="yellow")
    ranges = sorted({(row.low, row.high) for row in areas.itertuples()})
    spans = ", ".join(f"{low} to {high}" for low, high in ranges)
    head = " · ".join([*map(printable, same), f"{comparison.runs} runs"])
    text = f"{head}; mean ± standard error over seeds; AUC over {spans} labels"
    console.print(
        text
        + (
            f"; vs {comparison.baseline}: difference of AUC, paired by seed; p-values in auc.csv"
            if comparison.baseline
            else ""
        ),
        style="dim",
    )


def _write_curves(comparison: Comparison, arguments: argparse.Namespace, console: Console) -> None:
    from alrun.store.files import make_directory, write_atomic

    curves = arguments.csv or arguments.directories[0] / "report" / "curves.csv"
    areas = curves.with_name(f"{curves.stem}_auc.csv") if arguments.csv else curves.with_name("auc.csv")
    if arguments.csv is None and curves.parent.is_symlink():
        raise StoreError(f"{curves.parent} is a symbolic link\n    → --csv FILE writes elsewhere")
    make_directory(curves.parent)
    for path, table in ((curves, comparison.curves), (areas, comparison.areas)):
        table = table.assign(metric=comparison.metric, baseline=comparison.baseline)
        cells = table.map(exported) if len(table) else table
        write_atomic(path, cells.to_csv(index=False).encode(), durable=False)
        console.print(f"written: {path}", style="dim", soft_wrap=True)


def _write_document(
    study: Study, records: Records, runs: Sequence[Run], arguments: argparse.Namespace, console: Console
) -> None:
    """Write tables, figures and page, as far as they are asked for."""
    from alrun.report.formats import table_files

    if arguments.tables:
        _write_all(arguments.tables, table_files(study), console)
    if not (arguments.html or arguments.figures or arguments.paper):
        return
    from alrun.report.document import sections
    from alrun.report.figures import converter, render
    from alrun.report.material import gather
    from alrun.report.paper.paper import paper_files

    converter()
    material = gather(records, study, runs)
    found = sections(material)
    if arguments.paper:
        _write_all(arguments.paper, paper_files(material, found), console)
    if arguments.figures:
        charts = (chart for section in found for chart in section.charts)
        _write_all(arguments.figures, (file for chart in charts for file in render(chart)), console)
    if arguments.html:
        from alrun.report.page.page import page

        title = f"Active learning: {', '.join(sorted({run.name for run in records.runs}))}"
        content = page(title, f"{study.metric} of {len(records.runs)} runs", found, study)
        _write_all(arguments.html.parent, [(arguments.html.name, content)], console)


def _write_all(folder: Path, files: Iterable[tuple[str, bytes]], console: Console) -> None:
    from alrun.store.files import make_directory, write_atomic

    make_directory(folder)
    names = []
    for name, content in files:
        write_atomic(folder / name, content, durable=False)
        names.append(name)
    told = folder / names[0] if len(names) == 1 else f"{len(names)} files in {folder}"
    console.print(f"written: {told}", style="dim", soft_wrap=True)
