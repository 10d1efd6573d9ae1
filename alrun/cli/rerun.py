"""``alrun rerun DIR [overrides]``: repeat the run in a directory, reusing the labels that it bought."""

from __future__ import annotations

import sys

from alrun.cli.arguments import take_json
from alrun.cli.listening import listeners
from alrun.cli.run_report import run_report
from alrun.cli.show import show_outcome
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem
from alrun.core.showing import printable
from alrun.runner.reopened import opened, stored
from alrun.runner.rerun import prepare_rerun
from alrun.runner.run import Experiment

__all__ = ["run"]

SAME_ROWS = "--same-rows"
USAGE = """usage: alrun rerun DIR [--same-rows] [--json] [key=value …]

Repeat the run in DIR. Labels that it has bought already are taken from its records, with annotator and cost; only the
others are requested from the label strategy. Use it after an update of alrun that changed an algorithm, or to try other
settings on the same labels:
    alrun rerun outputs/default/digits-mlp-entropy-s0-1a2b3c4d
    alrun rerun outputs/default/digits-mlp-entropy-s0-1a2b3c4d learner.dropout=0.3
The new run replaces the old one, which is kept as DIR.aside-1; with other settings it gets its own directory and DIR
stays. An interrupted rerun continues with the same command, or with alrun resume.

  --same-rows   the data have changed, but row numbers mean the same; without it rows are matched by uuid
"""


def run(argv: list[str], trust: Trust) -> int:
    """Repeat the run; return the exit code.

    Raises:
        ConfigError: There is no run, or it cannot be run so.
    """
    argv, json = take_json(argv)
    words = [word for word in argv if word != SAME_ROWS]
    if not words:
        raise ConfigError(Problem("which run?", "alrun rerun", "alrun rerun DIR; alrun status lists the runs"))
    if words[0] in ("-h", "--help"):
        print(USAGE, end="")  # noqa: T201 - a command talks to its user
        return 0
    origin = opened(words[0])
    composed = stored(origin, words[1:], trust)
    experiment = Experiment(composed, trust, place=origin.path)
    if experiment.identity != origin.info()["identity"]:
        experiment = Experiment(composed, trust, place=origin.path.parent / experiment.derived.name)
    for line in prepare_rerun(experiment, origin, same_rows=SAME_ROWS in argv):
        sys.stderr.write(f"{printable(line)}\n")
    outcome = experiment.run(listeners(experiment), run_report)
    show_outcome(outcome, trust, json=json)
    return outcome.exit_code
