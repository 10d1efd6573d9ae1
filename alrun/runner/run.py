"""Experiment, from a composed config to its outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.config.check import all_problems, cheap_problems, checked
from alrun.config.compose import Composed
from alrun.config.environment import Resolved, resolve
from alrun.config.identity import ONCE, identity_hash, secret_problems
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem, StoreError
from alrun.core.knobs import read
from alrun.core.names import named
from alrun.core.settings import EVERY, Settings
from alrun.runner.algorithms import algorithms_of
from alrun.runner.data_files import located, run_on_same_files
from alrun.runner.drive import Session, driving
from alrun.runner.finished import FinishedRun, said_of
from alrun.runner.holding import held
from alrun.runner.journal import Journal, begin_session, extent, new_info
from alrun.runner.outcome import Outcome
from alrun.runner.run_path import run_directory
from alrun.runner.stored import StoredRun
from alrun.runner.trackers import named_trackers
from alrun.runner.tracking import Projector, Report
from alrun.store.rundir import RunDirectory

if TYPE_CHECKING:
    from alrun.core.callback import Callback
    from alrun.core.tracking import Tracker
    from alrun.driver.settings import Components
    from alrun.store.lock import RunLock

__all__ = ["Experiment"]

#: No run is begun with more; what a stored one says beyond that is not believed.
MOST_THREADS = 1024


class Experiment:
    """One experiment: its config, its place, and the one way to run it.

    Attributes:
        config: The resolved config.
        identity: Its SHA-256, as 64 hexadecimal digits.
        directory: Where it lies.
    """

    def __init__(self, composed: Composed, trust: Trust, *, place: Path | None = None) -> None:
        """Check ``composed`` as far as that needs no import, and find its place.

        Args:
            composed: The config.
            trust: The allowlist.
            place: Run directory, where it is not derived from the config.

        Raises:
            ConfigError: With everything that is wrong.
        """
        self._composed = composed
        self._trust = trust
        self._bound: Mapping[str, Any] | None = None
        self._resolved = Resolved.plain(composed.values) if composed.values else resolve(composed.config)
        self.config = self._resolved.values
        self._secrets = self._resolved.secrets
        with self._secrets.kept():
            problems = [*secret_problems(self._resolved.described), *cheap_problems(self.config, trust)]
            if problems:
                further = (problem for problem in all_problems(self.config, trust) if problem not in problems)
                raise ConfigError([*problems, *further])
        self.identity = identity_hash(self._resolved.described)
        self.directory = RunDirectory(place or self._place())
        self._stored = StoredRun(self.directory, composed.config, self._resolved)
        self._finished = FinishedRun(self.directory, self._stored, self._resolved)
        self.config = located(self.config, self._folders())

    def _folders(self) -> Sequence[Path]:
        """Return where relative paths of data may start: where the run began, and here; the first that has the file."""
        if self._composed.folder is not None:
            return self._composed.folder, Path.cwd()
        try:
            began = self.directory.info()["folder"] if self.directory.exists else ""
        except StoreError:
            began = ""
        return (Path.cwd(), Path(began)) if began else (Path.cwd(),)

    @property
    def derived(self) -> Path:
        """The place that its config gives it."""
        return run_directory(self.config, self._composed.choices, self.identity)

    def _place(self) -> Path:
        """Return where the run lies: one that was begun by other paths, or while secrets counted, is where it was."""
        place = self.derived
        if self._secrets and not place.exists():
            earlier = run_directory(self.config, self._composed.choices, identity_hash(self.config))
            return earlier if RunDirectory(earlier).exists else place
        return run_on_same_files(place, self._resolved) or place

    def check(self) -> None:
        """Check everything that can be known without building.

        Raises:
            ConfigError: With everything that is wrong.
        """
        self.bound()

    def bound(self) -> Mapping[str, Any]:
        """Return the config with the objects that it names, which are what was checked and what is built from.

        Raises:
            ConfigError: With everything that is wrong.
        """
        if self._bound is None:
            with self._secrets.kept():
                self._bound = checked(self.config, self._trust)
        return self._bound

    def rehearse(self, sources: dict[str, Any]) -> tuple[str, ...]:
        """Check and build everything once, and drop it; return what was made of the data.

        ``sources`` keeps the data for the rehearsal of other jobs.

        Raises:
            ConfigError: With everything that is wrong.
        """
        from alrun.runner.build import Builder

        if self.directory.obstacle is not None:
            what = f"cannot write {self.directory.obstacle}"
            raise ConfigError(Problem(what, "output_dir", "output_dir=DIR puts runs elsewhere"))
        with self._secrets.kept():
            builder = Builder(self.bound(), sources, place=self.directory.path)
            builder.components()
            return builder.notes()

    def components(self) -> Components:
        """Build everything, and return it.

        Raises:
            ConfigError: With everything that is wrong.
        """
        return self._built()[0]

    def finished(self) -> Outcome | None:
        """Return the outcome of a run that has done all this already and still shows it, or ``None``."""
        return self._finished.outcome()

    def run(self, listeners: Sequence[Callback] = (), report: Report | None = None) -> Outcome:
        """Run it, or go on with it, or answer that it is finished.

        Args:
            listeners: Callbacks beside those of the config.
            report: Makes the report that trackers keep.

        Raises:
            ConfigError: It cannot be run as described; no directory is left behind.
            LockedError: Another process runs it.
        """
        with self.session(listeners, report) as session:
            session.run()
        return session.outcome

    @contextmanager
    def session(self, listeners: Sequence[Callback] = (), report: Report | None = None) -> Iterator[Session]:
        """Hold the run, and build everything; at the end of the content the session is closed.

        Raises:
            AlrunError: As of ``run``.
        """
        self.directory.install()
        done = self.finished()
        if done is not None and not self._finished.is_told_otherwise(done.info):
            yield Session(done)
            return
        if self.config["replay"] and (self.config["fresh"] or not self.directory.exists):
            what = "the run replays recorded picks, which lie in its directory alone"
            raise ConfigError(Problem(what, "replay", "alrun replay DIR learner=linear"))
        with ExitStack() as stack:
            stack.enter_context(self._environment())
            lock = stack.enter_context(held(self.directory))
            done = self.finished()
            if done is not None:
                yield Session(self._retold(done, report))
                return
            built = self._built()
            if self._must_set_aside():
                # The lock moves along, and is let go after the new one: nobody goes on with the old run meanwhile.
                self.directory.set_aside()
                lock = stack.enter_context(held(self.directory))
            yield stack.enter_context(self._opened(lock, *built, listeners, report))

    def _environment(self) -> AbstractContextManager[Any]:
        """Return what sets the variables that the config asks for (``hydra.job.env_set``) for a while."""
        variables = self._composed.hydra.get("job", {}).get("env_set")
        if not variables:
            return nullcontext()
        from hydra.core.utils import env_override

        return env_override(variables)

    @property
    def describes(self) -> bool:
        """Whether it says something of a run beside what is computed: tags, notes, or trackers that are to hold it."""
        return bool(said_of(self._resolved.described) or self.config.get("logger"))

    def _retold(self, done: Outcome, report: Report | None) -> Outcome:
        if self._finished.is_said_otherwise(done.info):
            self.write_config(self.directory)
        with self._secrets.kept():
            trackers = named_trackers(self.config, self._trust, self.directory.path)
        return self._finished.retold(done, trackers, report)

    def _must_set_aside(self) -> bool:
        return bool(self.config["fresh"]) and (self.directory.exists or bool(self.directory.rescued))

    def _built(self) -> tuple[Components, Settings, str | None, tuple[str, ...], Mapping[str, Tracker]]:
        from alrun.driver.guards.threads import computing_threads
        from alrun.runner.build import Builder

        builder = Builder(self.bound(), place=self.directory.path, choices=self._composed.choices)
        with self._secrets.kept(), computing_threads(1):
            components = builder.components()
            return components, read(Settings, self.config), builder.fingerprint(), builder.notes(), builder.trackers

    @contextmanager
    def _opened(
        self,
        lock: RunLock,
        components: Components,
        settings: Settings,
        fingerprint: str | None,
        notes: Sequence[str],
        trackers: Mapping[str, Tracker],
        listeners: Sequence[Callback],
        report: Report | None,
    ) -> Iterator[Session]:
        lock.check()
        algorithms = algorithms_of(self.config)
        stored = self._stored.info(fingerprint, algorithms, repair=bool(self.config.get("repair")))
        info = stored or self._new_info(fingerprint, algorithms)
        info |= {"identity": self.identity, "algorithms": algorithms}
        settings = replace(settings, threads=_threads(settings, info, components), budget=_budget(settings, components))
        info, notices = begin_session(info | {"threads": settings.threads})
        if stored is None:
            self.write_config(self.directory)  # first, so that there is no run without a config
        told = self._resolved.described
        how_far = extent(told) | {"budget": settings.budget}
        journal = Journal(self.directory, info | how_far | said_of(told) | {"status": "running", "reason": ""})
        projector = Projector(trackers, self.directory, told, lambda: journal.info, report)
        own = {f"_{name}": one for name, one in named([journal, *listeners, projector]).items()}
        components.callbacks = own | named(components.callbacks)
        if stored is not None:
            self.write_config(self.directory)
        around = (self._secrets, projector, notices, notes)
        with driving(self.directory, lock, components, settings, journal, *around) as session:
            yield session

    def description(self) -> dict[str, Any]:
        """Return the ``run.json`` that the run begins with; everything is checked and built for it.

        Raises:
            ConfigError: It cannot be run as described.
        """
        self.check()
        _, _, fingerprint, *_ = self._built()
        return self._new_info(fingerprint, algorithms_of(self.config))

    def write_config(self, directory: RunDirectory) -> None:
        """Write the config, unresolved, to ``directory``."""
        from omegaconf import OmegaConf

        config = self._composed.config.copy()
        config.update(dict.fromkeys(ONCE, False))
        directory.write_config(OmegaConf.to_yaml(config))

    def _new_info(self, fingerprint: str | None, algorithms: Mapping[str, int]) -> dict[str, Any]:
        folder = str(self._composed.folder or Path.cwd())
        return new_info(self._resolved, self._composed.choices, fingerprint, algorithms, folder)


def _budget(settings: Settings, components: Components) -> int:
    """Return the labels in all: as the config says, or those of the whole pool where that is what it asks for."""
    from alrun.pool.foreign import keeps_account, sells_validation

    pool = components.pools.unlabeled
    if settings.budget < EVERY or not keeps_account(pool) or pool.by_task or sells_validation(pool):
        return settings.budget
    return len(pool)


def _threads(settings: Settings, info: Mapping[str, Any], components: Components) -> int:
    """Return the number of threads: as the config says, as the run was begun, or what its learner is worth here."""
    from alrun.driver.guards.threads import threads_for

    begun = info.get("threads")
    if settings.threads is not None:
        return settings.threads
    if isinstance(begun, int) and 1 <= begun <= MOST_THREADS:
        return begun
    return threads_for(components.learner, components.training.batch_size)
