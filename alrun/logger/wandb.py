"""Metrics, config and files in Weights & Biases: offline, unless the environment says otherwise."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.errors import StoreError
from alrun.core.parsing import parse_json
from alrun.core.tracking import TrackedRun, Tracker, required
from alrun.store.files import remove_tree, write_atomic
from alrun.store.reading import Most, file_sha256, read_bytes

if TYPE_CHECKING:
    import wandb

__all__ = ["WandB"]

PROJECT = "alrun"
#: What a run holds that is complete, beside its file.
NOTE = "alrun.json"
QUIET = {"WANDB_ERROR_REPORTING": "false", "WANDB_SILENT": "true", "WANDB_CONSOLE": "off"}


class WandB(Tracker):
    """Keeps one run in Weights & Biases, of an ``id`` made from the run's name and identity, grouped by its ``name``.

    ``WANDB_MODE=online`` sends to the server (``WANDB_PROJECT``, by default ``alrun``, ``WANDB_ENTITY`` and the like
    as always); without it the run is kept offline in ``WANDB_DIR``, by default the folder of all runs, and sent by
    ``wandb sync outputs/wandb/offline-run-*``. A config cannot say so: one from elsewhere sends nothing anywhere.

    The step is the active-learning step; ``labels`` is the x-axis. Weights & Biases takes each offline folder for the
    whole of a run, so that syncing a second one erases what the first held: here each session writes the run from its
    first step on, and removes its earlier folders when it ends. A folder that is complete is left as it is. Online,
    a run is resumed after the last step that the server holds.
    """

    keeps_files = True

    def __init__(self) -> None:
        """Start nothing yet.

        Raises:
            ConfigError: W&B is not installed.
        """
        required("wandb", "wandb")
        self._run: wandb.Run | None = None
        self._sent = 0
        self._next = 0

    def project(self, run: TrackedRun) -> None:
        """Send what is missing; the last call of a session closes the run."""
        if not run.points and not run.files:
            return
        os.environ.update({name: value for name, value in QUIET.items() if name not in os.environ})
        place = Path(os.environ.get("WANDB_DIR") or run.folder) / "wandb"
        if self._run is None:
            if _is_complete(place, run):
                return
            self._open(place.parent, run)
        assert self._run is not None  # noqa: S101 - it has just been opened
        for point in run.points[self._sent :]:
            if point.step >= self._next:
                self._run.log({"labels": point.labels, **point.values}, step=point.step)
        self._sent = len(run.points)
        if run.status != "running":
            self._end(self._run, place, run)

    def close(self) -> None:
        """End what was begun."""
        if self._run is not None:
            opened, self._run = self._run, None
            opened.finish(exit_code=1)

    def _open(self, folder: Path, run: TrackedRun) -> None:
        import wandb

        online = os.environ.get("WANDB_MODE") == "online"
        # A folder bears the second in which it was made: a second session in it would write beside the first.
        while any(f"-{time.strftime('%Y%m%d_%H%M%S')}-" in one.name for one in _folders(folder / "wandb", run)):
            time.sleep(0.05)
        settings = wandb.Settings(
            console="off",
            silent=True,
            disable_git=True,
            disable_code=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            init_timeout=60,
        )
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            id=_id(run),
            resume="allow",
            mode="online" if online else "offline",
            dir=str(folder),
            name=run.title,
            group=run.name,
            tags=list(run.tags),
            notes=run.notes,
            config=_config(run),
            settings=settings,
        )
        self._sent, self._next = 0, self._run.step if online else 0
        self._run.define_metric("labels")
        self._run.define_metric("*", step_metric="labels")

    def _end(self, opened: wandb.Run, place: Path, run: TrackedRun) -> None:
        opened.config.update(_config(run), allow_val_change=True)
        opened.tags, opened.notes = tuple(run.tags), run.notes
        for path in run.files.values():
            opened.save(str(path), base_path=str(run.directory.parent), policy="now")
        own = Path(opened.dir).parent
        self._run = None
        opened.finish(exit_code=0 if run.status == "finished" else 1)
        if own.name.startswith("offline-run-"):
            data = _written(own)
            note = {"run": _digest(run), "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            write_atomic(own / NOTE, json.dumps(note).encode(), durable=False)
            for other in _folders(place, run):
                if other.resolve() != own.resolve():
                    remove_tree(other)


def _id(run: TrackedRun) -> str:
    return hashlib.sha256(run.key.encode()).hexdigest()[:16]


def _folders(place: Path, run: TrackedRun) -> Iterator[Path]:
    yield from sorted(place.glob(f"offline-run-*-{_id(run)}"))


def _is_complete(place: Path, run: TrackedRun) -> bool:
    """Return whether there is one offline folder, which holds all of ``run`` and is as it was written."""
    if os.environ.get("WANDB_MODE") == "online" or run.status == "running":
        return False
    folders = list(_folders(place, run))
    if len(folders) != 1:
        return False
    try:
        note = parse_json(read_bytes(folders[0] / NOTE, Most.DESCRIPTION))
        begun = _written(folders[0])[: note["size"]]
        return bool(note["run"] == _digest(run) and note["sha256"] == hashlib.sha256(begun).hexdigest())
    except (StoreError, ValueError, LookupError, TypeError):
        return False


def _written(folder: Path) -> bytes:
    """Return the file of an offline run; the service adds that the run has ended a little later."""
    return b"".join(read_bytes(path, Most.TABLE) for path in sorted(folder.glob("run-*.wandb")))


def _digest(run: TrackedRun) -> str:
    points = [(point.step, point.labels, sorted(point.values.items())) for point in run.points]
    files = {name: file_sha256(path) for name, path in sorted(run.files.items())}
    return hashlib.sha256(repr((points, _config(run), run.tags, run.notes, files)).encode()).hexdigest()


def _config(run: TrackedRun) -> dict[str, Any]:
    known = {"alrun.identity": run.identity, "alrun.status": run.status, "alrun.reason": run.reason}
    return {**run.config, **run.settings, **known, **{f"alrun.{group}": one for group, one in run.choices.items()}}
