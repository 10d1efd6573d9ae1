"""Output on terminals and files of all kinds: encodings without our characters, dumb terminals, flags."""

from __future__ import annotations

import io
import os
import pty
import sys
from pathlib import Path

import pytest
from command_line import SMALL  # type: ignore[import-not-found]

from alrun.cli.main import main


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_every_command_writes_on_a_stream_of_any_encoding(
    encoding: str, small_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = str(small_run)
    for words in (
        ["report", run],
        ["status", run],
        ["verify", run],
        ["resume", run],
        ["ls"],
        ["--help"],
        ["validate", "data=moons"],
        ["--cfg", "job"],
    ):
        for name in ("stdout", "stderr"):
            monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding))
        assert main(words) == 0, words
    assert main(["nothing…"]) == 2
    monkeypatch.undo()


def test_a_dumb_terminal_gets_a_line_per_step_and_one_before_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.chdir(tmp_path)
    with os.fdopen(theirs, "w") as terminal, os.fdopen(ours, "rb", buffering=0) as screen:
        monkeypatch.setattr(sys, "stderr", terminal)
        words = [word for word in SMALL if word != "progress=false"]
        assert main(words) == 0
        terminal.flush()
        said = os.read(screen.fileno(), 65536).decode()
    assert said.startswith("starting …\r\n")
    assert "step 1  labels 10  accuracy" in said
    assert "\x1b[" not in said


@pytest.mark.parametrize("words", [["--version"], ["--trust=mine", "--version"], ["--version", "seed=1"]])
def test_the_version_is_that_of_alrun(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("alrun ")


def test_flags_may_stand_before_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/mine.yaml").write_text("# @package _global_\nseed: 7\n")
    for flag in ([f"--config-dir={tmp_path}"], ["--config-dir", str(tmp_path)]):
        assert main([*flag, "validate", "experiment=mine"]) == 0
        assert "-s7-" in capsys.readouterr().out
