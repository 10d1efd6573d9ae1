"""``alrun report`` on run directories on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from alrun.cli.report import run
from alrun.config.identity import EXTENDING, PRESENTATION
from alrun.core.errors import ConfigError, StoreError
from alrun.report.variants import NOT_AN_EXPERIMENT

if TYPE_CHECKING:
    from tests.report.conftest import WriteRun


@pytest.fixture(autouse=True)
def in_an_empty_folder_of_wide_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def study(write_run: WriteRun) -> None:
    for seed in (0, 1):
        write_run(f"e{seed}", {20: 0.6, 40: 0.8 + 0.1 * seed}, seed=seed)
        write_run(f"r{seed}", {20: 0.6, 40: 0.7}, seed=seed, choices={"query": "random"})


@pytest.mark.usefixtures("study")
def test_runs_that_differ_in_what_they_measure_alone_count_once(
    write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([]) == 0
    expected = pd.read_csv("outputs/report/auc.csv")
    measured = "seed: 1\nmetrology: {other: {_target_: x}}\n"
    write_run("again", {20: 0.6, 40: 0.9, 60: 0.9}, seed=1, config=measured, choices={"metrology": "classification"})
    write_run("unmeasured", {20: 0.1, 40: 0.1}, seed=2, metric="rmse")
    capsys.readouterr()
    assert run([]) == 0
    assert pd.read_csv("outputs/report/auc.csv")["n"].tolist() == expected["n"].tolist()
    screen = capsys.readouterr().out
    assert "2 of 6 runs are left out" in screen
    assert "4 runs;" in screen


@pytest.mark.usefixtures("study")
def test_prints_and_writes_curves_areas_and_differences(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    screen = capsys.readouterr().out
    for part in ("accuracy ↑", "entropy", "random", "0.850", "±0.050", "0.725", "0.650", "digits · mlp · 4 runs"):
        assert part in screen
    curves = pd.read_csv("outputs/report/curves.csv", index_col=["query", "labels"])[["n", "mean", "se"]]
    assert curves["mean"].to_dict()[("entropy", 40)] == pytest.approx(0.85)
    assert curves["se"].to_dict()[("entropy", 40)] == pytest.approx(0.05)
    assert set(curves["n"]) == {2}
    areas = pd.read_csv("outputs/report/auc.csv", index_col="query")
    assert areas["mean"].to_dict() == pytest.approx({"entropy": 0.725, "random": 0.65})
    paired = areas[["pairs", "difference", "difference_se"]].loc["entropy"].to_dict()
    assert paired == pytest.approx({"pairs": 2, "difference": 0.075, "difference_se": 0.025})
    assert areas[["low", "high", "metric", "baseline"]].iloc[0].tolist() == [20, 40, "accuracy", "random"]


@pytest.mark.usefixtures("study")
def test_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["outputs", "--metric", "nll", "--baseline", "entropy", "--csv", "mine/table.csv"]) == 0
    assert "nll ↓" in capsys.readouterr().out
    assert set(pd.read_csv("mine/table.csv")["metric"]) == {"nll"}
    assert set(pd.read_csv("mine/table_auc.csv")["baseline"]) == {"entropy"}
    assert not Path("outputs/report").exists()


def test_a_metric_of_two_strategies_is_two_curves(write_run: WriteRun) -> None:
    write_run("plain", {20: 0.5, 40: 0.5}, recorded={"accuracy": ["classification"]})
    both = {"accuracy": ["classification", "mine"], "loss": ["training", "mine"], "f1": ["training"]}
    write_run("both", {20: 0.5, 40: 0.5}, seed=1, recorded=both)
    with pytest.raises(ConfigError, match=r"'accuracy': classification/accuracy, mine/accuracy[\s\S]*--metric class"):
        run(["--metric", "accuracy"])
    means = {}
    for metric in ("classification/accuracy", "mine/accuracy", "loss", "training/loss", "f1"):
        assert run(["--metric", metric]) == 0
        curves = pd.read_csv("outputs/report/curves.csv")
        assert set(curves["metric"]) == {metric}
        means[metric] = curves["mean"].iloc[0], curves["n"].iloc[0]
    assert means == {
        "classification/accuracy": (0.5, 2),
        "mine/accuracy": (1.5, 1),
        "loss": (1.5, 1),
        "training/loss": (0.5, 1),
        "f1": (0.5, 1),
    }
    with pytest.raises(ConfigError, match="no run has the metric 'other/accuracy'"):
        run(["--metric", "other/accuracy"])
    assert run([]) == 0
    assert set(pd.read_csv("outputs/report/curves.csv")["metric"]) == {"classification/accuracy"}


def test_unfinished_runs_are_named_and_left_out_unless_asked_for(
    write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run("done", {20: 0.5, 40: 0.5})
    write_run("killed", {20: 0.9, 40: 0.9}, seed=1, status="running")
    assert run([]) == 0
    assert "killed: interrupted, left out" in capsys.readouterr().out
    assert pd.read_csv("outputs/report/auc.csv")["n"].tolist() == [1]
    assert run(["--all"]) == 0
    assert pd.read_csv("outputs/report/auc.csv")["n"].tolist() == [2]


def test_a_copy_of_a_run_counts_once(write_run: WriteRun, capsys: pytest.CaptureFixture[str]) -> None:
    write_run("one", {20: 0.5, 40: 0.5}, identity="same")
    write_run("two", {20: 0.5, 40: 0.5}, identity="same")
    write_run("one.aside-1", {20: 0.9, 40: 0.9, 60: 0.9}, identity="same")
    assert run(["outputs", "outputs/default"]) == 0
    assert "1 copies" in capsys.readouterr().out
    areas = pd.read_csv("outputs/report/auc.csv")
    assert areas[["n", "mean"]].to_numpy().tolist() == [[1, 0.5]]


def test_runs_that_differ_beyond_their_choices_are_not_averaged(
    write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    for size, height in ((10, 0.8), (50, 0.6)):
        write_run(f"e{size}", {20: height, 40: height}, config=f"query_size: {size}\nquery: {{entropy: {{t: {size}}}}}")
    write_run("r10", {20: 0.5, 40: 0.5}, choices={"query": "random"}, config="query_size: 10\nquery: {random: {}}")
    assert run([]) == 0
    assert "query_size=10" in capsys.readouterr().out
    areas = pd.read_csv("outputs/report/auc.csv").set_index("variant")
    entropy = areas[areas["query"].str.startswith("entropy")]
    assert entropy["query"].to_dict() == {
        "query_size=10": "entropy (entropy.t=10)",
        "query_size=50": "entropy (entropy.t=50)",
    }
    assert entropy["difference"].to_dict() == pytest.approx(
        {"query_size=10": 0.3, "query_size=50": float("nan")}, nan_ok=True
    )


def test_a_baseline_that_ran_under_other_conditions_is_not_compared_with(write_run: WriteRun) -> None:
    write_run("e", {20: 0.8, 40: 0.8}, config="training: {max_epochs: 50}")
    write_run("r", {20: 0.5, 40: 0.5}, choices={"query": "random"}, config="training: {max_epochs: 5}")
    assert run([]) == 0
    areas = pd.read_csv("outputs/report/auc.csv")
    assert sorted(areas["variant"]) == ["training.max_epochs=5", "training.max_epochs=50"]
    assert areas["difference"].isna().all()


def test_rmse_is_taken_where_there_is_no_accuracy(write_run: WriteRun, capsys: pytest.CaptureFixture[str]) -> None:
    write_run("r", {20: 3.0, 40: 1.0}, metric="rmse", choices={"data": "diabetes"})
    assert run([]) == 0
    assert "rmse ↓" in capsys.readouterr().out


def test_a_narrow_screen_thins_the_counts_and_the_csv_does_not(
    write_run: WriteRun, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    write_run("long", {10 * step: 0.5 for step in range(1, 31)})
    assert run([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines[:6])) <= 80
    header = next(line for line in lines if "seeds" in line)
    assert " 10 " in header
    assert " 300 " in header
    assert len(pd.read_csv("outputs/report/curves.csv")) == 30


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["nowhere"], "no such directory"),
        (["outputs", "--metric", "acuracy"], "did you mean accuracy"),
        (["outputs", "--baseline", "entrpy"], "did you mean entropy"),
        (["outputs", "--metrik", "x"], "unknown argument '--metrik'"),
        (["outputs", "--metric"], "expected one argument"),
        (["empty"], "no runs here"),
        (["unfinished"], "--all"),
    ],
)
@pytest.mark.usefixtures("study")
def test_bad_requests_are_refused_with_a_way_out(argv: list[str], message: str, write_run: WriteRun) -> None:
    Path("empty").mkdir()
    write_run("late", {20: 0.5}, status="failed").rename("unfinished")
    with pytest.raises(ConfigError, match=message):
        run(argv)


def test_runs_that_have_not_measured_yet(write_run: WriteRun) -> None:
    write_run("fresh")
    with pytest.raises(ConfigError, match="not measured anything yet"):
        run([])


@pytest.mark.parametrize("file", ["records.parquet", "config.yaml", "run.json"])
@pytest.mark.usefixtures("study")
def test_a_run_that_cannot_be_read_is_left_out_and_named(
    file: str, write_run: WriteRun, capsys: pytest.CaptureFixture[str]
) -> None:
    (write_run("damaged", {20: 0.5}) / file).write_bytes(b"PAR1: [torn")
    assert run([]) == 0
    screen = capsys.readouterr().out
    assert "damaged: unreadable, left out: " in screen
    assert f"{file}: " in screen or f"{file} cannot be read: " in screen
    assert "4 runs" in screen


def test_runs_of_which_none_can_be_read(write_run: WriteRun, capsys: pytest.CaptureFixture[str]) -> None:
    (write_run("damaged", {20: 0.5}) / "records.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(ConfigError, match="no run here can be read"):
        run([])
    assert "damaged/records.parquet" in capsys.readouterr().out


def test_a_report_is_not_written_through_a_link(write_run: WriteRun, tmp_path: Path) -> None:
    write_run("one", {20: 0.5, 40: 0.5})
    (tmp_path / "elsewhere").mkdir()
    Path("outputs/report").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="report is a symbolic link"):
        run([])
    assert not list((tmp_path / "elsewhere").iterdir())
    assert run(["outputs", "--csv", "mine.csv"]) == 0


def test_no_cell_of_the_csv_is_a_formula(write_run: WriteRun) -> None:
    write_run("x", {20: 0.5, 40: 0.5}, choices={"data": "=HYPERLINK(1)", "learner": "-2", "label": "\x1b[31m@x"})
    assert run([]) == 0
    (row,) = pd.read_csv("outputs/report/auc.csv", dtype=str).to_dict("records")
    assert (row["data"], row["learner"], row["label"]) == ("'=HYPERLINK(1)", "-2", "\\x1b[31m@x")
    assert row["mean"] == "0.5"


def test_what_cannot_change_a_result_does_not_set_runs_apart() -> None:
    assert EXTENDING | PRESENTATION <= NOT_AN_EXPERIMENT
