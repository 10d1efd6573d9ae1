"""Simulated power cuts: the possible disk states after one at any moment, and checks of the recovery from them.

Whoever writes a strategy, a pool or a whole program that stores through alrun can hold it to the promises::

    def work(trace):  # whatever is done to a run; several sessions, kills among them
        with trace.killed_after(100):
            experiment(place)
        experiment(place)


    def resume(place, state):  # in the place of the run, as it was found after the power cut
        experiment(place)
        assert results(place) == results(of_a_run_left_in_peace)
        assert not asked & set(state.notes)  # noted by trace.note() once an answer was acknowledged


    states = crash_states(work, folder, count=1000)
    assert bad_states(states, elsewhere, resume) == []

``alrun.testing.disk_model`` says which states there are. A test of this kind must be seen to fail: with
``forget=lambda event: event.name == "sync_directory"`` the states are those of a store that flushes no folder.
"""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alrun.testing.disk_model import CONTENT, DiskModel, NameChange, Tree, with_those_before
from alrun.testing.disk_trace import DiskTrace, Event

__all__ = ["BadState", "CrashState", "bad_states", "crash_states"]

#: How often a state is drawn for each that is wanted: many are alike.
ATTEMPTS = 4
#: Which pending changes of names have reached the disk, and what is left of content that was not flushed.
CUTS = ("nothing", "everything", "names alone", "content alone", "all names but one", "one name alone", "some of both")


@dataclass(frozen=True)
class CrashState:
    """A folder as a power cut may leave it.

    Attributes:
        point: How many operations and notes there had been.
        last: The last of them.
        cut: What reached the disk of that which was not flushed; one of ``CUTS``.
        lost: The changes of names that did not.
        notes: What had been promised by then, in order.
        tree: What each path holds, ``None`` for a folder.
    """

    point: int
    last: str
    cut: str
    lost: tuple[str, ...]
    notes: tuple[Any, ...] = field(repr=False)
    tree: Tree = field(repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 over all that is there."""
        held = [(path, None if data is None else hashlib.sha256(data).digest()) for path, data in self.tree.items()]
        return hashlib.sha256(repr(sorted(held)).encode()).hexdigest()

    def write(self, place: Path) -> None:
        """Make it in ``place``, which is emptied first."""
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        for path, data in self.tree.items():
            if data is None:
                (place / path).mkdir(parents=True, exist_ok=True)
            else:
                (place / path).write_bytes(data)


@dataclass(frozen=True)
class BadState:
    """A state from which something did not go on as promised.

    Attributes:
        state: The state.
        error: What was wrong.
    """

    state: CrashState
    error: BaseException


def crash_states(
    work: Callable[[DiskTrace], None],
    root: Path,
    *,
    count: int = 100,
    seed: int = 0,
    forget: Callable[[Event], bool] = lambda event: False,
) -> list[CrashState]:
    """Do ``work`` once, and return states in which a power cut during it may leave ``root``.

    No two of them are alike in what is on the disk and in what had been promised by then.

    Args:
        work: Runs something through the store, in this process. What it writes lies below ``root``; it may note
            promises in the trace and let processes die in it.
        root: An existing folder; what it holds at the beginning is safe.
        count: How many states; fewer come back where there are no more to be found.
        seed: Which ones are drawn. All moments are as likely.
        forget: Whether an operation is left out, as if the store did not do it.

    Returns:
        The states in the order of their moments.
    """
    model, trace = DiskModel(root), DiskTrace(Path(root).resolve(), forget)
    with trace.watching():
        work(trace)
    return list(_drawn(model, trace.events, count, random.Random(seed)))  # noqa: S311 - nothing secret


def bad_states(
    states: Sequence[CrashState], place: Path, resume: Callable[[Path, CrashState], None], *, keep: Path | None = None
) -> list[BadState]:
    """Make each state in turn in ``place`` and have ``resume`` go on from it; return those where it raised.

    Args:
        states: The states.
        place: A folder of their own; it is emptied each time.
        resume: Goes on from ``place`` and raises ``AssertionError`` where a promise is broken.
        keep: Where the bad states are left to be looked at, one folder each.
    """
    bad = []
    for state in states:
        state.write(place)
        try:
            resume(place, state)
        except Exception as error:
            bad.append(BadState(state, error))
            if keep is not None:
                state.write(keep / f"{state.point}-{state.digest[:8]}")
    return bad


def _drawn(model: DiskModel, events: Sequence[Event], count: int, rng: random.Random) -> Iterator[CrashState]:
    """Yield states, as evenly over the moments as their numbers allow."""
    seen: set[tuple[str, int]] = set()
    notes: list[Any] = []
    for moment, event in enumerate(events, start=1):
        if event.name == "note":
            notes.append(event.note)
        else:
            model.apply(event)
        wanted = count * moment // len(events)
        for _ in range(ATTEMPTS * (wanted - len(seen))):
            if len(seen) >= wanted:
                break
            state = _cut(model, moment, str(event), tuple(notes), rng)
            key = state.digest, len(notes)
            if key not in seen:
                seen.add(key)
                yield state


def _cut(model: DiskModel, point: int, last: str, notes: tuple[Any, ...], rng: random.Random) -> CrashState:
    cut = rng.choice(CUTS)
    names, content = _names(cut, model.pending, rng), _content(cut, rng)
    left = {id(file): file.left(content(), rng) for _, file in model.files()}
    tree = model.tree(names, lambda file: left.get(id(file), file.flushed))
    lost = tuple(change.told for change in model.pending if change not in names)
    return CrashState(point, last, cut, lost, notes, tree)


def _names(cut: str, pending: Sequence[NameChange], rng: random.Random) -> Set[NameChange]:
    """Return the changes of names that reach the disk."""
    if not pending or cut in ("nothing", "content alone"):
        return set()
    one = rng.choice(pending)
    if cut == "one name alone":
        return with_those_before([one])
    if cut == "all names but one":
        return {change for change in pending if one not in with_those_before([change])}
    if cut == "some of both":
        return with_those_before(change for change in pending if rng.random() < 0.5)
    return set(pending)


def _content(cut: str, rng: random.Random) -> Callable[[], str]:
    """Return what says, file by file, what is left of it."""
    if cut == "nothing":
        return lambda: "absent"
    if cut in ("everything", "content alone"):
        return lambda: "whole"
    return lambda: rng.choice(CONTENT)
