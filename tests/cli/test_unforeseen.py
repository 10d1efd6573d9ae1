"""What no command foresees ends in a few clear lines; where it happened is told to who asks."""

from __future__ import annotations

import errno
import os

import pytest

from alrun.cli import status
from alrun.cli.main import main


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "error: Too many open files\n    → ulimit -n 4096"),
        (OSError(errno.EACCES, "Permission denied", "a\x1b[31m\nb"), "error: Permission denied: a\\x1b[31m\n    b\n"),
        (MemoryError(), "error: not enough memory"),
        (RuntimeError("\x1b[31m\nerror: x"), "error: RuntimeError: \\x1b[31m\n    error: x\n    → this is a bug"),
    ],
)
def test_an_unforeseen_error(
    error: Exception, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(argv: list[str]) -> int:
        raise error

    monkeypatch.setattr(status, "run", fail)
    assert main(["status"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(told)
    assert "Traceback" not in said
    monkeypatch.setenv("ALRUN_TRACEBACK", "1")
    assert main(["status"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("status", "a" * 300),
        ("status", "a" * 5000),
        ("report", "a" * 300),
        ("verify", "a" * 300),
        ("resume", "a" * 300),
        ("resume", "\udcff\x1b[31m"),
        ("status", "\udcff"),
        ("\x1b[31m",),
        ("ls", "\x1b[31m\u202e"),
        ("status", "--\x1b[31m"),
        ("report", "--metric", "\x1b[31m", "."),
        ("\x1b[31m=1",),
        ("seed=\x1b[31m",),
        ("data=arrays", f"data.path={'a' * 300}.npz"),
        ("data=arrays", "data.path=\x1b[31m.npz"),
        (f"output_dir={'a' * 300}",),
        (f"output_dir={'a/' * 3000}",),
        ("--config-dir", "a" * 300, "query=x"),
        ("--trust", "a\x1b[31m"),
        (f"query={'a' * 300}",),
    ],
    ids=lambda words: " ".join(words)[:30].encode("unicode_escape").decode(),
)
def test_odd_words_are_refused_in_clear_text(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert main(list(words)) in (1, 2)
    said = "".join(capsys.readouterr())
    assert said.startswith("error: ")
    assert "Traceback" not in said
    assert "this is a bug" not in said
    assert all(line.isprintable() for line in said.splitlines()), said
