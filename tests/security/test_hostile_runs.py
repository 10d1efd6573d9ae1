"""R5, R11, R12: whatever a received run directory holds, each command says what it is, and shows the runs beside it.

``ALRUN_HOSTILE=1`` takes all places for all kinds of things, some 175 runs in all, and more of what has no end.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from types import FrameType
from typing import Any

import pytest
from hostile_runs import Edit, cases  # type: ignore[import-not-found]
from watched import Answer, Command, Watch  # type: ignore[import-not-found]

from alrun.api.run import Run
from alrun.cli.main import main
from alrun.core.errors import AlrunError

CASES: dict[str, Edit] = dict(cases())
WORDS = (
    *("data=moons", "data.n_samples=100", "learner.hidden=[4]", "training.max_epochs=1", "initial_size=5"),
    *("query_size=5", "budget=10", "progress=false"),
)
#: Each of the longer commands is tried on a quarter or a half of the runs by default, and where it reads what is odd.
EVERYTHING = bool(os.environ.get("ALRUN_HOSTILE"))
#: What moves a cursor, hides text or turns it round; a line break of alrun's own is none.
UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
#: A hang is told from a slow machine by this; no command here takes a hundredth of it.
PATIENCE = 120
GIBIBYTE = 1 << 30
WAITING: list[str] = []


def _see(event: str, arguments: tuple[Any, ...]) -> None:
    """Note what is opened in a way that would wait for somebody else, or that never ends."""
    if event != "open" or not isinstance(arguments[0], str | bytes) or not WATCHED:
        return
    try:
        mode = Path(os.fsdecode(arguments[0])).stat().st_mode
    except (OSError, ValueError):
        return
    if stat.S_ISFIFO(mode) and not (arguments[2] or 0) & os.O_NONBLOCK:
        WAITING.append(f"{arguments!r}")
        raise OSError("this would wait")


WATCHED: list[bool] = []
sys.addaudithook(_see)


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a finished run, never to be changed."""
    folder = tmp_path_factory.mktemp("received")
    assert main([*WORDS, f"output_dir={folder}"]) == 0
    (found,) = folder.rglob("run.json")
    return found.parent


@pytest.fixture
def patience() -> Iterator[None]:
    """Raise where a command hangs."""

    def end(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"hangs after {PATIENCE} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(PATIENCE)
    WAITING.clear()
    WATCHED.append(True)
    yield
    WATCHED.clear()
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def bytes_read() -> int:
    """Return how much this process has read so far; nothing where the system does not say."""
    account = Path("/proc/self/io")
    return int(account.read_text().split()[1]) if account.exists() else 0


def assert_clean(answer: Answer) -> None:
    for said in (answer.out, answer.err):
        assert "Traceback" not in said, said
        assert "this is a bug" not in said, said
        assert not (found := UNSEEN.search(said)), (found, said)
    assert not re.search(r"^2026-01-01", answer.out + answer.err, re.MULTILINE), "forged a line"


def _look_at(place: Path) -> None:
    """Look at a run as a notebook does."""
    try:
        run = Run(place)
        text, html = repr(run), run._repr_html_()
    except AlrunError as error:
        assert_clean(Answer(1, "", f"{error}\n"))
        return
    assert_clean(Answer(0, text, html))
    assert "<script" not in html


@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("patience")
def test_a_received_run(case: str, received: Path, alrun: Command, watch: Watch, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "sprung").write_text("secret")
    good, bad = watch.home / "outputs" / "good", watch.home / "outputs" / "bad"
    copytree(received, good)
    copytree(received, bad)
    CASES[case](bad, outside)
    watch.forget()
    began, memory = bytes_read(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Only the page reads acquisitions and times; it takes a second to write.
    number = list(CASES).index(case)

    def turn(of: int) -> bool:
        return EVERYTHING or number % 4 == of

    page = ["--html", str(watch.home / "page.html")] if re.search("acquisitions|timing|times", case) else []
    tables = bool(page or re.search("parquet|metric|label|split|records|rows|types", case))
    commands: list[tuple[str, ...]] = [
        ("status", "outputs"),
        *([("report", "outputs", "--all", *page)] if tables or turn(0) or turn(2) else []),
        ("verify", "outputs"),
        *([("prune", "outputs"), ("prune", str(bad), "--weights", "--set-aside", "--yes")] if turn(1) else []),
        *([("report", str(bad), "--all")] if turn(3) else []),
        *([("export", str(bad), "--to", str(watch.home / "exported"))] if turn(0) else []),
        *([("replay", str(bad), "learner=linear")] if turn(2) else []),
        *([("track", "outputs", "logger=csv")] if turn(0) or turn(2) or "csv" in case else []),
        ("resume", str(bad), "budget=15"),
        *([("resume", str(bad), "fresh=true")] if "link" in case and "run.json" not in case else []),
        *([("rerun", str(bad))] if turn(1) else []),
    ]
    for words in commands:
        answer = alrun(*words)
        assert_clean(answer)
        if words[1] == "outputs":
            assert "good" in answer.out or (words[0] == "report" and answer.code == 0), (words, answer)
        if words[0] == "status":
            assert answer.code == 0, answer
    if tables or turn(1) or turn(3):
        _look_at(bad)
    assert not WAITING, WAITING
    assert not watch.read, watch.read
    assert not watch.written, watch.written
    assert not [event for event in watch.ran if "git" not in event], watch.ran
    assert [path.name for path in outside.iterdir()] in (["folder", "sprung"], ["sprung", "folder"])
    assert not list((outside / "folder").iterdir())
    assert (outside / "sprung").read_text() == "secret"
    assert bytes_read() - began < GIBIBYTE
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) * 1024 < 2 * GIBIBYTE
    logs = [path for path in bad.parent.glob("bad*/alrun.log") if path.is_file() and not path.is_symlink()]
    assert case.startswith("alrun.log") or not any(UNSEEN.search(path.read_text()) for path in logs)


def test_there_are_enough() -> None:
    assert len(CASES) >= 60
