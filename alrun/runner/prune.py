"""Pruning: what a run can do without is removed on request; never a label, never a record."""

from __future__ import annotations

import glob
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from alrun.core.errors import AlrunError, CorruptionError, StoreError
from alrun.core.phases import ActiveLearningPhase
from alrun.runner.records import Bought
from alrun.store.checkpoints import WEIGHTS, CheckpointStore, read_commit
from alrun.store.files import flush_directory, remove_tree, rename
from alrun.store.lock import RunLock
from alrun.store.reading import foreign_entries
from alrun.store.recorded import subject_key
from alrun.store.run_folders import walk_folders
from alrun.store.rundir import ASIDE, RunDirectory
from alrun.store.usage import total_size
from alrun.store.weights import steps_with_weights

__all__ = ["SetAside", "needless_weights", "prune_weights", "remove_set_aside", "set_aside_runs"]

LOGGER = logging.getLogger("alrun.prune")
TRAINING = ActiveLearningPhase.TRAINING
#: In the name of a run that is being removed: hidden, and passed over by every command.
DOOMED = ".pruned-"


def needless_weights(directory: RunDirectory, *, every: bool = False) -> dict[int, int]:
    """Return the bytes of weights that resuming does not need, by step.

    What stays are the newest that hold, all that are newer, and, where training starts from the weights before it, the
    ones before. Where none hold, all stay.

    Args:
        directory: The run.
        every: Whether a finished run is to keep none: a larger budget then trains its last step again.
    """
    info, steps = directory.info(), steps_with_weights(directory)
    good = next((n for n, step in reversed(list(enumerate(steps))) if _holds(directory, step)), None)
    if good is None:
        return {}
    chained = info.get("reset", "") != "scratch"
    whole = every and info["status"] == "finished" and good == len(steps) - 1
    needless = steps if whole else steps[: max(0, good - chained)]
    return {step: (_place(directory, step) / WEIGHTS).lstat().st_size for step in needless}


def prune_weights(directory: RunDirectory, *, every: bool = False) -> dict[int, int]:
    """Remove the weights that ``needless_weights`` names, and return them; the caller need not hold the lock.

    Raises:
        LockedError: The run is being run.
        StoreError: It cannot be read, or the disk refuses.
    """
    with RunLock(directory.path):
        directory.refuse_links()
        store, needless = CheckpointStore(directory.checkpoints, LOGGER), needless_weights(directory, every=every)
        for step in needless:
            store.prune(step, TRAINING, on_request=True)
    return needless


def _place(directory: RunDirectory, step: int) -> Path:
    return directory.checkpoints / f"step_{step}" / TRAINING


def _holds(directory: RunDirectory, step: int) -> bool:
    try:
        read_commit(_place(directory, step), step, TRAINING).check(WEIGHTS)
    except CorruptionError:
        return False
    return True


@dataclass(frozen=True)
class SetAside:
    """A run that was set aside for another in its place.

    Attributes:
        path: Where it lies.
        size: Its bytes.
        kept: Why it is not to be removed; empty where every label that it bought is also in the run in its place.
    """

    path: Path
    size: int
    kept: str


def set_aside_runs(folders: Sequence[Path]) -> list[SetAside]:
    """Return the runs that were set aside, at or below ``folders``, or beside a run that is one of them."""
    found: dict[Path, SetAside] = {}
    for folder in folders:
        place = folder.absolute()
        name = glob.escape(place.name)
        beside = [*place.parent.glob(f"{name}{ASIDE}*"), *place.parent.glob(f"{DOOMED}{name}{ASIDE}*")]
        roots = beside if (place / "run.json").exists() and ASIDE not in place.name else [place]
        for root in roots:
            for path in _set_aside_below(root) if not root.is_symlink() else ():
                found.setdefault(path, SetAside(path, total_size(path), _why_kept(path)))
    return [found[path] for path in sorted(found)]


def remove_set_aside(one: SetAside) -> None:
    """Remove it, at once for whoever looks: it is renamed first, and what a killed process leaves is hidden.

    Raises:
        LockedError: It is being run.
        StoreError: The disk refuses.
    """
    if one.path.name.startswith(DOOMED):
        remove_tree(one.path)
        return
    doomed = one.path.with_name(f"{DOOMED}{one.path.name}")
    with RunLock(one.path):
        remove_tree(doomed)
        rename(one.path, doomed)
    remove_tree(doomed)
    flush_directory(doomed.parent)


def _set_aside_below(root: Path) -> Iterator[Path]:
    """Yield the runs at or below ``root`` that were set aside, also those whose removal a kill has interrupted."""
    for _, run in walk_folders(root, _run_at, lambda name: not name.startswith(".") or name.startswith(DOOMED)):
        if isinstance(run, Path) and ASIDE in run.name:
            yield run


def _run_at(folder: Path) -> Path | None:
    return folder if (folder / "run.json").exists() or folder.name.startswith(DOOMED) else None


def _why_kept(path: Path) -> str:
    """Return why a run that was set aside stays: labels that are nowhere else, or that cannot be read."""
    if path.name.startswith(DOOMED):
        return ""
    successor = RunDirectory(path.with_name(path.name.partition(ASIDE)[0]))
    if not successor.exists:
        return "there is no run in its place"
    try:
        if any(True for _ in foreign_entries(path)):
            raise StoreError("it holds something that is no file of a run")
        missing = _labels(RunDirectory(path)) - _labels(successor)
    except AlrunError as error:
        return str(error).splitlines()[0]
    return f"{missing.total()} labels that it bought are nowhere else" if missing else ""


def _labels(directory: RunDirectory) -> Counter[tuple[bytes, bytes, str]]:
    bought = Bought.of(directory, by_uuid=False)
    if bought.damaged:
        raise StoreError(f"{bought.damaged} lines of the label log in {directory.path} are damaged")
    return Counter((subject_key(one.item), subject_key(one.target), one.annotator) for one in bought.labels)
