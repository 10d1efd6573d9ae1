"""One experiment, from a composed config to its outcome."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun import __version__
from alrun.config.check import all_problems, cheap_problems, checked
from alrun.config.compose import Composed, resolved
from alrun.config.identity import ONCE, identity_difference, identity_hash
from alrun.config.stored import parse_config
from alrun.config.targets import Trust
from alrun.core.errors import AlrunError, ConfigError, IdentityMismatch, Problem, StoreError
from alrun.runner.drive import drive
from alrun.runner.journal import Journal, extent, new_info
from alrun.runner.place import run_directory
from alrun.store.lock import RunLock
from alrun.store.rundir import RunDirectory

if TYPE_CHECKING:
    from alrun.core.callback import Callback
    from alrun.driver.settings import Components, Settings

__all__ = ["Experiment", "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        directory: The run directory.
        info: Its ``run.json``.
        exit_code: What the shell should see.
        answered: Whether the run was finished already and nothing was executed.
        error: What ended it, if an error did.
    """

    directory: Path
    info: Mapping[str, Any] = field(default_factory=dict)
    exit_code: int = 0
    answered: bool = False
    error: AlrunError | None = None


class Experiment:
    """One experiment: its config, its place, and the one way to run it.

    Attributes:
        config: The resolved config.
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
        self.config = composed.values or resolved(composed.config)
        problems = list(cheap_problems(self.config, trust))
        if problems:
            raise ConfigError(all_problems(self.config, trust))
        self.directory = RunDirectory(place or run_directory(self.config, composed.choices))

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
            self._bound = checked(self.config, self._trust)
        return self._bound

    def rehearse(self, sources: dict[str, Any]) -> None:
        """Check and build everything once, and drop it; ``sources`` keeps the data for the rehearsal of other jobs.

        Raises:
            ConfigError: With everything that is wrong.
        """
        from alrun.runner.build import Builder

        if self.directory.obstacle is not None:
            what = f"cannot write {self.directory.obstacle}"
            raise ConfigError(Problem(what, "output_dir", "output_dir=DIR puts runs elsewhere"))
        Builder(self.bound(), sources, place=self.directory.path).components()

    def finished(self) -> Outcome | None:
        """Return the outcome of a run that has done all this already, or ``None``."""
        if self.config["fresh"] or self.config.get("mend") or not self.directory.exists:
            return None
        try:
            info = self.directory.info()
        except StoreError:
            if self.directory.exists:
                raise
            return None  # set aside in this moment
        if info["status"] != "finished" or info["identity"] != identity_hash(self.config):
            return None
        wanted, stored = extent(self.config)["extent"], info["extent"]
        shorter = wanted["budget"] <= info["labels"] and all(
            _without_budget(wanted[key]) == _without_budget(stored.get(key)) for key in wanted if key != "budget"
        )
        return Outcome(self.directory.path, info, answered=True) if wanted == stored or shorter else None

    def run(self, listeners: Sequence[Callback] = ()) -> Outcome:
        """Run it, or go on with it, or answer that it is finished.

        Raises:
            ConfigError: It cannot be run as described; no directory is left behind.
            LockedError: Another process runs it.
        """
        done = self.finished()
        if done is not None:
            return done
        with ExitStack() as held:
            lock = held.enter_context(self._locked())
            done = self.finished()
            if done is not None:
                return done
            built = self._built()
            if self._must_set_aside():
                # The lock moves along, and is let go behind the new one: nobody goes on with the old run meanwhile.
                self.directory.set_aside()
                lock = held.enter_context(self._locked())
            return self._run_built(lock, *built, listeners)

    @contextmanager
    def _locked(self) -> Iterator[RunLock]:
        """Hold the run directory; one in which no run was started is gone afterwards."""
        made = self.directory.missing
        with ExitStack() as stack:
            lock = RunLock(self.directory.path)
            try:
                stack.enter_context(lock)
            except StoreError as error:
                what, _, hint = str(error).partition("\n    → ")
                raise ConfigError(Problem(what, "output_dir", hint or "output_dir=DIR puts runs elsewhere")) from error
            try:
                yield lock
            finally:
                if lock.is_named:
                    self.directory.remove_if_unused(made)

    def _must_set_aside(self) -> bool:
        return bool(self.config["fresh"]) and (self.directory.exists or bool(self.directory.rescued))

    def _built(self) -> tuple[Components, Settings, str | None]:
        from alrun.runner.build import Builder, settings_from

        builder = Builder(self.bound(), place=self.directory.path)
        return builder.components(), settings_from(self.config), builder.fingerprint()

    def _run_built(
        self,
        lock: RunLock,
        components: Components,
        settings: Settings,
        fingerprint: str | None,
        listeners: Sequence[Callback],
    ) -> Outcome:
        from alrun.driver.notify import named

        lock.check()
        stored = self._stored(fingerprint)
        info = stored or new_info(self.config, self._composed.choices, fingerprint)
        if stored is None:
            self._write_config()  # first, so that there is no run without a config
        journal = Journal(self.directory, info | extent(self.config) | {"status": "running", "reason": ""})
        own = {f"_{name}": one for name, one in named([journal, *listeners]).items()}
        components.callbacks = own | named(components.callbacks)
        if stored is not None:
            self._write_config()
        error = drive(self.directory, lock, components, settings, journal)
        return Outcome(self.directory.path, journal.info, exit_code=error.exit_code if error else 0, error=error)

    def _stored(self, fingerprint: str | None) -> dict[str, Any] | None:
        """Return the stored ``run.json``; refuse a run that this one does not continue.

        One that is damaged is written anew, if the command says so: the directory is the one of this experiment.
        """
        if not self.directory.exists:
            return None
        self.directory.refuse_links()
        try:
            info = self.directory.info()
        except StoreError:
            if self.config.get("mend"):
                return None
            raise
        problems: list[Problem] = []
        if info["identity"] != identity_hash(self.config):
            problems += self._differences()
        if info.get("fingerprint") != fingerprint:
            problems.append(Problem("the data have changed since the run began", "data", "fresh=true starts over"))
        if info["versions"].get("alrun") != __version__:
            versions = f"begun by alrun {info['versions'].get('alrun')}, this is {__version__}"
            problems.append(Problem(versions, str(self.directory.path), "fresh=true starts over"))
        if problems:
            raise IdentityMismatch(problems)
        return info

    def _differences(self) -> list[Problem]:
        before = resolved(parse_config(self.directory.config_text(), str(self.directory.config)))
        problems = [
            Problem(f"the run has {old!r}, the command {new!r}", key, "fresh=true starts over")
            for key, old, new in identity_difference(before, self.config)
        ]
        what = "the run was begun with another config, or with its strategies in another order"
        return problems or [Problem(what, str(self.directory.config), "fresh=true starts over")]

    def _write_config(self) -> None:
        from omegaconf import OmegaConf

        config = self._composed.config.copy()
        config.update(dict.fromkeys(ONCE, False))
        self.directory.write_config(OmegaConf.to_yaml(config))


def _without_budget(value: Any) -> Any:
    """Return stopping criteria without the budget's own, which repeats the knob."""
    return {key: item for key, item in value.items() if key != "budget"} if isinstance(value, Mapping) else value
