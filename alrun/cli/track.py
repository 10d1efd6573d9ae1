"""``alrun track DIR… logger=NAME``: hand the records of runs on to trackers, whether they ran with one or not."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alrun.cli.arguments import print_json, take_json
from alrun.cli.flags import parse_flags
from alrun.cli.run_report import run_report
from alrun.cli.show import shortened
from alrun.cli.sweep_report import keep_reports
from alrun.config.compose import Composer
from alrun.config.environment import described
from alrun.config.stored import parse_config
from alrun.config.targets import Trust
from alrun.core.errors import AlrunError, ConfigError, LockedError, Problem
from alrun.core.showing import printable
from alrun.report.runs import find_runs
from alrun.runner.tracked import stored_rows
from alrun.runner.trackers import named_trackers
from alrun.runner.tracking import Projector
from alrun.store.lock import RunLock
from alrun.store.rundir import RunDirectory

__all__ = ["run"]

USAGE = """usage: alrun track DIR… logger=NAME [--json] [logger.NAME.key=value …]

Hand the records of the runs in or below each DIR on to trackers, which then hold every step once, whatever they held
before. For runs that were made without a tracker, or whose tracker could not be reached:
    alrun track outputs/paired logger=mlflow
    alrun track outputs/paired 'logger=[csv,tensorboard]'
Those that keep files get the report on all runs of a folder, too, as a run called report.
A run that is going on is left out: it hands its records on itself, if it was started with logger=NAME.
"""
HINT = "alrun track outputs logger=csv; alrun ls logger lists the trackers"


def run(argv: list[str], trust: Trust) -> int:
    """Hand on; return 0 where every tracker took every run, else 1.

    Raises:
        ConfigError: No run or no tracker is named, or a tracker cannot be built.
    """
    argv, json = take_json(argv)
    arguments = parse_flags(argv)
    if arguments.help:
        print(USAGE, end="")  # noqa: T201 - a command talks to its user
        return 0
    words = [word for word in arguments.overrides if word.lstrip("+").startswith("logger")]
    folders = [Path(word) for word in arguments.overrides if word not in words]
    if not folders or not words:
        raise ConfigError(Problem("which run?" if not folders else "which tracker?", "alrun track", HINT))
    composer = Composer(trust, Path(arguments.config_dir) if arguments.config_dir else None)
    config = {"logger": composer.compose(words).config["logger"]}
    runs = [found for found in find_runs(folders) if found.status != "unreadable"]
    if not runs:
        raise ConfigError(Problem("no run here can be read", str(folders[0]), "alrun status lists the runs"))
    told = [_handed_on(RunDirectory(found.path), config, trust) for found in runs]
    keep_reports((found.path.parent for found in runs if found.path not in folders), _plain(config), trust)
    if json:
        print_json(told)
    for one in () if json else told:
        place, steps = printable(shortened(one["path"])), f"{', '.join(one['trackers'])}: {one['steps']} steps of"
        said = "left out, as it is being run:" if one["running"] else steps
        print(f"{said} {place}" if one["running"] or one["complete"] else f"incomplete: {place}")  # noqa: T201 - likewise
    return 0 if all(one["complete"] or one["running"] for one in told) else 1


def _handed_on(directory: RunDirectory, config: Mapping[str, Any], trust: Trust) -> dict[str, Any]:
    """Return what became of one run: ``path``, ``trackers``, ``steps``, ``complete`` and ``running``."""
    trackers = named_trackers(_plain(config), trust, directory.path)
    if not trackers:
        raise ConfigError(Problem("no tracker is named", "logger", HINT))
    told = {"path": directory.path, "trackers": list(trackers), "steps": 0, "complete": False, "running": False}
    try:
        with RunLock(directory.path):
            complete, steps = _projected(directory, trackers)
    except LockedError:
        return {**told, "running": True}
    except AlrunError as error:
        sys.stderr.write(f"error: {printable(str(error))}\n")
        return told
    return {**told, "steps": steps, "complete": complete}


def _projected(directory: RunDirectory, trackers: Mapping[str, Any]) -> tuple[bool, int]:
    """Return whether the trackers took everything, and how many steps there are; the lock is held."""
    directory.refuse_links()
    info = directory.info()
    info["status"] = "interrupted" if info["status"] == "running" else info["status"]
    config = described(parse_config(directory.config_text(), str(directory.config)), info["environment"])
    rows: Sequence[Mapping[str, Any]] = stored_rows(directory, info)
    projector = Projector(trackers, directory, config, lambda: info, run_report)
    projector.follow(lambda: rows)
    return projector.finish(), len({row["step"] for row in rows})


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    from omegaconf import OmegaConf

    from alrun.config.environment import resolve

    return resolve(OmegaConf.create(dict(config))).values
