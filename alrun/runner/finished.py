"""Finished run: whether it answers a command as it is, and what the command says of it anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alrun.core.errors import StoreError
from alrun.runner.journal import extent
from alrun.runner.outcome import Outcome
from alrun.runner.tracked import stored_rows
from alrun.runner.tracking import Projector, Report
from alrun.store.projections import changed_projections, sealed_projections

if TYPE_CHECKING:
    from alrun.config.environment import Resolved
    from alrun.core.tracking import Tracker
    from alrun.runner.stored import StoredRun
    from alrun.store.rundir import RunDirectory

__all__ = ["FinishedRun", "said_of"]


def said_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``config`` says of a run, for people alone; what it does not mention stays as it is."""
    return {key: config[key] for key in ("tags", "notes") if config.get(key) is not None}


class FinishedRun:
    """The run in a directory, as far as it has done already what a command asks for."""

    def __init__(self, directory: RunDirectory, stored: StoredRun, resolved: Resolved) -> None:
        """Compare the run in ``directory``, which is ``stored`` there, with the experiment ``resolved``."""
        self._directory = directory
        self._stored = stored
        self._config = resolved.described
        self._hidden = resolved.secrets.hidden

    def outcome(self) -> Outcome | None:
        """Return the outcome of a run that has done all this already and still shows it, or ``None``.

        Raises:
            StoreError: There is a run, and it cannot be read.
        """
        if self._config["fresh"] or self._config.get("repair") or not self._directory.exists:
            return None
        try:
            info = self._directory.info()
        except StoreError:
            if self._directory.exists:
                raise
            return None  # set aside in this moment
        if info["status"] != "finished" or not self._stored.continues(info):
            return None
        wanted, stored = extent(self._config)["extent"], info["extent"]
        if wanted == stored:
            answered = not any(changed_projections(self._directory, info.get("projections", {})))
        else:
            answered = wanted["budget"] <= info["labels"] and all(
                _without_budget(wanted[key]) == _without_budget(stored.get(key)) for key in wanted if key != "budget"
            )
        return Outcome(self._directory.path, info, answered=True) if answered else None

    def is_said_otherwise(self, info: Mapping[str, Any]) -> bool:
        """Return whether the command has other tags or notes than ``info``."""
        return any(info[key] != value for key, value in said_of(self._config).items())

    def is_told_otherwise(self, info: Mapping[str, Any]) -> bool:
        """Return whether the command says something of the run that is not in ``info``, or names trackers."""
        return bool(self._config.get("logger")) or self.is_said_otherwise(info)

    def retold(self, done: Outcome, trackers: Mapping[str, Tracker], report: Report | None) -> Outcome:
        """Give the run the tags and notes of the command, and its trackers what they lack; the lock is held."""
        info = {**done.info, **said_of(self._config)}
        if info != done.info:
            info["projections"] = sealed_projections(self._directory)
            self._directory.write_info(info)
        if trackers:
            rows = stored_rows(self._directory, info)
            projector = Projector(trackers, self._directory, self._config, lambda: info, report)
            projector.follow(lambda: rows, self._hidden)
            projector.finish()
        return replace(done, info=info)


def _without_budget(value: Any) -> Any:
    """Return stopping criteria without the budget's own, which repeats the knob."""
    return {key: item for key, item in value.items() if key != "budget"} if isinstance(value, Mapping) else value
