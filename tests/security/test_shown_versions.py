"""R12: what a received run says of the versions that it was computed with steers no terminal and forges no line."""

from __future__ import annotations

import shutil
from pathlib import Path

from command_line import Alrun  # type: ignore[import-not-found]

from alrun.store.rundir import RunDirectory


def test_versions_of_a_received_run_are_shown_as_text(alrun: Alrun, small_run: Path, tmp_path: Path) -> None:
    place = tmp_path / "received"
    shutil.copytree(small_run, place)
    directory = RunDirectory(place)
    info = directory.info()
    info["sessions"][-1]["versions"]["torch"] = "9.9\x1b[31m\nforged"
    directory.write_info(info)
    answer = alrun("resume", str(place), "budget=32")
    assert answer.code == 0, answer
    assert "torch 9.9\\x1b[31m" in answer.err
    for text in (answer.out, answer.err, (place / "alrun.log").read_text()):
        assert "\x1b" not in text
        assert not any(line.startswith("forged") for line in text.splitlines())
