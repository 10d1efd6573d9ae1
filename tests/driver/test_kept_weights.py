"""Which steps keep their weights, whatever was asked for and wherever a session began."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from alrun.driver.retention import Retention
from alrun.store.checkpoints import CheckpointStore


@pytest.mark.parametrize("first", [0, 5])
@pytest.mark.parametrize(
    ("keep", "chained", "kept"),
    [
        ("all", True, [0, 1, 2, 3, 4, 5, 6, 7]),
        ("last", False, [7]),
        ("last", True, [6, 7]),
        ("every:3", False, [0, 3, 6, 7]),
        ("every:5", True, [0, 5, 6, 7]),
        ("every:1", False, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_the_newest_stay_and_what_was_asked_for(
    keep: str, chained: bool, kept: list[int], first: int, tmp_path: Path
) -> None:
    store, retention = CheckpointStore(tmp_path, logging.getLogger("alrun.test")), Retention(keep, chained=chained)
    for step in range(8):
        store.commit(step, "training", {"step": step}, previous="", weights={"w": torch.full((1,), float(step))})
        if step >= first:  # a session that begins there finds the others as they were left
            retention.apply(store, step)
            newest = store.find(step, "training")
            assert newest is not None
            assert newest.weights()["w"].item() == step
    commits = [store.find(step, "training") for step in range(8)]
    assert [commit.state()["step"] for commit in commits if commit] == list(range(8))
    assert [commit.step for commit in commits if commit and not commit.is_pruned] == kept
