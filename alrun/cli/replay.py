"""``alrun replay DIR learner=…``: train another learner on the recorded picks of a run, without querying or buying."""

from __future__ import annotations

import sys
from pathlib import Path

from alrun.cli.arguments import take_json
from alrun.cli.flags import parse_flags
from alrun.cli.listening import listeners
from alrun.cli.run_report import run_report
from alrun.cli.show import show_outcome
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem
from alrun.core.showing import printable
from alrun.runner.reopened import opened
from alrun.runner.replay import prepared_replay

__all__ = ["run"]

USAGE = """usage: alrun replay DIR [--config-dir DIR] [--json] learner=… [key=value …]

Train another learner on the samples that the run in DIR has picked: the same labels, in the same order, step by step.
No strategy is asked, and no label is bought. Whether picks that were made for one model serve another:
    alrun replay outputs/default/digits-mlp-entropy-s0-1a2b3c4d learner=linear
The replay is a run of its own beside DIR, marked as query=…-replayed in every report; an interrupted one goes on with
the same command, or with alrun resume. learner, training, inference and metrology may differ, nothing else.
"""


def run(argv: list[str], trust: Trust) -> int:
    """Replay; return the exit code.

    Raises:
        ConfigError: There is no run, or it cannot be replayed so.
    """
    argv, json = take_json(argv)
    arguments = parse_flags(argv)
    if arguments.help:
        print(USAGE, end="")  # noqa: T201 - a command talks to its user
        return 0
    words = arguments.overrides
    if not words or "=" in words[0]:
        raise ConfigError(Problem("which run?", "alrun replay", "alrun replay DIR learner=linear"))
    config_dir = Path(arguments.config_dir) if arguments.config_dir else None
    experiment, told = prepared_replay(opened(words[0]), words[1:], trust, config_dir)
    for line in told:
        sys.stderr.write(f"{printable(line)}\n")
    outcome = experiment.run(listeners(experiment), run_report)
    show_outcome(outcome, trust, json=json)
    return outcome.exit_code
