"""``alrun --help``: usage, knobs and config groups. Needs neither Hydra nor torch."""

from __future__ import annotations

from itertools import groupby

from alrun.cli.ls import option_files
from alrun.config.paths import conf_dir
from alrun.core.knobs import Knob, terms
from alrun.core.settings import Config

__all__ = ["run"]

TEXT = """alrun: the experiment runner for active learning

usage: alrun [key=value …]                 run an experiment, or resume it
       alrun -m key=a,b other=1,2 …        run every combination; repeat to complete what is missing
       alrun resume DIR [key=value …]      resume the run in DIR
       alrun rerun DIR [key=value …]       repeat the run in DIR, reusing the labels that it bought
       alrun replay DIR learner=…          train another learner on the recorded picks of the run in DIR
       alrun status [DIR]                  show the state of each run
       alrun verify [DIR…]                 check the files of runs, and show what can be recovered
       alrun prune [DIR]                   show what takes space; remove weights that nothing needs
       alrun report DIR…                   compare strategies: learning curves over seeds; --html FILE: a page
       alrun view [DIR]                    show runs in the browser as they go on; --bundle DIR: as files
       alrun compare A B                   compare two runs, or groups of runs: settings and results
       alrun export DIR [--to OUT]         write weights, labels and records for use without alrun
       alrun embed data=… [--to OUT]       compute features of a frozen model; write them for data=embeddings
       alrun track DIR… logger=NAME        hand records of runs on to a tracker: mlflow, wandb, tensorboard …
       alrun ls [GROUP]                    list the options of config groups, and all knobs
       alrun validate [key=value …]        check and build everything without running it
       alrun new KIND NAME [--into PKG]    write a custom strategy: module, option, test

  --cfg job        print the config            --config-dir DIR   add custom config groups
  --info           show how it was composed    --trust PKG        let configs build from PKG
  --json           print the result as JSON, of any command
  --hydra-help     Hydra's own flags           -sc install=bash   shell completion

knobs:  {knobs}

groups (group=option; several as query=[a,b] in query, metrology, stopping, logger):
"""


def run() -> int:
    """Print the help and return 0."""
    knobs = [name for name, term in terms(Config).items() if isinstance(term, Knob)]
    print(TEXT.format(knobs="  ".join(knobs)), end="")  # noqa: T201 - a command talks to its user
    for group, options in groupby(option_files([conf_dir()]), lambda option: option[0]):
        print(f"  {group:<12} {', '.join(name for _, name in options)}")  # noqa: T201 - likewise
    return 0
