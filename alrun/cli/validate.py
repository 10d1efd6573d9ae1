"""``alrun validate [overrides]``: compose, check and build everything, run nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from alrun.cli.arguments import print_json, take_json
from alrun.cli.flags import parse_flags
from alrun.cli.show import shortened, skipped_text
from alrun.config.compose import Composer
from alrun.config.environment import resolve
from alrun.config.targets import Trust
from alrun.core.knobs import Knob, iterate_terms, written
from alrun.core.settings import Config
from alrun.core.showing import printable
from alrun.runner.jobs import rehearsed

__all__ = ["run", "set_knobs"]

USAGE = """usage: alrun validate [-m] [--config-dir DIR] [--json] [key=value …]

Check everything that can be checked without running: whatever would stop a run before its first label is reported here.
Shows how each column of a table is interpreted, and the knobs that differ from their defaults.
"""


def run(argv: list[str], trust: Trust) -> int:
    """Check; return 0 when nothing is wrong.

    Raises:
        ConfigError: With everything that is wrong, over all jobs of a sweep.
    """
    argv, json = take_json(argv)
    arguments = parse_flags(argv)
    if arguments.help:
        print(USAGE, end="")  # noqa: T201 - a command talks to its user
        return 0
    composer = Composer(trust, Path(arguments.config_dir) if arguments.config_dir else None)
    words = arguments.overrides
    several = arguments.multirun or composer.is_sweep(words)
    sweep = composer.compose_sweep(words) if several else composer.compose_single(words)
    found = rehearsed(sweep, trust)
    sys.stderr.write(skipped_text(found.skipped))
    knobs = [] if several else list(set_knobs(resolve(composer.compose(words).config).described))
    if json:
        jobs = [{"path": job.directory.path, "finished": job.finished, "notes": job.notes} for job in found.jobs]
        skipped = {words: str(error) for words, error in found.skipped.items()}
        print_json({"jobs": jobs, "skipped": skipped, "knobs": knobs})
        return 0
    for job in found.jobs:
        for line in (*job.notes, f"ok: {shortened(job.directory.path)}"):
            print(printable(line))  # noqa: T201 - likewise
    for line in knobs:
        print(printable(f"  {line}"))  # noqa: T201 - likewise
    return 0


def set_knobs(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield the knobs of a resolved config that differ from their defaults, each with default and description."""
    for key, term in iterate_terms(Config):
        group, _, name = key.rpartition(".")
        values = config.get(group) if group else config
        if isinstance(term, Knob) and isinstance(values, Mapping) and values.get(name, term.default) != term.default:
            yield f"{key}={written(values[name])} (default {written(term.default)}): {term.doc}"
