"""``alrun export DIR``: weights, loader, labeled set, records and metadata of a run, as files that need no alrun."""

from __future__ import annotations

import sys
from pathlib import Path

from alrun.cli.arguments import add_json, command, parse, print_json
from alrun.cli.show import shortened
from alrun.config.targets import Trust
from alrun.core.showing import printable
from alrun.export.bundle import bundle_of
from alrun.runner.reopened import opened

__all__ = ["run"]


def run(argv: list[str], trust: Trust) -> int:
    """Export a run; return 0.

    Raises:
        ConfigError: There is no run, or something is where the files are to go.
        StoreError: The run has no weights, or cannot be read.
    """
    parser = command(
        "export", "Write weights, a loader in plain torch, labels, records and Croissant metadata of a run."
    )
    parser.add_argument("directory", metavar="DIR", help="a run")
    parser.add_argument("--to", type=Path, metavar="OUT", help="a new or empty folder (default: DIR.export)")
    parser.add_argument("--step", type=int, metavar="N", help="the step whose weights are wanted (default: the newest)")
    add_json(parser)
    arguments = parse(parser, argv)
    directory = opened(arguments.directory)
    place = (arguments.to or directory.path.with_name(f"{directory.path.name}.export")).expanduser().absolute()
    bundle = bundle_of(directory, trust, arguments.step)
    bundle.write(place)
    if arguments.json:
        sizes = {name: len(content) for name, content in bundle.files.items()}
        print_json({"path": place, "step": bundle.step, "files": sizes, "notes": bundle.notes})
        return 0
    for note in bundle.notes:
        sys.stderr.write(f"note: {printable(note)}\n")
    for name, content in bundle.files.items():
        print(f"{len(content):>12,} B  {printable(shortened(place / name))}")  # noqa: T201 - a command talks to its user
    return 0
