"""The fault injection itself: it sees what writes, and it brings down what is not safe."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from alrun.testing.faults import Crash, Faults, Refuse, SimulatedCrash

NAMES = ("open", "write", "fsync", "rename", "replace", "unlink", "mkdir", "rmdir")
CALLS = [getattr(os, name) for name in NAMES]


def write(path: Path, data: bytes, *, flush: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        os.write(descriptor, data)
        if flush:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def outcomes(root: Path, *, atomic: bool, flush: bool, power: bool) -> set[bytes]:
    """Return what is found in a file after a death at each point of replacing it."""
    found = set()
    for point in range(6):
        for half in (False, True):
            place = root / f"{point}{half}"
            place.mkdir(parents=True)
            (place / "file").write_bytes(b"old")
            with suppress(SimulatedCrash), Faults(place, Crash(point, half, power)):
                write(place / ("new" if atomic else "file"), b"newer!", flush=flush)
                if atomic:
                    (place / "new").replace(place / "file")
            found.add((place / "file").read_bytes())
    return found


def test_a_writer_that_is_not_safe_is_caught_and_one_that_is_passes(tmp_path: Path) -> None:
    safe = {b"old", b"newer!"}
    assert outcomes(tmp_path / "a", atomic=False, flush=True, power=False) > safe
    assert outcomes(tmp_path / "b", atomic=True, flush=False, power=False) == safe
    assert outcomes(tmp_path / "c", atomic=True, flush=False, power=True) - safe == {b""}
    assert outcomes(tmp_path / "d", atomic=True, flush=True, power=True) == safe


def test_pathlib_and_shutil_are_seen_and_what_lies_elsewhere_is_not(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    root.mkdir()
    with Faults(root) as watch:
        elsewhere.mkdir()
        write(elsewhere / "file", b"", flush=True)
        assert watch.count == 0
        (root / "a" / "b").mkdir(parents=True)
        (root / "a" / "file").touch()
        (root / "a" / "file").rename(root / "a" / "other")
        (root / "a" / "other").read_bytes()
        shutil.rmtree(root / "a")
    seen = sorted((name, str(Path(path).relative_to(root))) for name, path in watch.trace if name != "mkdir")
    assert seen == [("open", "a/file"), ("rename", "a/file"), ("rmdir", "a"), ("rmdir", "a/b"), ("unlink", "a/other")]
    assert ("mkdir", str(root / "a" / "b")) in watch.trace
    assert [getattr(os, name) for name in NAMES] == CALLS, "the functions of os are not put back"


def test_the_dead_write_nothing(tmp_path: Path) -> None:
    def work() -> None:
        try:
            (tmp_path / "a").mkdir()
            (tmp_path / "b").mkdir()
        finally:
            (tmp_path / "a").rmdir()

    with pytest.raises(SimulatedCrash), Faults(tmp_path, Crash(1)):
        work()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("once", [True, False])
def test_a_full_disk_stays_full_but_lets_go(tmp_path: Path, once: bool) -> None:
    with Faults(tmp_path, Refuse(1, errno.ENOSPC, once=once)):
        with pytest.raises(OSError, match="file") as caught:
            write(tmp_path / "file", b"123456", flush=True)
        assert caught.value.errno == errno.ENOSPC
        assert (tmp_path / "file").read_bytes() == b"123"
        (tmp_path / "file").unlink()
        with suppress(OSError):
            (tmp_path / "folder").mkdir()
    assert (tmp_path / "folder").exists() is once
