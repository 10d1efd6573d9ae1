"""``alrun status`` on run directories on disk."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alrun.cli.console import new_console
from alrun.cli.status import run
from alrun.cli.watch import RunsView, watch
from alrun.core.errors import ConfigError
from alrun.report.runs import Run, find_runs
from alrun.report.standing import Pace, standing
from alrun.store.lock import RunLock
from alrun.store.sweep_jobs import note_jobs

if TYPE_CHECKING:
    from tests.report.conftest import WriteRun


@pytest.fixture(autouse=True)
def in_an_empty_folder_of_wide_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


def line(screen: str, name: str) -> str:
    return next(line for line in screen.splitlines() if name in line)


def test_shows_where_each_run_stands(write_run: WriteRun, capsys: pytest.CaptureFixture[str]) -> None:
    write_run("done", {20: 0.5, 40: 0.8125}, reason="the budget is spent")
    write_run("killed", {20: 0.5}, status="running")
    write_run("wrong", status="failed", reason="[red]disk full[/]")
    (write_run("torn") / "run.json").write_text('{"identity": ')
    with RunLock(write_run("alive", {20: 0.25}, status="running", phase="query")):
        assert run([]) == 0
    screen = capsys.readouterr().out
    assert "outputs/default" in screen
    assert "accuracy" in line(screen, "labels")
    for part in ("3", "40/40", "0.8125", "finished"):
        assert part in line(screen, "done")
    assert "the budget is spent" not in screen
    assert "interrupted" in line(screen, "killed")
    assert "running" in line(screen, "alive")
    assert "3 metrology" in line(screen, "killed")
    assert "3 query" in line(screen, "alive")
    assert "failed [red]disk full[/]" in line(screen, "wrong")
    assert "unreadable run.json" in line(screen, "torn")


def test_one_run_may_be_named(write_run: WriteRun, capsys: pytest.CaptureFixture[str]) -> None:
    write_run("other", {20: 0.5})
    assert run([str(write_run("mine", {20: 0.5}))]) == 0
    screen = capsys.readouterr().out
    assert "mine" in screen
    assert "other" not in screen


def test_different_metrics_are_named(write_run: WriteRun, capsys: pytest.CaptureFixture[str]) -> None:
    write_run("digits", metrics={"nll": 0.25, "accuracy": 0.5})
    write_run("diabetes", metrics={"mae": 12.5, "rmse": 20.25})
    assert run([]) == 0
    screen = capsys.readouterr().out
    assert "accuracy 0.5" in line(screen, "digits")
    assert "rmse 20.25" in line(screen, "diabetes")


def test_runs_that_a_sweep_has_asked_for_are_counted(write_run: WriteRun, capsys: pytest.CaptureFixture[str]) -> None:
    done = write_run("done", {20: 0.5})
    write_run("wrong", status="failed")
    note_jobs(done.parent, ["done", "wrong", "later", "last"])
    note_jobs(done.parent, ["later", "another"])
    assert run([]) == 0
    assert " 5 runs: 1 finished, 1 failed, 3 not begun\n" in capsys.readouterr().out
    assert run(["--json"]) == 0
    found = {Path(one["path"]).name: one["status"] for one in json.loads(capsys.readouterr().out)}
    assert {name for name, status in found.items() if status == "not begun"} == {"later", "last", "another"}
    assert run([str(done)]) == 0
    assert "not begun" not in capsys.readouterr().out


HOSTILE_NOTES = ["{", "[1, null]", '{"a": 1}', '["../../etc", "", ".", "a/b"]', "[" * 100_000, '["\\u001b[2J"]']


@pytest.mark.parametrize("note", HOSTILE_NOTES, ids=range(len(HOSTILE_NOTES)))
def test_a_note_of_a_sweep_that_is_damaged_or_hostile_says_nothing(
    note: str, write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_run("done", {20: 0.5}).parent / ".sweeps"
    folder.mkdir()
    (folder / "0123456789abcdef.json").write_text(note)
    (folder / "link.json").symlink_to("/dev/zero")
    assert run([]) == 0
    screen = capsys.readouterr().out
    assert "\x1b" not in screen
    assert "not begun" not in screen.replace("2 runs: 1 finished, 1 not begun", "" if "u001b" in note else "?")


def test_watching_says_each_change_and_ends_when_nothing_goes_on(
    write_run: WriteRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("alrun.cli.watch.PAUSE", 0.0)
    running, done = Run(Path("one"), "running"), Run(Path("one"), "finished")
    looks = iter([([running], 1), ([running], 1), ([done], 1), ([done, done], 0)])
    watch(RunsView(lambda: next(looks)), new_console())
    said = capsys.readouterr().out.splitlines()
    assert said == ["2 runs: 1 running, 1 not begun", "2 runs: 1 finished, 1 not begun", "2 runs: 2 finished"]
    assert next(looks, None) is None
    write_run("one", {20: 0.5})
    assert run(["--watch"]) == 0
    assert capsys.readouterr().out == "1 run: 1 finished\n"


def test_time_left_follows_the_labels_of_all_runs() -> None:
    pace, path = Pace(), Path()
    begun = [Run(path, "finished", labels=40, budget=40), Run(path, "running", labels=0, budget=40)]
    later = [begun[0], replace(begun[1], labels=10)]
    assert pace.seconds_left(0.0, standing(begun, 2)) is None
    assert pace.seconds_left(5.0, standing(later, 2)) == pytest.approx((30 + 2 * 40) * 5.0 / 10)
    assert pace.seconds_left(9.0, standing([begun[0], Run(path, "failed", labels=10, budget=40)])) is None


def test_a_screen_shows_what_goes_on_first_and_says_what_is_left_out(write_run: WriteRun) -> None:
    for number in range(30):
        write_run(f"done-{number:02}", {20: 0.5})
    alive = write_run("z-alive", {20: 0.5}, status="running")
    view = RunsView(lambda: (find_runs([alive.parent]), 4))
    screen = io.StringIO()
    console = new_console(file=screen, width=80, height=12)
    with RunLock(alive):
        assert view.look()
    console.print(view)
    lines = screen.getvalue().splitlines()
    assert len(lines) <= 12
    assert "z-alive" in lines[4]
    assert lines[-2:] == [" … and 26 runs: 26 finished", " 35 runs: 30 finished, 1 running, 4 not begun"]


def test_nothing_to_show(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match="no such directory"):
        run([])
    Path("outputs").mkdir()
    assert run([]) == 0
    assert "no runs below outputs" in capsys.readouterr().out


def test_help_names_the_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(["--help"])
    assert ended.value.code == 0
    assert "alrun status" in capsys.readouterr().out


def test_loads_nothing_heavy(write_run: WriteRun) -> None:
    write_run("done", {20: 0.5})
    program = (
        "import sys; from alrun.cli import ls, status; status.run([]); ls.run([]);"
        "heavy = {'torch', 'lightning', 'pandas', 'numpy', 'hydra', 'omegaconf'} & set(sys.modules);"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_as_json(write_run: WriteRun, capsys: pytest.CaptureFixture[str]) -> None:
    directory = write_run("one", {20: 0.5}, metrics={"accuracy": 0.5, "nll": None})
    (write_run("broken") / "run.json").write_text("{")
    assert run(["outputs", "--json"]) == 0
    broken, one = json.loads(capsys.readouterr().out)
    assert broken["status"] == "unreadable"
    assert one["path"] == str(directory.relative_to(Path.cwd()))
    assert (one["status"], one["labels"], one["metrics"]) == ("finished", 20, {"accuracy": 0.5})
