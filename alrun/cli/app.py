"""``alrun [overrides]``: one run, or with ``-m`` a sweep, as a Hydra app."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.cli.show import problem_text, show_outcome, show_sweep
from alrun.config.paths import conf_dir
from alrun.config.targets import Trust
from alrun.core.errors import AlrunError, ConfigError, Interrupted, Problem

if TYPE_CHECKING:
    from argparse import Namespace

    from omegaconf import DictConfig

    from alrun.config.compose import Composed
    from alrun.core.events import Callback
    from alrun.runner.run import Experiment, Outcome

__all__ = ["run"]

REFUSED = ("config_path", "config_name", "experimental_rerun")


def run(argv: list[str], trust: Trust) -> int:
    """Do what the command line says; return the exit code.

    Raises:
        AlrunError: What went wrong with a single run.
    """
    arguments = _parse(argv)
    if arguments.help:
        from alrun.cli import help as manual

        return manual.run()
    if _only_shows(arguments):
        _hydra(argv, lambda config: None)
        return 0
    from alrun.config.compose import Composer

    composer = Composer(trust, Path(arguments.config_dir) if arguments.config_dir else None)
    if arguments.multirun or any(word.startswith("hydra.mode=") for word in arguments.overrides):
        return _sweep(argv, composer.compose_sweep(arguments.overrides), trust)
    return _single(composer.compose(arguments.overrides), trust)


def _parse(argv: list[str]) -> Namespace:
    from hydra._internal.utils import get_args_parser

    arguments = get_args_parser().parse_args(argv)
    for name in REFUSED:
        if getattr(arguments, name, None):
            flag = f"--{name.replace('_', '-')}"
            raise ConfigError(Problem(f"{flag} is not supported", "command line", "--config-dir adds config groups"))
    return arguments


def _only_shows(arguments: Namespace) -> bool:
    return bool(arguments.help or arguments.hydra_help or arguments.cfg or arguments.info or arguments.shell_completion)


def _single(composed: Composed, trust: Trust) -> int:
    from alrun.runner.run import Experiment

    experiment = Experiment(composed, trust)
    outcome = experiment.run(listeners(experiment))
    show_outcome(outcome)
    return outcome.exit_code


def listeners(experiment: Experiment) -> Sequence[Callback]:
    """Return who shows the run while it runs: a live display on a terminal, plain lines elsewhere, or nobody."""
    from rich.console import Console

    if not experiment.config["progress"]:
        return []
    console = Console(stderr=True)
    if console.is_terminal:
        from alrun.callbacks.progress import LiveDisplay

        return [LiveDisplay(console)]
    from alrun.callbacks.plain import PlainLog

    return [PlainLog(console)]


def _sweep(argv: list[str], jobs: Sequence[Composed], trust: Trust) -> int:
    from alrun.runner.run import Experiment

    experiments = [Experiment(job, trust) for job in jobs]
    finished_before = [experiment.finished() is not None for experiment in experiments]
    _hydra(argv, SweepJob(trust))
    return show_sweep([experiment.directory for experiment in experiments], finished_before)


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
            experiment = Experiment(Composed(config, choices_of(HydraConfig.get())), self._trust)
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
