"""Runs whose data files are named from other folders, or by other paths, and metrics under their label counts."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import Alrun, commits, info, only_run, runs  # type: ignore[import-not-found]

SMALL = ("learner.hidden=[8]", "training.max_epochs=1", "initial_size=10", "query_size=10", "progress=false")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return a folder with a table and an array of vectors, one per row."""
    folder = tmp_path / "here"
    folder.mkdir()
    random = np.random.default_rng(0)
    rows = random.normal(size=(80, 2))
    lines = [f"{a:.4f},{b:.4f},{'hit' if a + b > 0 else 'miss'}" for a, b in rows]
    (folder / "x.csv").write_text("\n".join(["a,b,kind", *lines]))
    np.save(folder / "e.npy", rows.astype(np.float32))
    return folder


def test_a_run_is_the_same_from_anywhere_if_its_files_are(
    alrun: Alrun, tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    words = ("data=table", "data.target=kind", *SMALL, f"output_dir={out}", "budget=20")
    monkeypatch.chdir(table)
    assert alrun(*words, "data.path=x.csv", "data.embeddings=e.npy").code == 0
    run = only_run(out)
    monkeypatch.chdir(tmp_path)
    resumed = alrun("resume", str(run), "budget=30")
    assert resumed.code == 0, resumed
    assert info(run)["labels"] == 30
    before = commits(out)
    for paths in (
        ("data.path=here/x.csv", "data.embeddings=here/e.npy"),
        (f"data.path={table}/x.csv", f"data.embeddings={table}/e.npy"),
    ):
        again = alrun(*words, "budget=30", *paths)
        assert again.code == 0, again
        assert runs(out) == [run]
    given = alrun("resume", str(run), f"data.path={table}/x.csv", "budget=30")
    assert given.code == 0, given
    assert commits(out) == before
    assert alrun("verify", str(run)).code == 0


def test_other_data_of_the_same_name_are_another_run(
    alrun: Alrun, tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("data=table", "data.target=kind", *SMALL, f"output_dir={tmp_path}/out", "budget=10")
    other = tmp_path / "there"
    shutil.copytree(table, other)
    text = (other / "x.csv").read_text().replace("miss", "none")
    (other / "x.csv").write_text(text)
    for folder in (table, other):
        assert alrun(*words, f"data.path={folder}/x.csv").code == 0
    first, second = sorted(runs(tmp_path / "out"), key=lambda run: (run / "config.yaml").read_text())
    refused = alrun("resume", str(first), f"data.path={other}/x.csv", "budget=20")
    both = (refused.code, alrun("resume", str(second), f"data.path={table}/x.csv", "budget=20").code)
    assert both == (2, 2)
    assert "the data have changed since the run started" in refused.err


STOPS = """
import os, signal
from alrun.learner.mlp import MLP


class Stops(MLP):
    def training_step(self, batch, *rest):
        if len(batch[1]) > 10:
            os.kill(os.getpid(), signal.SIGINT)
        return super().training_step(batch, *rest)
"""


def test_a_metric_is_shown_with_the_labels_that_it_was_measured_at(
    alrun: Alrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stops.py").write_text(STOPS)
    monkeypatch.syspath_prepend(tmp_path)
    words = ("data=moons", "data.n_samples=200", *SMALL, "learner._target_=stops.Stops", "budget=100")
    cut = alrun("--trust=stops", *words)
    assert cut.code == 130, cut
    run = info(only_run(tmp_path))
    assert (run["labels"], set(run["measured"].values())) == (20, {10})
    assert run["measured"].keys() == run["metrics"].keys()
    assert "10 labels" in cut.out
    assert "20 labels" not in cut.out
    assert f"{run['metrics']['accuracy']:.4g} at 10" in alrun("status").out
