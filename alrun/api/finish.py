"""Execution of an experiment to its end, with the displays of the command line; what ends it is raised."""

from __future__ import annotations

import sys

from alrun.api.interrupts import second_interrupt
from alrun.cli.listening import listeners
from alrun.cli.run_report import run_report
from alrun.core.errors import Interrupted
from alrun.core.generators import generators_kept
from alrun.runner.outcome import Outcome
from alrun.runner.run import Experiment

__all__ = ["finish"]

AGAIN = "the same call goes on from the last commit"


def finish(experiment: Experiment) -> Outcome:
    """Run ``experiment`` to its end, with the displays of the command line.

    Raises:
        AlrunError: What ended it.
    """
    with generators_kept(), second_interrupt():
        outcome = experiment.run(listeners(experiment), run_report)
    if isinstance(outcome.error, Interrupted):
        outcome.error.add_note(AGAIN)
    if outcome.answered and experiment.config["progress"]:
        sys.stderr.write("already finished: read from its records; fresh=true starts over\n")
    if outcome.error is not None:
        raise outcome.error
    return outcome
