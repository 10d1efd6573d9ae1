"""Rerun: an experiment repeated with the labels that an earlier run has bought.

The run is prepared beside its place: the labels that are on record, the config, ``run.json`` last. Then the earlier run
is set aside, if it lies in that place, and the new one put there; from there on it is a run like any other. A process
may die in between: whoever opens the place finds the one or the other, and no label is lost.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from alrun.core.errors import ConfigError, IdentityMismatch, Problem
from alrun.core.showing import typed
from alrun.runner.records import Bought, rerun_problems
from alrun.runner.run import Experiment
from alrun.store.files import remove_tree
from alrun.store.labels import LabelLog
from alrun.store.lock import RunLock
from alrun.store.recorded import record_labels
from alrun.store.recorded_picks import RecordedPicks
from alrun.store.rescue import Rescue
from alrun.store.rundir import RunDirectory

__all__ = ["prepare_rerun"]

LOGGER = logging.getLogger("alrun.rerun")
WHERE = "recorded labels"


def prepare_rerun(
    experiment: Experiment, origin: RunDirectory, *, same_rows: bool = False, picks: RecordedPicks | None = None
) -> list[str]:
    """Put in the place of ``experiment`` a run that has the labels of ``origin`` on record; return what is to be said.

    One that is there already and goes by today's algorithms is left as it is: it only has to be run.

    Args:
        experiment: What is to be run.
        origin: The run whose labels are to be given again.
        same_rows: Whether rows mean what they meant, though the data have changed.
        picks: What is to be chosen again, too; those that ``origin`` replays itself stay with it.

    Raises:
        ConfigError: The experiment cannot be run, another run is in its place, or nothing says which rows are which.
        LockedError: ``origin`` is being run.
    """
    begun = experiment.description()
    with RunLock(origin.path):
        if _is_begun(experiment.directory, begun):
            return []
        _refuse_other(experiment.directory, origin)
        _take_in_rescued(origin)
        bought = Bought.of(origin, by_uuid=_by_uuid(origin.info(), begun, same_rows=same_rows))
        if bought.unnamed and not bought.labels:
            raise IdentityMismatch(_nameless(origin))
        prepared = experiment.directory.prepared
        remove_tree(prepared.path)
        digest = record_labels(prepared.recorded, bought.labels, LOGGER)
        picks = picks or RecordedPicks.read(origin.recorded)
        if picks is not None:
            picks.write(prepared.recorded)
        experiment.write_config(prepared)
        in_place = experiment.directory.path == origin.path
        earlier = origin.next_aside if in_place else origin.path
        rerun = {"origin": earlier.name, "labels": len(bought.labels), "sha256": digest}
        replay = {} if picks is None else {"picks": picks.digest}
        prepared.write_info({**begun, "rerun": rerun | replay})
        if in_place:
            origin.set_aside()
        experiment.directory.install()
    return list(_told(bought, earlier))


def _take_in_rescued(origin: RunDirectory) -> None:
    """Take labels that lie beside the run into its log, as its next session would."""
    origin.refuse_links()
    log = LabelLog(origin.labels, LOGGER)
    try:
        Rescue(origin, LOGGER).hand_over(log)
    finally:
        log.close()


def _is_begun(place: RunDirectory, begun: dict[str, Any]) -> bool:
    """Return whether a rerun of the same experiment by the same algorithms lies in ``place``."""
    if not place.exists:
        return False
    info = place.info()
    if any(rerun_problems(place, info)):
        return False
    return "rerun" in info and all(info.get(key) == begun[key] for key in ("identity", "fingerprint", "algorithms"))


def _refuse_other(place: RunDirectory, origin: RunDirectory) -> None:
    if place.path != origin.path and place.path.exists():
        what = "there is a run of this experiment already"
        raise ConfigError(Problem(what, str(place.path), f"alrun resume {typed(place.path)}"))


def _by_uuid(info: dict[str, Any], begun: dict[str, Any], *, same_rows: bool) -> bool:
    return not same_rows and info.get("fingerprint") != begun["fingerprint"]


def _nameless(origin: RunDirectory) -> Problem:
    what = "the data have changed, and their rows have no uuids to match them by"
    hint = f"if the rows mean the same: alrun rerun {typed(origin.path)} --same-rows"
    return Problem(what, "data", hint)


def _told(bought: Bought, earlier: Path) -> list[str]:
    told = [f"{len(bought.labels)} labels are on record and are not bought again; they are from {earlier}"]
    if bought.damaged:
        told.append(f"{bought.damaged} damaged lines of its label log are ignored")
    if bought.unnamed:
        told.append(f"{bought.unnamed} of its labels are of rows without a uuid and are ignored")
    return told
