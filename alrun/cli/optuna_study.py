"""Study: a search by Optuna whose trials are runs.

It is kept in SQLite beside the runs. A trial is its words: whichever is not finished is run when the command is typed
again, and goes on where it was. Hydra's own plugin (1.3) asks for Optuna 2, whose storage fails with SQLAlchemy 2 and
which ``optuna-dashboard`` no longer reads; its samplers begin their random numbers anew in each process, too.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.cli.optuna_library import damages, distribution, quiet, sampler
from alrun.cli.show import problem_text, shortened
from alrun.config.space import Space
from alrun.core.errors import ConfigError, Problem, StoreError
from alrun.core.showing import printable
from alrun.runner.jobs import Job
from alrun.store.lock import RunLock
from alrun.store.rundir import RunDirectory

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

__all__ = ["OptunaStudy"]

#: Folder beside the runs, and the file in it.
FOLDER, FILE = "optuna", "study.db"
#: Attributes of trials and studies.
WORDS, SEARCHED, AGAIN = "words", "searched", "again"
#: Trials in a row that fit nothing, after which the search is given up.
MOST_SKIPPED = 200

Launch = Callable[[Sequence[Sequence[str]], int], Sequence[float | None]]


class OptunaStudy:
    """Chooses jobs, and learns from what they come to.

    Attributes:
        jobs: The jobs of all trials.
    """

    def __init__(
        self, options: Mapping[str, Any], space: Space, searched: Mapping[str, Any], folder: Path, better: bool | None
    ) -> None:
        """Prepare a study.

        Args:
            options: The node ``hydra.sweeper``.
            space: What is searched.
            searched: What else its values depend on: another study if it differs.
            folder: The runs lie there.
            better: Whether more of the objective is better, where that is known.

        Raises:
            ConfigError: Optuna is not installed, there is nothing to search, or a direction or a sampler is missing.
        """
        if not space.dimensions:
            what = "nothing has several values"
            raise ConfigError(Problem(what, "hydra/sweeper=optuna", "'learner.dropout=interval(0.0,0.5)'"))
        direction = options["direction"] or {True: "maximize", False: "minimize", None: ""}[better]
        if not direction:
            what = "it is not said whether more of the objective is better"
            raise ConfigError(Problem(what, "hydra.sweeper.direction", "hydra.sweeper.direction=maximize"))
        self._options = options
        self._space = space
        self._direction: Any = direction
        self._distributions = {key: distribution(one) for key, one in space.dimensions.items()}
        described = json.dumps([direction, searched, *map(repr, space.dimensions.values())], sort_keys=True)
        self._searched = hashlib.sha256(described.encode()).hexdigest()
        self._place = folder / FOLDER
        self.jobs: list[Job] = []
        sampler(options["sampler"], 0)

    @property
    def file(self) -> Path:
        """The file that it is kept in."""
        return self._place / FILE

    def run(self, launch: Launch, job_of: Callable[[tuple[str, ...]], Job], fits: Callable[[Job], None]) -> None:
        """Run the trials that are not finished, then new ones.

        Args:
            launch: Runs jobs, given the words of each and the number of the first; returns their objectives, ``None``
                for one that failed.
            job_of: Returns the job of some words.
            fits: Raises ``ConfigError`` for a job that cannot be run as described.

        Raises:
            LockedError: Another process runs the study.
            StoreError: The file cannot be read.
        """
        with RunLock(self._place), quiet():
            RunDirectory(self._place).refuse_links()
            try:
                study = self._opened()
                self._finish(study, launch, job_of)
                self._search(study, launch, job_of, fits)
            except damages() as error:
                what = f"{self.file} cannot be used: {str(error).splitlines()[0]}"
                raise StoreError(
                    f"{what}\n    → move it away; the runs beside it are kept, and answer at once"
                ) from error

    def told(self) -> Iterator[str]:
        """Yield what the study has come to, in lines."""
        with quiet():
            study = self._opened()
            done = [trial for trial in study.trials if trial.value is not None]
            if done:
                best = study.best_trial
                words = " ".join(self._space.dimensions[key].word(best.params[key]) for key in self._distributions)
                yield f"best: {best.value:.4g} of {len(done)}, with {words}"
        yield f"study: optuna-dashboard sqlite:///{shortened(self.file)}"

    def _opened(self) -> optuna.Study:
        import optuna

        keys = [key.rpartition(".")[2].lstrip("+") for key in self._distributions]
        study = optuna.create_study(
            storage=f"sqlite:///{self.file}",
            study_name=self._options["study_name"] or f"{'-'.join(keys)[:60]}-{self._searched[:8]}",
            direction=self._direction,
            load_if_exists=True,
        )
        known = study.user_attrs.get(SEARCHED)
        if known is None and not study.trials:
            study.set_user_attr(SEARCHED, self._searched)
        elif known != self._searched:
            what = f"the study {study.study_name!r} searches something else, or with other settings"
            raise ConfigError(Problem(what, "hydra.sweeper.study_name", "hydra.sweeper.study_name=null"))
        return study

    def _words(self, trial: FrozenTrial) -> tuple[str, ...] | None:
        """Return the words of a trial; ``None`` where it was never wholly chosen, or by another search."""
        return self._space.job(trial.params) if trial.distributions == self._distributions else None

    def _finish(self, study: optuna.Study, launch: Launch, job_of: Callable[[tuple[str, ...]], Job]) -> None:
        """Run the jobs of earlier trials that are not finished; of one that has failed the success is a new trial."""
        from optuna.trial import TrialState, create_trial

        begun: list[tuple[FrozenTrial, tuple[str, ...]]] = []
        again = {tuple(trial.params.items()) for trial in study.trials if AGAIN in trial.user_attrs}
        for trial in study.get_trials(states=(TrialState.RUNNING, TrialState.FAIL, TrialState.COMPLETE)):
            words = self._words(trial)
            if words is None:
                if trial.state == TrialState.RUNNING:
                    study.tell(trial.number, state=TrialState.FAIL)
                continue
            if AGAIN in trial.user_attrs:
                continue
            self.jobs.append(job_of(words))
            redone = trial.state == TrialState.FAIL and tuple(trial.params.items()) in again
            if trial.state == TrialState.RUNNING or not (self.jobs[-1].finished or redone):
                begun.append((trial, words))
        size = self._options["n_jobs"]
        for batch in (begun[start : start + size] for start in range(0, len(begun), size)):
            for (trial, _), value in zip(batch, launch([words for _, words in batch], batch[0][0].number), strict=True):
                if trial.state == TrialState.RUNNING:
                    _tell(study, trial.number, value)
                elif trial.state == TrialState.FAIL and value is not None and math.isfinite(value):
                    attributes = {WORDS: trial.user_attrs.get(WORDS), AGAIN: trial.number}
                    made = create_trial(
                        value=value,
                        params=trial.params,
                        distributions=trial.distributions,
                        user_attrs=attributes,
                    )
                    study.add_trial(made)

    def _search(
        self,
        study: optuna.Study,
        launch: Launch,
        job_of: Callable[[tuple[str, ...]], Job],
        fits: Callable[[Job], None],
    ) -> None:
        """Begin new trials until there are as many as asked for; one that does not fit is skipped, and is none."""
        size = self._options["n_jobs"]
        skipped = 0
        while len(self.jobs) < self._options["n_trials"] and skipped < MOST_SKIPPED and not self._too_many_fail(study):
            room = min(size - len(self.jobs) % size, self._options["n_trials"] - len(self.jobs))
            chosen: list[tuple[int, tuple[str, ...]]] = []
            while len(chosen) < room and skipped < MOST_SKIPPED:
                number, words = self._asked(study)
                try:
                    job = job_of(words)
                    fits(job)
                except ConfigError as error:
                    _skip(study, number, self._space, error)
                    skipped += 1
                    continue
                skipped = 0
                self.jobs.append(job)
                chosen.append((number, words))
            values = launch([words for _, words in chosen], chosen[0][0]) if chosen else ()
            for (number, _), value in zip(chosen, values, strict=True):
                _tell(study, number, value)
        if skipped >= MOST_SKIPPED:
            sys.stderr.write(f"note: {skipped} trials in a row fit nothing; the search ends\n")

    def _asked(self, study: optuna.Study) -> tuple[int, tuple[str, ...]]:
        study.sampler = sampler(self._options["sampler"], len(study.trials))
        trial = study.ask(self._distributions)
        words = self._space.job(trial.params)
        trial.set_user_attr(WORDS, list(words))
        return trial.number, words

    def _too_many_fail(self, study: optuna.Study) -> bool:
        from optuna.trial import TrialState

        limit, states = self._options["max_failure_rate"], [trial.state for trial in study.trials]
        done = sum(state in (TrialState.COMPLETE, TrialState.FAIL) for state in states)
        too_many = limit is not None and states.count(TrialState.FAIL) > limit * done
        if too_many:
            sys.stderr.write(f"note: {states.count(TrialState.FAIL)} of {done} trials have failed; the search ends\n")
        return too_many


def _tell(study: optuna.Study, number: int, value: float | None) -> None:
    from optuna.trial import TrialState

    if value is None or not math.isfinite(value):
        if value is not None:
            sys.stderr.write(f"note: trial {number} has failed: its objective is {value}\n")
        study.tell(number, state=TrialState.FAIL)
    else:
        study.tell(number, value)


def _skip(study: optuna.Study, number: int, space: Space, error: ConfigError) -> None:
    """Say why a trial is skipped; Optuna keeps away from what is pruned."""
    from optuna.trial import TrialState

    study.tell(number, state=TrialState.PRUNED)
    params = study.trials[number].params
    words = " ".join(space.dimensions[key].word(value) for key, value in params.items())
    sys.stderr.write(f"note: skipped {printable(words)}\n{problem_text(error)}")
