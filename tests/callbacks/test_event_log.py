"""The event log: what it writes, and that it listens to nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alrun.callbacks.event_log import EventLog
from alrun.core.callback import hooks_of
from alrun.core.errors import ConfigError
from alrun.core.events import EpochFinished, LabelReceived, QueryFinished, RunFinished, RunStarted
from alrun.core.types import Annotation


class Lines:
    """A log in memory."""

    def __init__(self) -> None:
        self.data = b""

    def append(self, data: bytes) -> None:
        self.data += data

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.data.splitlines()]


def test_events_become_lines(tmp_path: Path) -> None:
    lines, log = Lines(), EventLog()
    log.on_run_started(RunStarted(log_dir=tmp_path, step=0, budget=40, resumed=False, open_log=lambda name: lines))
    hooks = hooks_of(log)
    hooks["on_train_epoch_finished"](EpochFinished(step=1, epoch=0, max_epochs=2, metrics={"val_loss": float("nan")}))
    annotation = Annotation(np.zeros((2, 2)), np.zeros(10**6), annotator="simulator")
    hooks["on_label_received"](LabelReceived(step=1, phase="labeling", order=3, annotation=annotation))
    hooks["on_query_finished"](QueryFinished(step=1, strategy="Entropy", items=[4, 7], scores=[0.5, 0.25]))
    log.on_run_finished(RunFinished(step=1, status="finished", reason="done"))
    started, epoch, label, query, finished = lines.read()
    assert (started["event"], started["log_dir"], started["budget"]) == ("on_run_started", str(tmp_path), 40)
    assert epoch["metrics"] == {"val_loss": None}
    assert label["annotation"]["item"] == [[0.0, 0.0], [0.0, 0.0]]
    assert label["annotation"]["target"] == "ndarray[1000000]"
    assert (label["order"], label["annotation"]["status"]) == (3, "labelled")
    assert (query["items"], query["scores"], query["pool_mean"]) == ([4, 7], [0.5, 0.25], None)
    assert finished["status"] == "finished"


def test_it_listens_to_what_is_chosen_alone() -> None:
    assert set(hooks_of(EventLog(events=["on_query_finished"]))) == {
        "on_run_started",
        "on_query_finished",
        "on_run_finished",
    }
    assert "on_train_step_finished" not in hooks_of(EventLog())


def test_an_event_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="there is no event 'on_batch_end'"):
        EventLog(events=["on_batch_end"])
