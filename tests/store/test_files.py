from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from alrun.core.errors import StoreError
from alrun.store.append_log import AppendLog
from alrun.store.files import (
    TEMPORARY_PREFIX,
    commit_directory,
    make_directory,
    remove_tree,
    rename,
    truncate,
    write_atomic,
    write_stream,
)
from alrun.store.reading import read_bytes
from alrun.testing.faults import Crash, Faults, Refuse, SimulatedCrash

OLD, NEW = b"old content", b"newer content, of another length"
BLOBS = {"a.bin": b"\x00" * 1000, "MANIFEST.json": b"{}", "b.bin": b"\x01" * 10}


def count(root: Path, action: Callable[[], object]) -> int:
    with Faults(root) as watch:
        action()
    return watch.count


def write_over(root: Path) -> Path:
    root.mkdir()
    (root / "file").write_bytes(OLD)
    return root / "file"


def test_a_file_is_the_old_or_the_new_one_wherever_the_process_dies(tmp_path: Path) -> None:
    path = write_over(tmp_path / "count")
    points = count(path.parent, lambda: write_atomic(path, NEW))
    assert points >= 5
    for point in range(points):
        for half in (False, True):
            for power in (False, True):
                path = write_over(tmp_path / f"{point}{half}{power}")
                with suppress(SimulatedCrash), Faults(path.parent, Crash(point, half, power)) as faults:
                    write_atomic(path, NEW)
                assert path.read_bytes() in (OLD, NEW), faults.trace


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO, errno.EROFS, errno.EDQUOT])
def test_a_file_that_cannot_be_written_is_as_before_and_nothing_is_left(tmp_path: Path, number: int) -> None:
    path = write_over(tmp_path / "count")
    points = count(path.parent, lambda: write_atomic(path, NEW))
    refused = 0
    for point in range(points):
        path = write_over(tmp_path / f"{point}")
        said = ""
        with Faults(path.parent, Refuse(point, number, once=True)) as faults:
            try:
                write_atomic(path, NEW)
            except StoreError as error:
                said = str(error)
        refused += bool(said)
        assert f"{path} ({len(NEW)} bytes): " in said or not said
        assert path.read_bytes() in (OLD, NEW)
        assert [entry.name for entry in path.parent.iterdir()] == ["file"], faults.trace
    assert refused >= points - 1  # only the removal of a leftover that is not there may fail unheard


def test_a_directory_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    points = count(
        tmp_path / "count", lambda: commit_directory(tmp_path / "count" / "phase", BLOBS, last="MANIFEST.json")
    )
    assert points >= 14
    for point in range(points):
        for half in (False, True):
            path = tmp_path / f"{point}{half}" / "phase"
            with suppress(SimulatedCrash), Faults(path.parent, Crash(point, half, lose_unsynced=True)):
                commit_directory(path, BLOBS, last="MANIFEST.json")
            if path.exists():
                assert {entry.name: entry.read_bytes() for entry in path.iterdir()} == BLOBS
            else:
                commit_directory(path, BLOBS, last="MANIFEST.json")  # what is left does not stand in the way


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EIO])
def test_a_directory_that_is_refused_leaves_nothing(tmp_path: Path, number: int) -> None:
    points = count(
        tmp_path / "count", lambda: commit_directory(tmp_path / "count" / "phase", BLOBS, last="MANIFEST.json")
    )
    for point in range(points):
        path = tmp_path / f"{point}" / "phase"
        with Faults(path.parent, Refuse(point, number)), pytest.raises(StoreError) as caught:
            commit_directory(path, BLOBS, last="MANIFEST.json")
        assert str(path.parent) in str(caught.value)
        left = list(path.parent.iterdir()) if path.parent.exists() else []
        assert left in ([], [path])
        if left:
            assert {entry.name: entry.read_bytes() for entry in path.iterdir()} == BLOBS


def test_the_manifest_is_written_last(tmp_path: Path) -> None:
    with Faults(tmp_path) as watch:
        commit_directory(tmp_path / "phase", BLOBS, last="MANIFEST.json")
    opened = [Path(path).name for name, path in watch.trace if name == "open"]
    assert opened == ["a.bin", "b.bin", "MANIFEST.json"]
    names = [name for name, _ in watch.trace]
    assert names[-2:] == ["rename", "fsync"]
    assert names.count("fsync") == len(BLOBS) + 2  # each blob, the directory before the rename, its parent after


def test_a_committed_directory_is_never_overwritten(tmp_path: Path) -> None:
    commit_directory(tmp_path / "phase", BLOBS, last="MANIFEST.json")
    with pytest.raises(StoreError, match="never overwritten"):
        commit_directory(tmp_path / "phase", {"MANIFEST.json": b"other"}, last="MANIFEST.json")
    assert (tmp_path / "phase" / "MANIFEST.json").read_bytes() == b"{}"


def test_a_log_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    def fill(path: Path, acknowledged: list[bytes]) -> None:
        with AppendLog(path) as log:
            for number in range(3):
                line = f"line {number}\n".encode()
                log.append(line)
                acknowledged.append(line)

    points = count(tmp_path / "count", lambda: fill(tmp_path / "count" / "log", []))
    for point in range(points):
        for half in (False, True):
            path, acknowledged = tmp_path / f"{point}{half}" / "log", list[bytes]()
            with suppress(SimulatedCrash), Faults(path.parent, Crash(point, half, lose_unsynced=True)):
                fill(path, acknowledged)
            content = path.read_bytes() if path.exists() else b""
            assert content.startswith(b"".join(acknowledged))


def test_a_log_that_was_refused_once_holds_no_half_line(tmp_path: Path) -> None:
    with AppendLog(tmp_path / "log") as log:
        log.append(b"first\n")
    with pytest.raises(StoreError, match="log"):
        log.append(b"after the end\n")
    with Faults(tmp_path, Refuse(1, errno.ENOSPC)) as faults, AppendLog(tmp_path / "log") as log:
        with pytest.raises(StoreError, match=r"log \(7 bytes\): no space left"):
            log.append(b"second\n")
        assert faults.struck
        with pytest.raises(StoreError):
            log.append(b"third\n")
    assert (tmp_path / "log").read_bytes() == b"first\n"
    with Faults(tmp_path, Refuse(1, errno.ENOSPC, once=True)), AppendLog(tmp_path / "log") as log:
        with pytest.raises(StoreError):
            log.append(b"second\n")
        log.append(b"third\n")
    assert (tmp_path / "log").read_bytes() == b"first\nthird\n"


def test_a_log_that_could_not_be_cut_back_is_cut_before_the_next_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with AppendLog(tmp_path / "log") as log:
        log.append(b"first\n")
        with monkeypatch.context() as patch:
            patch.setattr("os.fdatasync", refuse)
            patch.setattr("os.ftruncate", refuse)
            for _ in range(2):
                with pytest.raises(StoreError, match="Input/output error"):
                    log.append(b"second\n")
        assert (tmp_path / "log").read_bytes() == b"first\nsecond\n"
        log.append(b"third\n")
    assert (tmp_path / "log").read_bytes() == b"first\nthird\n"


def test_messages_of_the_smaller_calls_name_the_path(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    calls: list[Callable[[], object]] = [
        lambda: read_bytes(gone),
        lambda: truncate(gone, 0),
        lambda: rename(gone, tmp_path / "gone too"),
    ]
    for call in calls:
        with pytest.raises(StoreError, match="gone"):
            call()
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="file"):
        make_directory(tmp_path / "file" / "below")
    with pytest.raises(StoreError, match="file"):
        AppendLog(tmp_path / "file" / "log")


def test_what_a_killed_process_of_the_same_number_has_left_is_in_nobodys_way(tmp_path: Path) -> None:
    for name in ("atomic", "stream"):
        (tmp_path / f"{TEMPORARY_PREFIX}{name}-{os.getpid()}").write_bytes(OLD)
    left = tmp_path / f"{TEMPORARY_PREFIX}folder-{os.getpid()}"
    left.mkdir()
    (left / "half").write_bytes(OLD)
    write_atomic(tmp_path / "atomic", NEW)
    write_stream(tmp_path / "stream", [NEW[:3], memoryview(NEW[3:])])
    commit_directory(tmp_path / "folder", {"whole": NEW}, last="whole")
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")} == {
        "atomic",
        "stream",
        "folder",
        "folder/whole",
    }
    assert (tmp_path / "stream").read_bytes() == (tmp_path / "atomic").read_bytes() == NEW


def test_small_calls(tmp_path: Path) -> None:
    make_directory(tmp_path / "a" / "b")
    (tmp_path / "a" / "b" / "c").write_bytes(b"123456")
    truncate(tmp_path / "a" / "b" / "c", 2)
    assert read_bytes(tmp_path / "a" / "b" / "c") == b"12"
    rename(tmp_path / "a", tmp_path / "d")
    remove_tree(tmp_path / "d")
    remove_tree(tmp_path / "d")
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_bytes(OLD)
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(StoreError):
        AppendLog(tmp_path / "link")
    write_atomic(tmp_path / "link", NEW)
    assert target.read_bytes() == OLD
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "kept").write_bytes(OLD)
    (tmp_path / "link to folder").symlink_to(tmp_path / "folder")
    remove_tree(tmp_path / "link to folder")
    assert (tmp_path / "folder" / "kept").exists()
