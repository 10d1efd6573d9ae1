"""``alrun compare A B`` on run directories on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from alrun.cli.compare import run
from alrun.core.errors import ConfigError

if TYPE_CHECKING:
    from tests.report.conftest import WriteRun

ONE, OTHER = "outputs/default/one-*", "outputs/default/other-*"


@pytest.fixture(autouse=True)
def two_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_run: WriteRun) -> None:
    """Accuracy .02 better and nll .02 lower in the second; it has a seed more."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    for name, height, size, seeds in (("one", 0.70, 20, 2), ("other", 0.72, 10, 3)):
        for seed in range(seeds):
            config = f"query_size: {size}\nlearner:\n  dropout: 0.1\n"
            write_run(f"{name}-{seed}", {20: 0.5, 40: height + 0.001 * seed}, seed=seed, config=config)


def compared(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = run([ONE, OTHER, "--json", *words])
    return code, json.loads(capsys.readouterr().out)


def test_settings_and_results_by_common_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = compared(capsys)
    assert code == 0
    assert found["settings"] == {"query_size": ["20", "10"]}
    accuracy, nll = found["metrics"]
    assert (accuracy["metric"], accuracy["pairs"]) == ("accuracy", 2)
    assert accuracy["final"] == pytest.approx(0.02)
    assert accuracy["area"] == pytest.approx(0.01)
    assert nll["final"] == pytest.approx(-0.02)


@pytest.mark.parametrize(
    ("limit", "code"), [("accuracy:0.01", 0), ("accuracy:0.03", 1), ("nll:0.01", 0), ("nll:0.03", 1)]
)
def test_a_gate_for_continuous_integration(capsys: pytest.CaptureFixture[str], limit: str, code: int) -> None:
    found, content = compared(capsys, "--fail-below", limit)
    assert (found, bool(content["worse"])) == (code, bool(code))
    assert run([OTHER, ONE, "--fail-below", "accuracy:-0.01"]) == 1
    assert "worse than allowed: accuracy" in capsys.readouterr().out


def test_on_screen(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([ONE, OTHER]) == 0
    screen = capsys.readouterr().out
    for part in ("query_size: 20 → 10", "accuracy ↑", "nll ↓", "+0.02", "-0.02"):
        assert part in screen
    assert run([ONE, ONE]) == 0
    assert "the settings are equal" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([ONE, "nowhere"], "no such directory"),
        ([ONE, OTHER, "--fail-below", "accuracy"], "no METRIC:LIMIT"),
        ([ONE, OTHER, "--fail-below", "acuracy:0"], "did you mean accuracy"),
        (["outputs", OTHER], "2 runs of seed 0"),
        ([ONE, "outputs/default/other-2"], "no seed in common"),
    ],
)
def test_what_cannot_be_compared(words: list[str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        run(words)
