"""The crash-state tool itself: what it takes for possible, and that it finds the flush that is missing."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from alrun.store.append_log import AppendLog
from alrun.store.disk import DISK
from alrun.store.files import commit_directory, make_directory, rename, truncate, write_atomic
from alrun.testing.crash_states import CrashState, bad_states, crash_states
from alrun.testing.disk_trace import DiskTrace, Event

NEW = os.O_WRONLY | os.O_CREAT


def states(
    root: Path, work: Callable[[DiskTrace], None], count: int = 200, **more: Callable[[Event], bool]
) -> list[CrashState]:
    root.mkdir(exist_ok=True)
    return crash_states(work, root, count=count, seed=1, **more)


def contents(found: list[CrashState], name: str) -> set[bytes | None]:
    return {state.tree.get(name, b"(none)") for state in found}


def plainly(path: Path, data: bytes, *, flush: bool = False) -> None:
    descriptor = DISK.open(path, NEW)
    DISK.write(descriptor, data)
    if flush:
        DISK.sync(descriptor)
    os.close(descriptor)


def test_what_is_not_flushed_may_be_absent_torn_or_zeroed(tmp_path: Path) -> None:
    data = b"ab" * 5000
    found = contents(states(tmp_path / "a", lambda trace: plainly(tmp_path / "a/file", data)), "file")
    assert {b"(none)", b"", data, bytes(len(data)), data[:4096] + bytes(len(data) - 4096)} <= found
    assert any(one and one != data and data.startswith(one) for one in found)


def test_what_is_flushed_is_whole_and_may_have_no_name(tmp_path: Path) -> None:
    def work(trace: DiskTrace) -> None:
        plainly(tmp_path / "root/file", b"data", flush=True)
        trace.note("flushed")
        DISK.sync_directory(tmp_path / "root")
        trace.note("named")

    found = states(tmp_path / "root", work)
    assert contents([one for one in found if one.notes == ("flushed",)], "file") == {b"(none)", b"data"}
    assert contents([one for one in found if one.notes == ("flushed", "named")], "file") <= {b"data"}


def test_names_may_come_in_any_order_but_a_rename_is_whole(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").write_bytes(b"1")

    def work(trace: DiskTrace) -> None:
        plainly(root / "b", b"2", flush=True)
        DISK.rename(root / "a", root / "c")
        DISK.mkdir(root / "folder")
        plainly(root / "folder/file", b"3", flush=True)
        DISK.sync_directory(root / "folder")
        trace.note("done")

    found = states(root, work)
    names = {tuple(sorted(state.tree)) for state in found}
    assert {("a",), ("a", "b"), ("b", "c"), ("c",), ("a", "b", "folder", "folder/file")} <= names
    assert all(("a" in state.tree) != ("c" in state.tree) for state in found)
    assert any(state.notes and "folder" not in state.tree for state in found), "its own name was never flushed"


def test_what_is_kept_stays(tmp_path: Path) -> None:
    root = tmp_path / "root"

    def work(trace: DiskTrace) -> None:
        write_atomic(root / "folder/file", b"old")
        trace.note("old")
        write_atomic(root / "folder/file", b"new")
        trace.note("new")
        commit_directory(root / "phase", {"a": b"1", "b": b"2"}, last="b")
        trace.note("phase")
        with AppendLog(root / "log") as log:
            for number in b"123":
                log.append(bytes([number]))
                trace.note(number)
        truncate(root / "log", 1)
        rename(root / "phase", root / "aside")

    found = states(root, work, 400)
    assert len(found) > 30
    for state in found:
        held = state.tree.get("folder/file", b"")
        assert "old" not in state.notes or held in (b"old", b"new")
        assert "new" not in state.notes or held == b"new"
        held_by = {name: (state.tree.get(f"{name}/a"), state.tree.get(f"{name}/b")) for name in ("phase", "aside")}
        whole = [name for name, held in held_by.items() if held == (b"1", b"2")]
        assert "phase" not in state.notes or len(whole) == 1
        assert {name for name in state.tree if name in ("phase", "aside")} == set(whole)
        acknowledged = bytes(one for one in state.notes if isinstance(one, int))
        log = state.tree.get("log", b"")
        assert log is not None
        assert log.startswith(acknowledged) or (len(acknowledged) == 3 and log == b"1")


def test_who_dies_leaves_to_the_next_what_was_not_flushed(tmp_path: Path) -> None:
    root = tmp_path / "root"

    def work(trace: DiskTrace) -> None:
        with trace.killed_after(1):
            make_directory(root / "folder")
            raise AssertionError("it died before")
        assert (root / "folder").is_dir()
        write_atomic(root / "folder/file", b"data")
        trace.note("done")
        DISK.sync_directory(root)
        trace.note("settled")

    found = states(root, work)
    assert b"(none)" in contents([one for one in found if one.notes == ("done",)], "folder/file")
    assert contents([one for one in found if "settled" in one.notes], "folder/file") <= {b"data"}


def test_bad_states_are_told_and_kept(tmp_path: Path) -> None:
    found = states(tmp_path / "a", lambda trace: write_atomic(tmp_path / "a/file", b"data"))

    def resume(place: Path, state: CrashState) -> None:
        assert {path.name: path.read_bytes() for path in place.iterdir()} == state.tree
        assert (place / "file").exists()

    bad = bad_states(found, tmp_path / "b", resume, keep=tmp_path / "c")
    assert 0 < len(bad) < len(found)
    assert len(list((tmp_path / "c").iterdir())) == len(bad)


@pytest.mark.parametrize(
    ("forgotten", "seen"), [("nothing", False), ("sync", True), ("sync_data", True), ("sync_directory", True)]
)
def test_a_flush_that_is_missing_is_noticed(forgotten: str, seen: bool, tmp_path: Path) -> None:
    def work(trace: DiskTrace) -> None:
        write_atomic(tmp_path / "root/file", b"data")
        trace.note("file")
        with AppendLog(tmp_path / "root/log") as log:
            log.append(b"line\n")
            trace.note("log")

    def resume(place: Path, state: CrashState) -> None:
        for name in state.notes:
            assert (place / name).read_bytes() in (b"data", b"line\n")

    found = states(tmp_path / "root", work, forget=lambda event: event.name == forgotten)
    assert bool(bad_states(found, tmp_path / "state", resume)) is seen
