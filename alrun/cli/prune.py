"""``alrun prune [DIR]``: what takes space in runs; weights and set-aside runs are removed on request, labels never."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alrun.cli.arguments import add_json, command, parse, print_json
from alrun.cli.show import shortened
from alrun.core.errors import AlrunError
from alrun.core.showing import printable, typed

__all__ = ["run"]

PARTS = ("weights", "states", "passed over", "labels", "tables", "logs")


def run(argv: list[str]) -> int:
    """Show, and remove what is asked for; return 1 where something that is asked for could not be removed.

    Raises:
        ConfigError: There is no such directory.
    """
    from alrun.report.runs import find_runs
    from alrun.runner.prune import set_aside_runs

    arguments = _arguments(argv)
    runs = [_run(path, arguments) for path in [one.path for one in find_runs([arguments.directory])]]
    asides = set_aside_runs([arguments.directory]) if arguments.directory.exists() else []
    others = [_aside(one, arguments) for one in asides]
    told = {"runs": runs, "set_aside": others, "removed": sum(one["removed"] for one in [*runs, *others])}
    if arguments.json:
        print_json(told)
    else:
        _print(told, arguments)
    return 1 if any(one["problem"] for one in [*runs, *others]) else 0


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = command(
        "prune", "Show what takes space in runs; remove what they can do without. Labels and records stay."
    )
    add = parser.add_argument
    help_text = "a run, or a directory that contains runs (default: outputs)"
    add("directory", nargs="?", type=Path, default=Path("outputs"), metavar="DIR", help=help_text)
    add("--weights", action="store_true", help="remove weights, all but those that resuming needs")
    add("--all-weights", action="store_true", help="of finished runs all: more budget trains the last step again")
    add("--set-aside", action="store_true", help="remove set-aside runs whose labels are all in the run in their place")
    add("--yes", action="store_true", help="remove; without it, only say what would be removed")
    add_json(parser)
    return parse(parser, argv)


def _run(path: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the sizes of a run, what it can do without, and what was removed."""
    from alrun.runner.prune import needless_weights, prune_weights
    from alrun.store.rundir import RunDirectory
    from alrun.store.usage import usage

    directory, every = RunDirectory(path), arguments.all_weights
    told: dict[str, Any] = {"path": path, "bytes": dict(usage(path)), "needless": {}, "removed": 0, "problem": ""}
    try:
        told["needless"] = needless_weights(directory, every=every)
        if arguments.yes and (arguments.weights or every):
            told["removed"] = sum(prune_weights(directory, every=every).values())
    except AlrunError as error:
        told["problem"] = str(error).splitlines()[0]
    return told


def _aside(one: Any, arguments: argparse.Namespace) -> dict[str, Any]:
    from alrun.runner.prune import remove_set_aside

    told = {"path": one.path, "bytes": one.size, "kept": one.kept, "removed": 0, "problem": ""}
    if arguments.yes and arguments.set_aside and not one.kept:
        try:
            remove_set_aside(one)
            told["removed"] = one.size
        except AlrunError as error:
            told["problem"] = str(error).splitlines()[0]
    return told


def _print(told: Mapping[str, Any], arguments: argparse.Namespace) -> None:
    from rich import box
    from rich.table import Table

    from alrun.cli.console import new_console

    console = new_console()
    folders = {one["path"].parent for one in told["runs"]}
    shared = len(folders) == 1
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), title=printable(str(*folders)) if shared else None)
    table.add_column("run", overflow="fold")
    parts = [part for part in PARTS if any(one["bytes"].get(part) for one in told["runs"])]
    for name in (*parts, "needless"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in told["runs"]:
        cells = [_size(one["bytes"].get(part, 0)) for part in parts]
        name = one["path"].name if shared else shortened(one["path"])
        table.add_row(printable(name), *cells, _size(sum(one["needless"].values())))
    console.print(table if told["runs"] else "no runs here")
    for one in told["set_aside"]:
        why = f"kept: {one['kept']}" if one["kept"] else "all of its labels are in the run in its place"
        console.print(f"set aside: {printable(shortened(one['path']))}  {_size(one['bytes'])}  {printable(why)}")
    for one in [*told["runs"], *told["set_aside"]]:
        if one["problem"]:
            console.print(f"{printable(shortened(one['path']))}: {printable(one['problem'])}", style="red")
    console.print(_closing(told, arguments), soft_wrap=True)


def _closing(told: Mapping[str, Any], arguments: argparse.Namespace) -> str:
    if arguments.yes:
        return f"removed: {_size(told['removed']) or '0 B'}"
    weights = sum(sum(one["needless"].values()) for one in told["runs"])
    asides = sum(one["bytes"] for one in told["set_aside"] if not one["kept"])
    asked = [flag for flag in ("weights", "all_weights", "set_aside") if getattr(arguments, flag)]
    offered = asked or [flag for flag, size in (("weights", weights), ("set_aside", asides)) if size]
    what = f"nothing removed; needless: weights {_size(weights) or '0 B'}, set aside {_size(asides) or '0 B'}"
    if not offered:
        return what
    flags = " ".join(f"--{flag.replace('_', '-')}" for flag in offered)
    return f"{what}\nremove them: alrun prune {typed(arguments.directory)} {flags} --yes"


def _size(number: int) -> str:
    """Return a number of bytes, shortened; empty for none."""
    if not number:
        return ""
    value, units = float(number), iter(("B", "kB", "MB", "GB", "TB"))
    unit = next(units)
    while value >= 1000 and unit != "TB":
        value, unit = value / 1000, next(units)
    return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
