"""Files of a run directory: regular, of bounded size, reached without a link, or refused without waiting."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alrun.core.errors import StoreError
from alrun.store.reading import file_sha256, file_size, foreign_entries, is_there, read_bytes


def refused(path: Path, depth: int = 1, most: int = 1 << 40) -> str:
    for read in (
        lambda: read_bytes(path, most, depth),
        lambda: file_sha256(path, depth),
        lambda: file_size(path, depth),
    ):
        with pytest.raises(StoreError) as error:
            read()
    return str(error.value)


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * 100_000)
    for depth in (1, 2, 3):
        assert read_bytes(path, depth=depth) == path.read_bytes()
        assert file_size(path, depth) == 100_000
        assert len(file_sha256(path, depth)) == 64
    with pytest.raises(StoreError, match="it has 100000 bytes, where there can be 99999"):
        read_bytes(path, 99_999)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (fifo, "it is a FIFO"),
        (bound_socket, "socket"),
        (lambda path: path.mkdir(), "it is a folder"),
        (lambda path: path.symlink_to("/dev/zero"), "a link"),
        (lambda path: path.symlink_to("there"), "a link"),
        (lambda path: path.symlink_to("x"), "a link"),
        (lambda path: None, "No such file"),
    ],
)
def test_what_is_no_file(
    make: Callable[[Path], object], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").write_bytes(b"secret")
    make(tmp_path / "x")
    assert why in refused(tmp_path / "x")
    assert is_there(tmp_path / "x") == (why != "No such file")


@pytest.mark.parametrize("level", [0, 1, 2])
def test_no_part_below_the_run_is_a_link(level: int, tmp_path: Path) -> None:
    parts = ("checkpoints", "step_0", "query")
    (tmp_path / "elsewhere" / "step_0" / "query").mkdir(parents=True)
    place = tmp_path / "run" / Path(*parts[:level])
    place.mkdir(parents=True)
    target = tmp_path / "elsewhere" / Path(*parts[1 : level + 1]) if level else tmp_path / "elsewhere"
    target.mkdir(parents=True, exist_ok=True)
    (place / parts[level]).symlink_to(target)
    rest = Path(*parts[level + 1 :])
    (target / rest).mkdir(parents=True, exist_ok=True)
    (target / rest / "file").write_bytes(b"secret")
    path = tmp_path / "run" / Path(*parts) / "file"
    assert path.read_bytes() == b"secret"
    assert "a link" in refused(path, depth=4)


def test_the_run_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "x").write_bytes(b"1")
    (tmp_path / "link").symlink_to("run")
    assert read_bytes(tmp_path / "link" / "x") == b"1"


def test_holes_are_not_read(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb") as file:
        file.truncate(1 << 38)
    assert "holes" in refused(tmp_path / "x")


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "run" / "a").mkdir(parents=True)
    os.mkfifo(tmp_path / "run" / "a" / "x")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for depth in (1, 2, 3):
        refused(tmp_path / "run" / "a" / "x", depth)
        refused(tmp_path / "run" / "b" / "x", depth)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("few_descriptors")
def test_too_many_open_files_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="Too many open files"):
        read_bytes(tmp_path / "x")


def test_whatever_is_foreign_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for place in (tmp_path, tmp_path / "a", tmp_path / "a" / "b"):
        place.mkdir(exist_ok=True)
        (place / "file").touch()
        (place / "link").symlink_to("/")
        fifo(place / "fifo")
    bound_socket(tmp_path / "socket")
    found = {(str(path.relative_to(tmp_path)), kind) for path, kind in foreign_entries(tmp_path)}
    links = {(f"{place}link", "a link") for place in ("", "a/", "a/b/")}
    assert found == links | {(f"{place}fifo", "a FIFO") for place in ("", "a/", "a/b/")} | {("socket", "a socket")}
