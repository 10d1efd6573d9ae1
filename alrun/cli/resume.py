"""``alrun resume DIR [overrides]``: resume the run in a directory, even if it has been moved."""

from __future__ import annotations

from alrun.cli.arguments import take_json
from alrun.cli.listening import listeners
from alrun.cli.run_report import run_report
from alrun.cli.show import show_outcome
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem
from alrun.runner.reopened import opened, stored
from alrun.runner.run import Experiment

__all__ = ["run"]

USAGE = """usage: alrun resume DIR [--json] [key=value …]

Resume the run in DIR. A larger budget continues a finished run:
    alrun resume outputs/default/digits-mlp-entropy-s0-1a2b3c4d budget=400
"""


def run(argv: list[str], trust: Trust) -> int:
    """Resume; return the exit code.

    Raises:
        ConfigError: There is no run, or the overrides do not continue it.
    """
    argv, json = take_json(argv)
    if not argv:
        raise ConfigError(Problem("which run?", "alrun resume", "alrun resume DIR; alrun status lists the runs"))
    if argv[0] in ("-h", "--help"):
        print(USAGE, end="")  # noqa: T201 - a command talks to its user
        return 0
    directory = opened(argv[0])
    experiment = Experiment(stored(directory, argv[1:], trust), trust, place=directory.path)
    outcome = experiment.run(listeners(experiment), run_report)
    show_outcome(outcome, trust, json=json)
    return outcome.exit_code
