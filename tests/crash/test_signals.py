"""R4, R6: a run that is asked to stop says how to continue, and continues; nobody else runs in its directory."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pandas as pd
import pytest
from command_line import SMALL, Alrun, Warm, info, runs  # type: ignore[import-not-found]


def frame(run: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(run / f"{name}.parquet")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_that_can_be_resumed(
    number: signal.Signals, code: int, alrun: Alrun, warm: Warm, tmp_path: Path
) -> None:
    long = [*SMALL, "data.n_samples=3000", "query_size=1", "training.max_epochs=20", "budget=2000"]
    process = warm.start(tmp_path, *long)
    run = process.wait_for(lambda: next((run for run in runs(tmp_path) if (run / "checkpoints/step_3").is_dir()), None))
    locked = alrun(*long)
    process.send(number)
    answer = process.wait()
    assert locked.code == 75
    assert f"process {process.pid} on {socket.gethostname()}" in locked.err
    assert "Traceback" not in locked.err + answer.err
    assert answer.code == code
    assert f"continue: alrun resume {run.relative_to(tmp_path)}" in answer.out
    stopped = info(run)
    assert (stopped["status"], stopped["labels"] < 2000) == ("interrupted", True)
    resumed = alrun("resume", str(run), f"budget={stopped['labels'] + 2}")
    assert resumed.code == 0, resumed
    bought = frame(run, "acquisitions")
    assert len(bought) == stopped["labels"] + 2
    assert bought["index"].is_unique
