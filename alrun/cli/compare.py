"""``alrun compare A B``: differences of settings and results between two runs, or two groups of runs."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from alrun.cli.arguments import add_json, command, parse, print_json
from alrun.core.errors import ConfigError, Problem
from alrun.core.showing import printable
from alrun.core.suggest import did_you_mean

if TYPE_CHECKING:
    from rich.console import Console

    from alrun.report.contrast import Contrast
    from alrun.report.load import Records

__all__ = ["run"]


def run(argv: list[str]) -> int:
    """Print what differs; return 1 if a metric is worse than ``--fail-below`` allows.

    Raises:
        ConfigError: There is nothing to compare, or a metric is unknown.
    """
    from alrun.cli.console import new_console
    from alrun.report.contrast import contrasts, differing_settings

    arguments = _arguments(argv)
    first, second = _records(arguments.first), _records(arguments.second)
    found = contrasts(first, second)
    worse = _worse(found, [_limit(text) for text in arguments.fail_below])
    settings = differing_settings(first, second)
    if arguments.json:
        print_json({"settings": settings, "metrics": [asdict(contrast) for contrast in found], "worse": worse})
    else:
        _print(new_console(), settings, found, worse)
    return 1 if worse else 0


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = command("compare", "Compare two runs, or two groups of runs, seed by seed: settings, then results.")
    add = parser.add_argument
    add("first", metavar="A", help="a run, a folder of runs, or a pattern of either")
    add("second", metavar="B", help="what to compare it with")
    help_text = "exit with 1 if B's final value of METRIC is better than A's by less than LIMIT, e.g. accuracy:-0.005"
    add("--fail-below", action="append", default=[], metavar="METRIC:LIMIT", help=help_text)
    add_json(parser)
    return parse(parser, argv)


def _records(pattern: str) -> Records:
    from alrun.report.load import load_records
    from alrun.report.results import found_runs

    runs = [run for run in found_runs(pattern) if run.status != "unreadable"]
    records = load_records(runs).distinct()
    if not records.runs:
        raise ConfigError(Problem("no runs here that can be read", pattern, "alrun status shows what is there"))
    return records


def _limit(text: str) -> tuple[str, float]:
    name, _, number = text.rpartition(":")
    try:
        return name, float(number)
    except ValueError:
        hint = "--fail-below accuracy:-0.005"
        raise ConfigError(Problem(f"{text!r} is no METRIC:LIMIT", "--fail-below", hint)) from None


def _worse(found: Sequence[Contrast], limits: Sequence[tuple[str, float]]) -> list[str]:
    """Return the metrics of which the gain is less than its limit; one without a value in both is, too."""
    known = {contrast.metric: contrast for contrast in found}
    for name, _ in limits:
        if name not in known:
            hint = did_you_mean(name, known, most=None)
            raise ConfigError(Problem(f"no metric {name!r} in both", "--fail-below", hint))
    return [name for name, limit in limits if not known[name].gain >= limit]


def _print(
    console: Console, settings: dict[str, tuple[str, str]], found: Sequence[Contrast], worse: Sequence[str]
) -> None:
    from rich import box
    from rich.table import Table

    for key, (one, other) in settings.items():
        console.print(printable(f"{key}: {one} → {other}"), soft_wrap=True)
    if not settings:
        console.print("the settings are equal", style="dim")
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("metric", "seeds", "A", "B", "B - A", "area", "p"):
        table.add_column(name, justify="left" if name == "metric" else "right")
    for contrast in found:
        style = "bold red" if contrast.metric in worse else ""
        arrow = {True: " ↑", False: " ↓", None: ""}[contrast.higher_is_better]
        numbers = (contrast.first, contrast.second, contrast.final, contrast.area, contrast.p)
        shown = [_shown(value, sign="+" if place in (2, 3) else "") for place, value in enumerate(numbers)]
        table.add_row(f"{printable(contrast.metric)}{arrow}", str(contrast.pairs), *shown, style=style)
    console.print(table)
    if worse:
        console.print(printable(f"worse than allowed: {', '.join(worse)}"), style="bold red")


def _shown(value: float, sign: str) -> str:
    return "" if math.isnan(value) else f"{value:{sign}.4g}"
