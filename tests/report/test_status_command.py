"""``alrun status`` on run directories on disk."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from alrun.cli.status import run
from alrun.core.errors import ConfigError
from alrun.store.lock import RunLock

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
