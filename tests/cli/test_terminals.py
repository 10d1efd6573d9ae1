"""Output on terminals and files of all kinds: encodings without our characters, dumb terminals, flags."""

from __future__ import annotations

import io
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from command_line import SMALL, Warm, info, only_run  # type: ignore[import-not-found]

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


BEFORE_TORCH = """
import os, sys

def watch(event, arguments):
    if event == "import" and arguments[0].startswith("torch"):
        os.write(2, b"torch")
        os._exit(0)

sys.addaudithook(watch)
from alrun.cli.main import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "words", [["-m", "seed=0,1"], ["validate", "data=moons"], ["ls", "query", "--targets"]], ids=" ".join
)
def test_a_sign_of_life_comes_before_long_imports(words: list[str], tmp_path: Path) -> None:
    said = screen_of(tmp_path, "-c", BEFORE_TORCH, *words)
    assert said.startswith("starting …\r\n")
    assert said.endswith("torch")


def screen_of(folder: Path, *words: str) -> str:
    """Return what Python, started with ``words``, shows on a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, *words]
    with (
        os.fdopen(ours, "rb", buffering=0) as screen,
        subprocess.Popen(command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs) as program,
    ):
        os.close(theirs)
        return read_until(screen, lambda shown: shown.endswith("torch"), lambda: program.poll() is not None)


def read_until(screen: io.RawIOBase, enough: Callable[[str], bool], ended: Callable[[], bool]) -> str:
    """Return what is shown, as soon as that is ``enough`` or the program has ``ended``."""
    shown = b""
    while not enough(shown.decode(errors="replace")):
        over = ended()
        while select.select([screen], [], [], 0.01)[0]:
            try:
                shown += os.read(screen.fileno(), 65536)
            except OSError:  # the other side is closed
                over = True
                break
        if over:
            break
    return shown.decode(errors="replace")


HUMAN = """
import getpass
from collections.abc import Iterator

from rich.prompt import Prompt

from alrun.core.types import Annotation
from alrun.label.base import BatchLabels

ASK = {"input": input, "getpass": getpass.getpass, "rich": Prompt.ask}


class Human(BatchLabels):
    annotator = "human"

    def __init__(self, how):
        super().__init__(2, 1.0)
        self.how = how

    def answer(self, items) -> Iterator[Annotation]:
        for number, item in enumerate(items):
            try:
                yield Annotation(item, int(ASK[self.how](f"label {number}")), self.annotator, self.cost)
            except Exception:
                yield Annotation(item, 0, self.annotator, self.cost)
"""
#: Runs a command line on the terminal whose name comes first.
ON_A_TERMINAL = """
import os, sys
child = os.fork()
if child:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
os.setsid()
terminal = os.open(sys.argv[1], os.O_RDWR)
for number in range(3):
    os.dup2(terminal, number)
sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")
from alrun.callbacks.progress import LiveDisplay
from alrun.cli.main import main
LiveDisplay.refreshes = 100
code = main(sys.argv[2:])
sys.stdout.flush()
os._exit(code)
"""
CORNER, ERASED = "╭", "\x1b[2K"


@pytest.mark.parametrize("how", ["input", "getpass", "rich"])
def test_a_prompt_has_the_terminal_for_itself_and_the_first_ctrl_c_ends_it(
    how: str, warm: Warm, tmp_path: Path
) -> None:
    (tmp_path / "human.py").write_text(HUMAN)
    words = [word for word in SMALL if word != "progress=false"]
    label = ["label._target_=human.Human", f"+label.how={how}"]
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "r+b", buffering=0) as screen:
        run = warm.start(
            tmp_path,
            *(os.ttyname(theirs), "--trust=human", *words, "data.n_samples=60", "initial_size=2", "budget=4", *label),
            code=ON_A_TERMINAL,
            TERM="xterm",
            COLUMNS="120",
        )
        shown = partial(read_until, screen, ended=lambda: run.poll() is not None)
        before = shown(lambda text: "label 0" in text and ERASED in text.rpartition(CORNER)[2])
        assert CORNER in before, run.wait()
        time.sleep(0.1)  # it would be drawn ten times
        assert CORNER not in read_until(screen, lambda text: False, lambda: True)
        screen.write(b"1\n")
        between = shown(lambda text: "label 1" in text and ERASED in text.rpartition(CORNER)[2])
        assert CORNER in between, run.wait()
        screen.write(b"\x03")
        after = shown(lambda text: False)
        os.close(theirs)
        assert run.wait().code == 130
    assert "continue: alrun resume" in after
    assert "Traceback" not in after
    assert CORNER not in after
    log = info(only_run(tmp_path))
    assert log["status"] == "interrupted"
