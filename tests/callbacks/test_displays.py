"""The live display and the plain lines, drawn on a recorded console from a stream of real events."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from alrun.callbacks.plain import PlainLog
from alrun.callbacks.progress import LiveDisplay
from alrun.callbacks.progress_state import JobCount, main_metrics, seconds_left
from alrun.callbacks.progress_view import ECHO, Sparkline, clock, jobs_text
from alrun.core.callback import Callback
from alrun.core.events import (
    EpochFinished,
    LabelReceived,
    PhaseFinished,
    PhaseProgress,
    PhaseStarted,
    RunFinished,
    RunStarted,
)
from alrun.core.types import Annotation, LabelStatus

METRICS = {"accuracy": 0.875, "nll": 0.5, "count_pool_0": 7.0}
STARTED = RunStarted(
    log_dir=Path("outputs/default/digits-mlp-entropy-s0-1a2b3c4d"), step=0, labels=0, budget=40, resumed=False
)
FINISHED = RunFinished(step=1, labels=40, status="finished", reason="the budget of 40 labels is spent")


def run_a_step(callback: Callback, step: int, labels: int, phases: Sequence[str]) -> None:
    for phase in phases:
        callback.on_phase_started(PhaseStarted(step=step, phase=phase))
        metrics = METRICS if phase == "metrology" else {}
        callback.on_phase_finished(PhaseFinished(step=step, phase=phase, seconds=0.5, labels=labels, metrics=metrics))


def drawn(display: LiveDisplay, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, record=True, color_system=None)
    console.print(display.render())
    return console.export_text()


@pytest.fixture
def display() -> LiveDisplay:
    # Not a terminal: rich then draws nothing by itself.
    return LiveDisplay(Console(file=io.StringIO()))


@pytest.mark.parametrize("width", [80, 120])
def test_display_shows_what_is_going_on(display: LiveDisplay, width: int) -> None:
    display.on_run_started(STARTED)
    try:
        assert "starting" in drawn(display, width)
        display.on_phase_finished(PhaseFinished(step=3, phase="metrology", seconds=0.1, labels=20, metrics=METRICS))
        display.on_phase_started(PhaseStarted(step=3, phase="training"))
        display.on_train_epoch_finished(
            EpochFinished(step=3, epoch=30, max_epochs=50, metrics={"lr": 0.001, "train_loss": 0.0252})
        )
        screen = drawn(display, width)
    finally:
        display.on_run_finished(FINISHED)
    for part in (
        "digits-mlp-entropy-s0-1a2b3c4d",
        "step 3",
        "epoch 31/50  train_loss 0.0252",
        "20/40",
        "accuracy 0.8750",
    ):
        assert part in screen
    assert "count_pool_0" not in screen
    assert {len(line) for line in screen.splitlines()} == {width - ECHO}


def test_display_shows_the_seconds_of_phases_and_the_curve_of_one_metric(display: LiveDisplay) -> None:
    display.on_run_started(STARTED)
    try:
        for step, value in enumerate([0.5, 0.75, float("nan"), 1.0], start=1):
            for phase in ("training", "metrology"):
                metrics = {"accuracy": value, "nll": 1.0} if phase == "metrology" else {}
                ended = PhaseFinished(step=step, phase=phase, seconds=step / 2, labels=20 * step, metrics=metrics)
                display.on_phase_finished(ended)
        names, seconds = (line for line in drawn(display, 80).splitlines() if "training" in line or "seconds" in line)
        assert seconds.index("2.00") == names.index("training")
        assert seconds.rindex("2.00") == names.index("metrology")
        assert "▁▅ █" in drawn(display, 80)
        assert "0.5 to 1" in drawn(display, 80)
        rmse = PhaseFinished(step=5, phase="metrology", seconds=0.0, labels=100, metrics={"rmse": 3.0})
        display.on_phase_finished(rmse)
        assert "█" not in drawn(display, 80)
        assert "3 to 3" in drawn(display, 80)
    finally:
        display.on_run_finished(FINISHED)


def test_a_curve_has_the_last_values_that_there_is_room_for_in_any_encoding() -> None:
    ascii_only = Console(file=io.TextIOWrapper(io.BytesIO(), "ascii"), width=4, record=True)
    ascii_only.print(Sparkline([9.0, 0.0, 1.0, 2.0, 3.5]))
    assert ascii_only.export_text() == "_,~#\n"
    for values in ([], [2.0, 2.0], [float("inf")]):
        console = Console(file=io.StringIO(), width=10, record=True)
        console.print(Sparkline(values))
        assert console.export_text().strip() in ("", "▁▁")


def test_display_of_a_job_says_how_far_the_sweep_is() -> None:
    jobs = JobCount(total=30, before=10, started=100.0)
    assert jobs_text(jobs, 110.0) == "job 11 of 30"
    jobs.count(failed=True)
    jobs.count(failed=False)
    assert jobs_text(jobs, 120.0) == "job 13 of 30 · 1 failed · about 3:00 left"
    display = LiveDisplay(Console(file=io.StringIO()), jobs)
    assert "job 13 of 30" in drawn(display, 80)


def test_display_follows_labels_as_they_arrive(display: LiveDisplay) -> None:
    display.on_run_started(STARTED)
    try:
        run_a_step(display, 0, 0, ["query"])
        display.on_phase_started(PhaseStarted(step=0, phase="labeling"))
        answers = [Annotation(1, 3), Annotation(2, 4), Annotation(5, status=LabelStatus.FAILED)]
        for order, answer in enumerate(answers):
            display.on_label_received(LabelReceived(step=0, order=order, annotation=answer))
        display.on_phase_finished(PhaseFinished(step=0, phase="labeling", seconds=0.1, labels=0))
        assert "2/40" in drawn(display, 80)
        display.on_phase_finished(PhaseFinished(step=0, phase="data_integration", seconds=0.1, labels=2))
        assert "2/40" in drawn(display, 80)
    finally:
        display.on_run_finished(FINISHED)


def test_a_new_phase_starts_an_empty_bar(display: LiveDisplay) -> None:
    display.on_run_started(STARTED)
    try:
        display.on_phase_started(PhaseStarted(step=1, phase="query"))
        display.on_phase_progress(PhaseProgress(step=1, phase="query", done=700, total=1400))
        assert "700/1400" in drawn(display, 80)
        display.on_phase_started(PhaseStarted(step=1, phase="labeling"))
        assert "700/1400" not in drawn(display, 80)
    finally:
        display.on_run_finished(FINISHED)


def test_display_estimates_the_time_left_after_two_steps(display: LiveDisplay) -> None:
    display.on_run_started(STARTED)
    try:
        run_a_step(display, 0, 10, ["data_integration"])
        assert "left" not in drawn(display, 80)
        run_a_step(display, 1, 20, ["data_integration"])
        assert "about 0:00 left" in drawn(display, 80)
    finally:
        display.on_run_finished(FINISHED)


def test_display_takes_its_thread_and_itself_away() -> None:
    terminal = io.StringIO()
    display = LiveDisplay(Console(file=terminal, force_terminal=True, width=80, color_system=None))
    display.on_run_started(STARTED)
    display.on_run_finished(FINISHED)
    # Erase line and cursor up, once a line of the display.
    assert terminal.getvalue().count("\x1b[1A\x1b[2K") == 6
    display.on_run_finished(FINISHED)


def test_plain_log_prints_one_line_a_step() -> None:
    console = Console(file=io.StringIO(), record=True, width=40)
    log = PlainLog(console)
    log.on_run_started(STARTED)
    log.on_phase_finished(PhaseFinished(step=0, phase="metrology", seconds=0.0, labels=0, metrics={}))
    run_a_step(log, 0, 20, ["query", "labeling", "data_integration"])
    run_a_step(log, 1, 20, ["training", "metrology"])
    run_a_step(log, 1, 40, ["query", "labeling", "data_integration"])
    run_a_step(log, 2, 40, ["training", "metrology"])
    log.on_run_finished(FINISHED)
    assert console.export_text().splitlines() == [
        "outputs/default/digits-mlp-entropy-s0-1a2b3c4d starts: 0 of 40 labels",
        "step 0  labels 20  1.5 s",
        "step 1  labels 20  accuracy 0.875  nll 0.5  1.0 s",
        "step 2  labels 40  accuracy 0.875  nll 0.5  2.5 s",
        "finished at step 1 with 40 labels: the budget of 40 labels is spent",
    ]


def test_plain_log_says_where_a_run_goes_on() -> None:
    console = Console(file=io.StringIO(), record=True)
    PlainLog(console).on_run_started(RunStarted(log_dir=Path("run"), step=3, labels=60, budget=200, resumed=True))
    assert console.export_text() == "run continues at step 3: 60 of 200 labels\n"


def test_time_left_of_equal_steps_counts_the_last_training() -> None:
    assert seconds_left([(20, 3.0), (40, 3.0), (60, 3.0)], budget=100) == pytest.approx(3 * 3.0)


def test_time_left_of_growing_steps_is_the_sum_of_the_line() -> None:
    history = [(labels, 1.0 + 0.1 * labels) for labels in (20, 40, 60)]
    assert seconds_left(history, budget=100) == pytest.approx(sum(1.0 + 0.1 * labels for labels in (80, 100, 120)))


def test_time_left_is_unknown_without_two_steps_or_without_progress() -> None:
    assert seconds_left([], 100) is None
    assert seconds_left([(20, 1.0)], 100) is None
    assert seconds_left([(20, 1.0), (20, 1.0)], 100) is None


def test_time_left_does_not_take_a_slow_first_step_for_a_trend() -> None:
    assert seconds_left([(20, 9.0), (40, 1.0), (60, 2.0)], budget=60) == pytest.approx(4.0)


def test_main_metrics_leave_out_counts_and_keep_the_order() -> None:
    assert list(main_metrics({"count_pool_0": 1, "b": 1, "a": 2, "c": 3}, most=2)) == ["b", "a"]


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (61, "1:01"), (3599.6, "1:00:00"), (7325, "2:02:05")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
