"""``alrun [overrides]``: one run, or with ``-m`` a sweep, as a Hydra app."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.cli.flags import flags_first, parse_flags
from alrun.cli.show import problem_text, show_outcome, show_sweep
from alrun.config.paths import conf_dir
from alrun.config.targets import Trust
from alrun.core.errors import AlrunError, ConfigError, Interrupted
from alrun.store.rundir import remove_empty_sweep

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from alrun.config.compose import Composed
    from alrun.core.callback import Callback
    from alrun.runner.run import Experiment, Outcome

__all__ = ["run"]


def run(argv: list[str], trust: Trust) -> int:
    """Do what the command line says; return the exit code.

    Raises:
        AlrunError: What went wrong with a single run.
    """
    arguments = parse_flags(argv)
    if arguments.help:
        from alrun.cli import help as manual

        return manual.run()
    words = arguments.overrides
    argv = flags_first(argv, words)
    shows = bool(arguments.hydra_help or arguments.cfg or arguments.info)
    if arguments.shell_completion or (shows and not words and not arguments.config_dir):
        return _show(argv)
    from alrun.config.compose import Composer, resolved

    composer = Composer(trust, Path(arguments.config_dir) if arguments.config_dir else None)
    several = arguments.multirun or any(word.startswith("hydra.mode=") for word in words)
    jobs = composer.compose_sweep(words) if several else [composer.compose(words)]
    if shows:
        if arguments.resolve:
            resolved(jobs[0].config)
        return _show(argv)
    return _sweep(argv, jobs, trust) if several else _single(jobs[0], trust)


def _show(argv: list[str]) -> int:
    """Let Hydra print what the flags ask for; what it cannot show it says itself."""
    try:
        _hydra(argv, lambda config: None)
    except SystemExit as end:
        return ConfigError.exit_code if end.code else 0
    return 0


def _single(composed: Composed, trust: Trust) -> int:
    from alrun.runner.run import Experiment

    experiment = Experiment(composed, trust)
    outcome = experiment.run(listeners(experiment))
    show_outcome(outcome)
    return outcome.exit_code


def listeners(experiment: Experiment) -> Sequence[Callback]:
    """Return who shows the run while it runs: a live display on a terminal, plain lines elsewhere, or nobody."""
    from alrun.cli.console import new_console

    if not experiment.config["progress"]:
        return []
    console = new_console(stderr=True)
    if console.is_terminal:
        from alrun.callbacks.progress import LiveDisplay

        return [LiveDisplay(console)]
    from alrun.callbacks.plain import PlainLog

    return [PlainLog(console)]


def _sweep(argv: list[str], jobs: Sequence[Composed], trust: Trust) -> int:
    from alrun.runner.jobs import rehearsed

    experiments = rehearsed(jobs, trust)
    finished_before = [experiment.finished() is not None for experiment in experiments]
    directories = [experiment.directory for experiment in experiments]
    made = directories[0].missing
    _hydra(argv, SweepJob(trust))
    if not any(directory.exists for directory in directories):
        remove_empty_sweep(directories[0].path.parent, made)
    return show_sweep(directories, finished_before)


def _hydra(argv: list[str], task: Any) -> None:
    """Hand ``argv`` to Hydra, which composes and calls ``task`` for each job."""
    import hydra

    previous, sys.argv = sys.argv, ["alrun", *argv]
    try:
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")(task)()
    finally:
        sys.argv = previous


class SweepJob:
    """What Hydra calls for each job of a sweep, here or in a worker process; one that fails does not end the others."""

    def __init__(self, trust: Trust) -> None:
        """Run jobs under ``trust``."""
        self._trust = trust

    def __call__(self, config: DictConfig) -> int:
        """Run one job and return its exit code; an interrupt ends the sweep."""
        from hydra.core.hydra_config import HydraConfig

        from alrun.config.compose import Composed, choices_of
        from alrun.runner.run import Experiment

        try:
            experiment = Experiment(Composed(config, choices_of(config, HydraConfig.get())), self._trust)
            outcome = experiment.run(listeners(experiment))
        except AlrunError as error:
            sys.stderr.write(problem_text(error))
            return error.exit_code
        _report(outcome)
        return outcome.exit_code


def _report(outcome: Outcome) -> None:
    if outcome.error is not None:
        sys.stderr.write(problem_text(outcome.error))
    if isinstance(outcome.error, Interrupted):
        raise SystemExit(outcome.exit_code)
