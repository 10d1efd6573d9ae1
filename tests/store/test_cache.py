"""The cache: made once, and made anew wherever what lies there is not what this user has written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from alrun.store.array_cache import ArrayFiles
from alrun.store.cache import cached

CONTENT = b"window.x = 1;\n" * 1000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "alrun"


class Maker:
    """Counts how often the content is made."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self) -> bytes:
        self.made += 1
        return CONTENT


def test_it_is_made_once_under_each_name(folder: Path) -> None:
    make = Maker()
    assert [cached(name, make) for name in ("a", "a", "b", "a")] == [CONTENT] * 4
    assert make.made == 2
    assert folder.stat().st_mode & 0o777 == 0o700


def forged(path: Path) -> None:
    """Write something else, with a seal that fits."""
    path.write_bytes(f"sha256 {hashlib.sha256(b'evil').hexdigest()}\n".encode() + b"evil")


def linked(path: Path) -> None:
    """Put a link to a forged file in its place."""
    forged(path.with_name("other"))
    path.unlink()
    path.symlink_to("other")


def moved(path: Path) -> None:
    """Put a link to a folder with a forged file in place of the folder."""
    forged(path)
    path.parent.rename(path.parent.with_name("elsewhere"))
    path.parent.symlink_to("elsewhere")


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def writable(path: Path) -> None:
    forged(path)
    path.chmod(0o666)


def in_an_open_folder(path: Path) -> None:
    forged(path)
    path.parent.chmod(0o777)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "torn": lambda path: path.write_bytes(path.read_bytes()[:-5]),
    "emptied": lambda path: path.write_bytes(b""),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "changed": lambda path: path.write_bytes(path.read_bytes().replace(b"1", b"2")),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"evil"),
    "gone": Path.unlink,
    "a FIFO": fifo,
    "a link": linked,
    "a linked folder": moved,
    "writable by others": writable,
    "in a folder that others can write to": in_an_open_folder,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_torn_or_may_be_anybody_elses_is_not_taken(damage: str, folder: Path) -> None:
    make = Maker()
    cached("a", make)
    DAMAGES[damage](folder / "a")
    assert cached("a", make) == CONTENT
    assert make.made == 2


def test_a_file_of_another_user_is_not_taken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = Maker()
    cached("a", make)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert cached("a", make) == CONTENT
    assert make.made == 2


@pytest.mark.parametrize("place", ["a file", "no home", "not absolute"])
def test_without_a_folder_it_is_made_each_time(place: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if place == "a file":
        folder.parent.write_text("")
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", "" if place == "no home" else "here")
        monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    make = Maker()
    assert cached("a", make) == cached("a", make) == CONTENT
    assert make.made == 2


@pytest.mark.parametrize(("mode", "named", "expected"), [(0o600, False, 7), (0o666, False, 1), (0o666, True, 7)])
def test_arrays_that_others_can_change_are_made_anew_unless_the_folder_was_named(
    mode: int, named: bool, expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if named:
        monkeypatch.setenv("ALRUN_CACHE", str(tmp_path / "alrun"))
    else:
        monkeypatch.delenv("ALRUN_CACHE", raising=False)
    ones = [np.ones((2, 3), dtype=np.uint8)]

    def found() -> int:
        return int(ArrayFiles().array("ab", (2, 3), "|u1", lambda: ones).max())

    assert found() == 1
    file = tmp_path / "alrun" / "ab.npy"
    np.save(file, np.full((2, 3), 7, dtype=np.uint8))
    file.chmod(mode)
    assert found() == expected


@pytest.mark.parametrize(("shape", "dtype"), [((3, 2), "|u1"), ((2, 3), "|i1")])
def test_an_array_of_another_shape_or_type_is_made_anew(shape: tuple[int, ...], dtype: str, tmp_path: Path) -> None:
    files = ArrayFiles(tmp_path)
    files.array("ab", (2, 3), "|u1", lambda: [np.ones((2, 3), dtype=np.uint8)])
    found = files.array("ab", shape, dtype, lambda: [np.full(shape, 7, dtype=dtype)])
    assert (found.shape, found.dtype) == (shape, np.dtype(dtype))
    assert (found == 7).all()
