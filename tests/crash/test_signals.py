"""R4, R6: a run that is asked to stop says how to continue, and continues; nobody else runs in its directory."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pandas as pd
import pytest
from command_line import SMALL, Alrun, finish, info, runs, start  # type: ignore[import-not-found]


def frame(run: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(run / f"{name}.parquet")


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_run_that_can_be_resumed(
    number: signal.Signals, code: int, alrun: Alrun, tmp_path: Path
) -> None:
    long = [*SMALL, "data.n_samples=3000", "query_size=1", "training.max_epochs=20", "budget=2000"]
    process = start(tmp_path, *long)
    try:
        run = wait_for_step(tmp_path, 3)
        locked = alrun(*long)
        process.send_signal(number)
        answer = finish(process)
    finally:
        process.kill()
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


def wait_for_step(folder: Path, step: int) -> Path:
    """Return the run below ``folder`` once it has come as far as ``step``."""
    end = time.monotonic() + 90
    while time.monotonic() < end:
        for run in runs(folder):
            if (run / f"checkpoints/step_{step}").is_dir():
                return Path(run)
        time.sleep(0.05)
    raise AssertionError("the run did not start")
