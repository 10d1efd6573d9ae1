"""The number of threads goes with the learner and the machine, and is kept; it is not that of the moment."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import numpy  # noqa: F401 - brings a BLAS
import pytest
import torch
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]
from torch import nn

from alrun.config.compose import Composer
from alrun.config.targets import Trust
from alrun.driver.guards.threads import MOST, computing_threads, threads_for
from alrun.runner.run import Experiment
from alrun.store.rundir import RunDirectory

LARGE = (
    *("data=digits", "learner.hidden=[1024,1024]", "training.max_epochs=12"),
    *("query=random", "initial_size=32", "query_size=1", "budget=32", "progress=false"),
)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def trained(tmp_path: Path) -> Callable[..., tuple[str, RunDirectory]]:
    """Run the large learner where torch computes with so many threads at the moment; return a digest of its weights."""

    def run(moment: int, name: str, *words: str) -> tuple[str, RunDirectory]:
        torch.set_num_threads(moment)
        place = tmp_path / name
        outcome = Experiment(Composer(Trust()).compose([*LARGE, *words]), Trust(), place=place).run()
        assert outcome.exit_code == 0
        assert torch.get_num_threads() == moment
        weights = place / "checkpoints" / "step_1" / "training" / "weights.safetensors"
        return sha256(weights.read_bytes()).hexdigest(), RunDirectory(place)

    return run


def test_a_large_learner_comes_to_the_same_bytes_whatever_the_moment(
    trained: Callable[..., tuple[str, RunDirectory]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As joblib and OMP_NUM_THREADS have it for one moment, and torch by itself for another."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    alone, directory = trained(1, "alone")
    assert directory.info()["threads"] == 2
    assert trained(3, "worker")[0] == alone
    one, by_hand = trained(2, "by_hand", "threads=1")
    assert by_hand.info()["threads"] == 1
    assert one != alone, "or there is nothing to see here"


def test_a_run_keeps_its_number_on_another_machine(
    trained: Callable[..., tuple[str, RunDirectory]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    _, directory = trained(1, "run", "max_steps=0")
    assert directory.info()["threads"] == 1
    alone, _ = trained(1, "whole")
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert trained(2, "run")[0] == alone
    assert directory.info()["threads"] == 1
    assert [one["machine"]["cores"] for one in directory.info()["sessions"]] == [1, 2]


def test_how_many_a_learner_is_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = nn.Linear(1024, 2048)
    for cores, worth in ((1, 1), (2, 2), (64, MOST), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        assert threads_for(wide, 32) == worth
        assert threads_for(nn.Conv2d(1, 1, 3), 1) == worth
        assert threads_for(nn.Linear(8, 8), 32) == 1
        assert threads_for(wide, 1) == 1


def test_they_are_given_back() -> None:
    torch.set_num_threads(2)
    with computing_threads(1):
        assert torch.get_num_threads() == 1
    with computing_threads(2):
        others = [one for one in threadpool_info() if one["user_api"] == "blas"]
        assert torch.get_num_threads() == 2
        assert others
        assert {one["num_threads"] for one in others} == {1}
    assert torch.get_num_threads() == 2
