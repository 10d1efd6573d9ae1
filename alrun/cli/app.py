"""``alrun [overrides]``: one run, or with ``-m`` a sweep."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from alrun.cli.arguments import take_json
from alrun.cli.flags import flags_first, parse_flags
from alrun.cli.listening import listeners
from alrun.cli.run_report import run_report
from alrun.cli.show import problem_text, show_outcome, show_sweep, skipped_text
from alrun.config.paths import conf_dir
from alrun.config.targets import Trust
from alrun.core.errors import AlrunError, ConfigError
from alrun.core.showing import printable, typed
from alrun.store.rundir import remove_empty_sweep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from alrun.config.compose import Composed, Composer
    from alrun.runner.jobs import Job

__all__ = ["run"]


def run(argv: list[str], trust: Trust) -> int:
    """Run the experiment or the sweep that the command line describes; return the exit code.

    Raises:
        AlrunError: What went wrong with a single run.
    """
    if {"-h", "--help"} & set(argv):
        from alrun.cli import help as manual

        return manual.run()
    argv, json = take_json(argv)
    arguments = parse_flags(argv)
    words = arguments.overrides
    argv = flags_first(argv, words)
    shows = bool(arguments.hydra_help or arguments.cfg or arguments.info)
    if arguments.shell_completion or (shows and not words and not arguments.config_dir):
        return _show(argv)
    from alrun.config.compose import Composer, resolved

    composer = Composer(trust, Path(arguments.config_dir) if arguments.config_dir else None)
    if arguments.multirun or (not shows and composer.is_sweep(words)):
        return _sweep(words, composer, trust, json=json)
    composed = composer.compose(words)
    if shows:
        if arguments.resolve:
            resolved(composed.config)
        return _show(argv)
    if composed.hydra["sweeper"].get("params"):
        sys.stderr.write(f"note: hydra.sweeper.params apply only to a sweep: alrun -m {' '.join(map(typed, argv))}\n")
    return _single(composed, trust, json=json)


def _show(argv: list[str]) -> int:
    """Let Hydra print what the flags ask for; Hydra reports what it cannot show."""
    import hydra

    from alrun.config import defaults
    from alrun.config.resolvers import OF_HYDRA, only

    defaults.register()
    previous, sys.argv = sys.argv, ["alrun", *argv]
    try:
        with only(*OF_HYDRA):
            hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")(lambda config: None)()
    except SystemExit as end:
        return ConfigError.exit_code if end.code else 0
    finally:
        sys.argv = previous
    return 0


def _single(composed: Composed, trust: Trust, *, json: bool) -> int:
    from alrun.runner.run import Experiment

    experiment = Experiment(composed, trust)
    outcome = experiment.run(listeners(experiment), run_report)
    show_outcome(outcome, trust, json=json)
    return outcome.exit_code


def _sweep(words: Sequence[str], composer: Composer, trust: Trust, *, json: bool) -> int:
    from alrun.cli.interrupts import Stopped, stoppable
    from alrun.cli.sweep import launch, progress
    from alrun.runner.jobs import rehearsed

    sweep = composer.compose_sweep(words)
    with progress(len(sweep.words)) as advance:
        found = rehearsed(sweep, trust, advance)
    sys.stderr.write(skipped_text(found.skipped))
    jobs, first = found.jobs, found.jobs[0].directory
    made = first.missing
    told: Iterator[str] = iter(())
    with stoppable() as stopped:
        try:
            told = launch(composer, trust, sweep, found)
        except Stopped as signal:
            stopped.append(signal)
        finally:
            if not any(job.directory.exists for job in jobs):
                remove_empty_sweep(first.path.parent, made)
        if not stopped:
            _describe([job.words for job in jobs if job.finished], composer, trust)
            _keep_reports(jobs, composer, trust)
        before = [job.finished for job in jobs]
        code = show_sweep([job.directory for job in jobs], before, again=bool(stopped), json=json)
        for line in told:
            print(printable(line), file=sys.stderr if json else sys.stdout)
    return stopped[0].exit_code if stopped else code


def _keep_reports(jobs: Sequence[Job], composer: Composer, trust: Trust) -> None:
    """Hand the report on all of a sweep's runs on to the trackers that its first job names."""
    from alrun.cli.sweep_report import keep_reports
    from alrun.config.environment import resolve

    if not jobs:
        return
    found = resolve(composer.compose(jobs[0].words).config)
    if found.values.get("logger"):
        with found.secrets.kept():
            keep_reports([job.directory.path.parent for job in jobs], found.values, trust)


def _describe(finished: Sequence[Sequence[str]], composer: Composer, trust: Trust) -> None:
    """Give finished jobs of a sweep the tags and notes that it says now, and its trackers what they lack of them."""
    from alrun.runner.run import Experiment

    for words in finished:
        experiment = Experiment(composer.compose(words), trust)
        if not experiment.describes:
            return
        try:
            experiment.run((), run_report)
        except AlrunError as error:
            sys.stderr.write(problem_text(error))
