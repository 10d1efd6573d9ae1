"""Job of a sweep: what Hydra is given of it, and what runs it, here or in a worker process."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.cli.interrupts import Stopped
from alrun.cli.listening import listeners
from alrun.cli.run_report import run_report
from alrun.cli.show import problem_text
from alrun.config.compat import ConfigLoaderImpl
from alrun.config.compose import Composer
from alrun.config.hydra_loader import search_path
from alrun.config.hydra_node import UNUSED
from alrun.config.targets import Trust
from alrun.core.errors import AlrunError, Interrupted
from alrun.core.lean_imports import put_off
from alrun.core.process import Process
from alrun.report.objective import Objective
from alrun.runner.run import Experiment
from alrun.runner.worker import end_with

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from alrun.callbacks.progress_state import JobCount
    from alrun.config.compose import Sweep
    from alrun.runner.outcome import Outcome

__all__ = ["Answer", "JobLoader", "SweepJob", "hydra_config"]

WORDS = "words"


def hydra_config(hydra: Mapping[str, Any], words: Sequence[str]) -> DictConfig:
    """Return what Hydra is given: its own node, and the words of a job as a text that holds no interpolation."""
    from hydra.conf import HydraConf
    from omegaconf import OmegaConf

    kept: dict[Any, Any] = {key: value for key, value in hydra.items() if key not in UNUSED}
    runtime = {key: value for key, value in hydra["runtime"].items() if key in ("version", "version_base", "cwd")}
    node = OmegaConf.merge(
        OmegaConf.structured(HydraConf(defaults=[])), {**kept, "runtime": runtime, "mode": "MULTIRUN"}
    )
    return OmegaConf.create({WORDS: json.dumps(list(words)).replace("$", "\\u0024"), "hydra": node})


class JobLoader(ConfigLoaderImpl):
    """Gives Hydra the config of a job: its own checked node, and the job's words."""

    def __init__(self, composer: Composer, sweep: Sweep) -> None:
        """Load jobs of ``sweep`` through ``composer``."""
        super().__init__(search_path(composer.config_dir))
        self._composer = composer
        self._searched = sweep.hydra if sweep.space is not None else None
        single = [word for word in sweep.given if not word.lstrip("+~").startswith("hydra")]
        self.task_words = single
        self._hydra_words = [word for word in sweep.given if word not in single]

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Return the config of the job with the words ``sweep_overrides``.

        Raises:
            ConfigError: With everything that is wrong with it.
        """
        if self._searched is not None:
            return hydra_config(self._searched, sweep_overrides)
        words = self.words_of(sweep_overrides)
        return hydra_config(self._composer.compose(words).hydra, words)

    def words_of(self, found: Sequence[str]) -> list[str]:
        """Return all words of the job for which the sweeper has ``found`` some."""
        return [*(word for word in self._hydra_words if word not in found), *found]


class Answer(Enum):
    """What a job returns to whoever has it run; an error is printed in each case."""

    #: Its objective where the config names one; nothing where it failed.
    ASKED = auto()
    #: Its objective; nothing where it failed.
    OBJECTIVE = auto()
    #: Its objective; where it failed, the error is raised.
    OBJECTIVE_OR_ERROR = auto()
    #: Its exit code.
    EXIT_CODE = auto()


class SweepJob:
    """What Hydra calls for each job of a sweep, here or in a worker process; one that fails does not end the others."""

    def __init__(
        self,
        composer: Composer,
        trust: Trust,
        answer: Answer,
        *,
        draws: bool = False,
        count: JobCount | None = None,
    ) -> None:
        """Run jobs.

        Args:
            composer: Composes them.
            trust: The allowlist.
            answer: What is returned of each.
            draws: A terminal is free for its display.
            count: Counts the jobs of a sweep that runs them one by one.
        """
        self._composer = composer
        self._trust = trust
        self._answer = answer
        self._draws = draws
        self._count = count
        self._sweep = Process.at(os.getpid())

    def __call__(self, config: DictConfig) -> float | None:
        """Run one job; an interrupt ends the sweep, whose end ends its workers.

        Returns:
            What the sweep wants of it; ``None`` where there is none.

        Raises:
            AlrunError: The job failed, and the sweep wants to know that.
        """
        words = tuple(json.loads(config[WORDS]))
        return self.exit_code(words) if self._answer is Answer.EXIT_CODE else self._value(words)

    def exit_code(self, words: tuple[str, ...]) -> int:
        """Run the job of ``words``, and return its exit code; an error is printed.

        Raises:
            Stopped: A signal arrived.
        """
        try:
            return self._run(words)[1].exit_code
        except AlrunError as error:
            sys.stderr.write(problem_text(error))
            return error.exit_code

    def _value(self, words: tuple[str, ...]) -> float | None:
        """Run the job of ``words``, and return its objective; an error is printed, and raised for who waits for it."""
        try:
            experiment, outcome = self._run(words)
            return self._objective(experiment.config.get("objective"), outcome.directory)
        except AlrunError as error:
            sys.stderr.write(problem_text(error))
            if self._answer is Answer.OBJECTIVE_OR_ERROR:
                raise
            return None

    def _run(self, words: tuple[str, ...]) -> tuple[Experiment, Outcome]:
        end_with(self._sweep)
        put_off()
        failed = True
        try:
            experiment = Experiment(self._composer.compose(words), self._trust)
            outcome = experiment.run(listeners(experiment, self._count, drawn=self._draws), run_report)
            failed = outcome.error is not None
        finally:
            if self._count:
                self._count.count(failed=failed)
        if isinstance(outcome.error, Interrupted):
            raise Stopped(outcome.error.signum)
        if outcome.error is not None:
            raise outcome.error
        return experiment, outcome

    def _objective(self, text: str | None, directory: Path) -> float | None:
        """Return the objective of a finished run; ``None`` where nobody asks for one."""
        return Objective.parse(text).of(directory) if text or self._answer is not Answer.ASKED else None
