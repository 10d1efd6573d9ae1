"""``alrun rerun DIR [overrides]``: run the experiment in a directory anew, on the labels that it has bought."""

from __future__ import annotations

import sys

from alrun.cli.listening import listeners
from alrun.cli.resume import opened, stored
from alrun.cli.show import show_outcome
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem
from alrun.core.showing import printable
from alrun.runner.rerun import prepare_rerun
from alrun.runner.run import Experiment

__all__ = ["run"]

SAME_ROWS = "--same-rows"
USAGE = """usage: alrun rerun DIR [--same-rows] [key=value …]

Run the experiment in DIR anew: what it has bought a label of is answered from its records, with annotator and cost, and
only the rest is asked for. For runs of an alrun whose algorithms have changed since, and for other settings on the same
labels:
    alrun rerun outputs/default/digits-mlp-entropy-s0-1a2b3c4d
    alrun rerun outputs/default/digits-mlp-entropy-s0-1a2b3c4d learner.dropout=0.3
The new run takes the place of the old one, which is set aside as DIR.aside-1; with other settings it lies beside DIR,
which stays. Killed, it goes on by the same command, or by alrun resume.

  --same-rows   the data have changed, but rows are what they were; without it they are known by uuid
"""


def run(argv: list[str], trust: Trust) -> int:
    """Run anew; return the exit code.

    Raises:
        ConfigError: There is no run, or it cannot be run so.
    """
    words = [word for word in argv if word != SAME_ROWS]
    if not words:
        raise ConfigError(Problem("which run?", "alrun rerun", "alrun rerun DIR; alrun status lists the runs"))
    if words[0] in ("-h", "--help"):
        print(USAGE, end="")  # noqa: T201 - a command talks to its user
        return 0
    origin = opened(words[0])
    composed = stored(origin, words[1:])
    experiment = Experiment(composed, trust, place=origin.path)
    if experiment.identity != origin.info()["identity"]:
        experiment = Experiment(composed, trust, place=origin.path.parent / experiment.derived.name)
    for line in prepare_rerun(experiment, origin, same_rows=SAME_ROWS in argv):
        sys.stderr.write(f"{printable(line)}\n")
    outcome = experiment.run(listeners(experiment))
    show_outcome(outcome, trust)
    return outcome.exit_code
