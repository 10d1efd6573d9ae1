"""Checkpoints: one committed directory per phase, chained by digest.

``checkpoints/step_<t>/<phase>/`` holds the blobs of one phase (tensors, weights) and a ``MANIFEST.json`` with the size
and SHA-256 of each, the phase's plain state, the digest of the phase before it, and its own. A phase's state holds what
is new in it, so that the bytes of a step do not grow with the pool; the state of the run is the fold over the chain.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.errors import CorruptionError, StoreError
from alrun.store import codec
from alrun.store.files import commit_directory, flush_directory, remove_tree, rename, write_atomic
from alrun.store.reading import Most, file_sha256, file_size, read_bytes

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CheckpointStore", "Commit", "read_commit"]

#: Keys of a manifest that its digest is of.
BODY = frozenset({"step", "phase", "previous", "files", "state"})
MANIFEST = "MANIFEST.json"
WEIGHTS = "weights.safetensors"
TENSORS = "state.safetensors"
PRUNED = "weights.pruned"
ON_REQUEST = b"on request\n"
#: Parts of a blob's path that lie in the run directory: checkpoints, step, phase, file.
DEPTH = 4


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Commit:
    """One committed phase.

    Attributes:
        step: Index of the step.
        phase: Phase tag.
        path: Its directory.
        digest: SHA-256 of its manifest; names the whole history up to here.
        previous: Digest of the commit before it; empty for the first.
        files: Size and SHA-256 of each blob.
        encoded: The state as the manifest holds it, without tensors.
    """

    step: int
    phase: str
    path: Path
    digest: str
    previous: str
    files: Mapping[str, Mapping[str, Any]]
    encoded: Any

    def state(self) -> Any:
        """Return the state that the phase committed.

        Raises:
            CorruptionError: A file is missing or is not what was committed.
        """
        tensors = codec.tensors_from_bytes(self._verified(TENSORS)) if TENSORS in self.files else {}
        return codec.decode(self.encoded, tensors)

    @property
    def has_weights(self) -> bool:
        """Whether the phase committed weights."""
        return WEIGHTS in self.files

    @property
    def is_pruned(self) -> bool:
        """Whether its weights were committed, and removed since to save room."""
        return self.has_weights and (self.path / PRUNED).exists() and not (self.path / WEIGHTS).exists()

    @property
    def is_given_up(self) -> bool:
        """Whether somebody asked for its weights to be removed."""
        if not self.is_pruned:
            return False
        try:
            return read_bytes(self.path / PRUNED, len(ON_REQUEST), DEPTH) == ON_REQUEST
        except StoreError:
            return False

    def weights(self) -> dict[str, Tensor]:
        """Return the committed weights by name.

        Raises:
            CorruptionError: The file is missing (perhaps pruned) or is not what was committed.
        """
        if self.is_pruned:
            raise CorruptionError(f"{self.path / WEIGHTS} was pruned (checkpoint.keep, or alrun prune)")
        return codec.tensors_from_bytes(self._verified(WEIGHTS))

    def check(self, name: str) -> None:
        """Compare a blob with what was committed, piece by piece, without making sense of it.

        Raises:
            CorruptionError: The file is missing or is not what was committed.
        """
        path = self.path / name
        try:
            size = file_size(path, DEPTH)
            self._compare(name, size, file_sha256(path, DEPTH) if size == self.files[name]["size"] else "")
        except StoreError as error:
            raise CorruptionError(str(error)) from error

    def _verified(self, name: str) -> bytes:
        try:
            data = read_bytes(self.path / name, self.files[name]["size"], DEPTH)
        except StoreError as error:
            raise CorruptionError(str(error)) from error
        self._compare(name, len(data), _sha256(data))
        return data

    def _compare(self, name: str, size: int, digest: str) -> None:
        if {"size": size, "sha256": digest} != self.files[name]:
            raise CorruptionError(f"{self.path / name} is not what was committed (size or SHA-256 differs)")


def read_commit(path: Path, step: int, phase: str) -> Commit:
    """Return the commit of a phase as its manifest in ``path`` has it; blobs are not looked at.

    Raises:
        CorruptionError: The manifest is missing, damaged, or that of another phase.
    """
    try:
        data = read_bytes(path / MANIFEST, Most.MANIFEST, DEPTH)
        manifest = codec.parse_json(data)
        # In their order in the file, which the digest depends on: older releases sorted them.
        body = {key: value for key, value in manifest.items() if key in BODY}
        intact = (
            codec.compact_json(manifest) == data
            and _sha256(codec.compact_json(body)) == manifest["digest"]
            and len(body) == len(BODY) == len(manifest) - 1
            and (body["step"], body["phase"]) == (step, phase)
            and isinstance(body["previous"], str)
            and all(_is_blob(name, blob) for name, blob in body["files"].items())
        )
    except (StoreError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorruptionError(f"{path / MANIFEST} cannot be read: {error}") from error
    if not intact:
        raise CorruptionError(f"{path / MANIFEST} is not what was committed")
    return Commit(step, phase, path, manifest["digest"], body["previous"], body["files"], body["state"])


def _is_blob(name: str, blob: Any) -> bool:
    """Return whether a manifest may name such a file: one of two, in its own folder."""
    known = name in (WEIGHTS, TENSORS) and isinstance(blob, dict) and blob.keys() == {"size", "sha256"}
    return known and isinstance(blob["size"], int) and isinstance(blob["sha256"], str)


class CheckpointStore:
    """The checkpoints of one run directory."""

    def __init__(self, root: Path, logger: logging.Logger, check: Callable[[], None] | None = None) -> None:
        """Keep checkpoints below ``root``.

        Args:
            root: Where they lie.
            logger: Logs what is ignored or set aside.
            check: Called before each commit; raises where nothing is to be written any more.
        """
        self._root = root
        self._logger = logger
        self._check = check

    def path(self, step: int, phase: str) -> Path:
        """Return the directory of a phase."""
        return self._root / f"step_{step}" / phase

    def commit(
        self, step: int, phase: str, state: Any, *, previous: str, weights: Mapping[str, Tensor] | None = None
    ) -> Commit:
        """Make ``state`` (and ``weights``) of a phase durable, all or nothing.

        Raises:
            RunDirectoryLost: The run directory has been removed or replaced.
            StoreError: The disk refuses, or the phase is committed already.
        """
        if self._check is not None:
            self._check()
        tensors: dict[str, Tensor] = {}
        encoded = codec.encode(state, tensors)
        blobs: dict[str, bytes] = {TENSORS: codec.tensors_to_bytes(tensors)} if tensors else {}
        if weights is not None:
            blobs[WEIGHTS] = codec.tensors_to_bytes(weights)
        files = {name: {"size": len(data), "sha256": _sha256(data)} for name, data in blobs.items()}
        body = {"step": step, "phase": phase, "previous": previous, "files": files, "state": encoded}
        digest = _sha256(codec.compact_json(body))
        blobs[MANIFEST] = codec.compact_json({**body, "digest": digest})
        path = self.path(step, phase)
        commit_directory(path, blobs, last=MANIFEST)
        return Commit(step, phase, path, digest, previous, files, encoded)

    def find(self, step: int, phase: str, *, previous: str | None = None) -> Commit | None:
        """Return the commit of a phase, or ``None``; one that cannot be trusted is set aside, with a warning.

        Args:
            step: Index of the step.
            phase: Phase tag.
            previous: Digest that it must follow; ``None`` for any.
        """
        path = self.path(step, phase)
        if not path.is_dir():
            return None
        try:
            commit = read_commit(path, step, phase)
            if previous is not None and commit.previous != previous:
                raise CorruptionError(f"{path} does not continue the checkpoint before it")
        except CorruptionError as error:
            self.set_aside(step, phase, str(error))
            return None
        return commit

    def set_aside(self, step: int, phase: str, why: str) -> None:
        """Move the commit of a phase out of the way, and say why; nothing is deleted."""
        path = self.path(step, phase)
        number = 1
        while (aside := path.with_name(f"{phase}.passed-over-{number}")).exists():
            number += 1
        self._logger.warning("checkpoint step %d %s ignored: %s (kept as %s)", step, phase, why, aside.name)
        rename(path, aside)

    def discard(self, step: int, phase: str) -> None:
        """Remove a commit that a later one has replaced (an epoch inside a finished training phase)."""
        remove_tree(self.path(step, phase))

    def prune(self, step: int, phase: str, *, on_request: bool = False) -> None:
        """Remove the weights of a phase, if it has such; its state stays. A mark tells that they are not lost.

        Args:
            step: Index of the step.
            phase: Phase tag.
            on_request: Whether somebody asked for it: then even the newest are not missed.
        """
        path = self.path(step, phase)
        if (path / WEIGHTS).exists():
            write_atomic(path / PRUNED, ON_REQUEST if on_request else b"")
            remove_tree(path / WEIGHTS)
            flush_directory(path)

    def phases(self, step: int) -> list[str]:
        """Return the names that are committed for a step, sorted."""
        directory = self._root / f"step_{step}"
        return sorted(entry.name for entry in directory.iterdir()) if directory.is_dir() else []

    def steps(self) -> list[int]:
        """Return the indices of the steps that have a directory, ascending."""
        if not self._root.is_dir():
            return []
        names = [entry.name.removeprefix("step_") for entry in self._root.iterdir()]
        return sorted(int(name) for name in names if name.isdecimal())
