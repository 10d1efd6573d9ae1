"""Persistence model: the disk states that a power cut may leave after the recorded operations.

The model takes the weakest promises that POSIX and the file systems in use agree on, as the studies of crash
consistency describe them (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014; Mohan et al., "Finding
Crash-Consistency Bugs with Bounded Black-Box Crash Testing", OSDI 2018):

* What was written to a file since it was last flushed may be there, not be there, be there in part (a prefix, or some
  of its pages of 4096 bytes), or have its size and hold zeros.
* A name that was made, changed or removed since its folder was last flushed may be as before or as after, whatever
  became of other names and of what the file holds; only changes of one and the same name keep their order. A flushed
  file may lie in a folder that is gone.
* A rename within a folder is done or not done: one of both names leads to the file. Replacing is a rename.
* ``fsync`` of a file keeps what it holds and its size, ``fdatasync`` likewise; neither keeps its name. ``fsync`` of a
  folder keeps the names in it, not what they lead to, nor the folder's own name.
* What has been kept stays.

Not modeled: disks that lie about a flush, and blocks that go bad; ``alrun verify`` is tried on those elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from alrun.testing.disk_trace import Event

__all__ = ["CONTENT", "DiskModel", "File", "Folder", "NameChange", "Tree", "with_those_before"]

PAGE = 4096
#: How a state is described: what each path holds, ``None`` for a folder.
Tree = dict[str, bytes | None]
#: What may be left of what was never flushed.
CONTENT = ("absent", "whole", "torn", "zeroed", "pages")


@dataclass(eq=False)
class File:
    """What a file holds.

    Attributes:
        flushed: Content when it was last flushed.
        contents: What it held after each change since then, in order.
    """

    flushed: bytes = b""
    contents: list[bytes] = field(default_factory=list)

    @property
    def current(self) -> bytes:
        """What it holds while the power is on."""
        return self.contents[-1] if self.contents else self.flushed

    def write(self, data: bytes, at: int | None = None) -> None:
        """Put ``data`` at its end, or at an offset."""
        old = self.current
        start = len(old) if at is None else at
        self.contents.append(old[:start].ljust(start, b"\0") + data + old[start + len(data) :])

    def truncate(self, size: int) -> None:
        """Cut or extend it."""
        self.contents.append(self.current[:size].ljust(size, b"\0"))

    def flush(self) -> None:
        """Keep what it holds."""
        self.flushed, self.contents = self.current, []

    def left(self, how: str, rng: random.Random) -> bytes:
        """Return what may be left of it after a power cut; ``how`` is one of ``CONTENT``."""
        if not self.contents or how == "absent":
            return self.flushed
        if how == "whole":
            return self.current
        if how == "torn":
            return self._torn(rng)
        known = self.flushed[: len(self.current)].ljust(len(self.current), b"\0")
        if how == "zeroed":
            return known
        pages = range(0, len(known), PAGE)
        return b"".join((self.current if rng.random() < 0.5 else known)[page : page + PAGE] for page in pages)

    def _torn(self, rng: random.Random) -> bytes:
        """Return it as it was between two changes, with a part of what the next one added."""
        number = rng.randrange(len(self.contents))
        before = self.contents[number - 1] if number else self.flushed
        after = self.contents[number]
        return after[: rng.randint(len(before), len(after))] if len(after) > len(before) else before


@dataclass(eq=False)
class Folder:
    """The names in a folder.

    Attributes:
        flushed: Where they lead to on disk.
        current: Where they lead to while the power is on.
    """

    flushed: dict[str, File | Folder] = field(default_factory=dict)
    current: dict[str, File | Folder] = field(default_factory=dict)


@dataclass(eq=False)
class NameChange:
    """One change of names that is not kept yet: done as a whole, or not.

    Attributes:
        told: What it is, for people.
        bindings: Folder, name, and where it leads to from then on; ``None`` for nowhere.
        after: Changes of the same names before it.
    """

    told: str
    bindings: Sequence[tuple[Folder, str, File | Folder | None]]
    after: Sequence[NameChange]


class DiskModel:
    """A folder and all below it, followed through the events of a trace.

    Attributes:
        pending: Changes of names that are not kept yet, oldest first.
    """

    def __init__(self, root: Path) -> None:
        """Begin with what lies below ``root`` now, all of it kept."""
        self._root = _read(root)
        self._descriptors: dict[int, File] = {}
        self.pending: list[NameChange] = []

    def apply(self, event: Event) -> None:
        """Follow one event."""
        if event.name == "open":
            self._open(event)
        elif event.descriptor in self._descriptors:
            file = self._descriptors[event.descriptor]
            if event.name == "write":
                file.write(event.data)
            elif event.name == "truncate":
                file.truncate(event.size)
            else:
                file.flush()
        elif event.path:
            self._change_names(event)

    def files(self) -> Iterator[tuple[str, File]]:
        """Yield the files that have something to lose, by path."""
        for path, node in _walk(self._root, lambda folder: folder.current):
            if isinstance(node, File) and node.contents:
                yield path, node

    def tree(self, done: Set[NameChange], content: Callable[[File], bytes]) -> Tree:
        """Return a state of the disk.

        Args:
            done: The pending changes of names that have reached the disk, with those that they come after.
            content: What is left of a file.
        """
        names: dict[int, dict[str, File | Folder]] = {}
        for change in self.pending:
            if change in done:
                for folder, name, node in change.bindings:
                    _bind(names.setdefault(id(folder), dict(folder.flushed)), name, node)
        found = _walk(self._root, lambda folder: names.get(id(folder), folder.flushed))
        return {path: content(node) if isinstance(node, File) else None for path, node in found}

    def _open(self, event: Event) -> None:
        folder, name = self._parent(event.path)
        file = folder.current.get(name)
        if not isinstance(file, File):
            file = File()
            self._changed(f"create {event.path}", [(folder, name, file)])
        if event.data != file.current:
            file.truncate(0)
            file.write(event.data)
        self._descriptors[event.descriptor] = file

    def _change_names(self, event: Event) -> None:
        if event.name == "sync_directory":
            self._flush_names(self._folder(event.path))
            return
        folder, name = self._parent(event.path)
        if event.name == "mkdir":
            self._changed(str(event), [(folder, name, Folder())])
        elif name not in folder.current:
            return
        elif event.name in ("unlink", "rmdir"):
            self._changed(str(event), [(folder, name, None)])
        elif event.target:
            other, new = self._parent(event.target)
            self._changed(str(event), [(folder, name, None), (other, new, folder.current[name])])

    def _changed(self, told: str, bindings: Sequence[tuple[Folder, str, File | Folder | None]]) -> None:
        same = {(id(folder), name) for folder, name, _ in bindings}
        after = [one for one in self.pending if same & {(id(folder), name) for folder, name, _ in one.bindings}]
        self.pending.append(NameChange(told, bindings, after))
        for folder, name, node in bindings:
            _bind(folder.current, name, node)

    def _flush_names(self, folder: Folder) -> None:
        kept = with_those_before(change for change in self.pending if change.bindings[-1][0] is folder)
        for change in self.pending:
            if change in kept:
                for where, name, node in change.bindings:
                    _bind(where.flushed, name, node)
        self.pending = [change for change in self.pending if change not in kept]

    def _parent(self, path: str) -> tuple[Folder, str]:
        place = PurePosixPath(path)
        return self._folder(place.parent.as_posix()), place.name

    def _folder(self, path: str) -> Folder:
        """Return a folder; one that was made past the store is made when it is first met."""
        folder = self._root
        for part in PurePosixPath(path).parts:
            found = folder.current.get(part)
            if not isinstance(found, Folder):
                found = Folder()
                self._changed(f"mkdir {part} (of {path})", [(folder, part, found)])
            folder = found
        return folder


def _read(path: Path) -> Folder:
    names: dict[str, File | Folder] = {
        entry.name: _read(entry) if entry.is_dir() else File(entry.read_bytes()) for entry in path.iterdir()
    }
    return Folder(names, dict(names))


def _bind(names: dict[str, File | Folder], name: str, node: File | Folder | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node


def with_those_before(changes: Iterable[NameChange]) -> set[NameChange]:
    """Return ``changes``, and all that they come after."""
    found: set[NameChange] = set()
    waiting = list(changes)
    while waiting:
        change = waiting.pop()
        if change not in found:
            found.add(change)
            waiting += change.after
    return found


def _walk(
    folder: Folder, names: Callable[[Folder], Mapping[str, File | Folder]], prefix: str = ""
) -> Iterator[tuple[str, File | Folder]]:
    for name, node in sorted(names(folder).items()):
        yield f"{prefix}{name}", node
        if isinstance(node, Folder):
            yield from _walk(node, names, f"{prefix}{name}/")
