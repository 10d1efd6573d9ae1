"""Metrics reach a Lightning logger, in the run directory."""

from __future__ import annotations

import csv
from functools import partial
from pathlib import Path

import pytest

from alrun.callbacks.lightning_logger import LightningLogger
from alrun.core.errors import ConfigError
from alrun.core.events import PhaseFinished, RunFinished, RunStarted


def started(run_dir: Path, session: int) -> RunStarted:
    return RunStarted(log_dir=run_dir, step=session, labels=20 * session, budget=40, resumed=bool(session))


def finished(phase: str, labels: int, metrics: dict[str, float]) -> PhaseFinished:
    return PhaseFinished(step=1, phase=phase, seconds=0.1, labels=labels, metrics=metrics)


def logged(run_dir: Path) -> list[dict[str, str]]:
    with (run_dir / "csv" / "version_0" / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_metrics_are_logged_over_labels(tmp_path: Path) -> None:
    from lightning.pytorch.loggers import CSVLogger

    callback = LightningLogger(partial(CSVLogger, name="csv"))
    callback.on_run_started(started(tmp_path, 0))
    for labels, accuracy in ((20, 0.5), (40, 0.75)):
        callback.on_phase_finished(finished("training", labels, {"accuracy": 0.0}))
        callback.on_phase_finished(finished("metrology", labels, {"accuracy": accuracy}))
        assert (logged(tmp_path)[-1]["step"], logged(tmp_path)[-1]["accuracy"]) == (str(labels), str(accuracy))
    callback.on_run_finished(RunFinished(step=1, labels=40, status="finished", reason=""))
    assert len(logged(tmp_path)) == 2


def test_a_resumed_run_keeps_what_the_first_session_logged(tmp_path: Path) -> None:
    from lightning.pytorch.loggers import CSVLogger

    for session in (0, 1):
        callback = LightningLogger(partial(CSVLogger, name="csv"))
        callback.on_run_started(started(tmp_path, session))
        callback.on_phase_finished(finished("metrology", 20, {"accuracy": 0.5}))
        callback.on_run_finished(RunFinished(step=1, labels=20, status="interrupted", reason=""))
    assert sorted(path.name for path in (tmp_path / "csv").iterdir()) == ["version_0", "version_1"]


def test_a_missing_library_is_named_before_anything_runs() -> None:
    with pytest.raises(ConfigError, match=r'pip install "alrun\[no_such_module\]"'):
        LightningLogger(partial(dict), requires="no_such_module")
