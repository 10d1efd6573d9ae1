"""Recorded picks: what was written comes back, and anything else is said to be damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from alrun.core.errors import CorruptionError
from alrun.store.recorded_picks import PICKS, RecordedPicks


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    assert RecordedPicks.read(tmp_path) is None
    picks = RecordedPicks([{"items": [3, (4, "size")], "strategies": ["a", "a"]}, {"items": [], "strategies": []}])
    picks.write(tmp_path)
    found = RecordedPicks.read(tmp_path)
    assert found is not None
    assert (found.steps, found.digest, len(found)) == (picks.steps, picks.digest, 2)


SHORT = '[{"items": [1], "strategies": []}]'


@pytest.mark.parametrize("content", ["[", "3", "[3]", '[{"items": []}]', '[{"items": 3, "strategies": []}]', SHORT])
def test_what_is_no_picks_is_damaged(content: str, tmp_path: Path) -> None:
    RecordedPicks([{"items": [torch.ones(2)], "strategies": ["a"]}]).write(tmp_path)
    (tmp_path / PICKS).write_text(content)
    with pytest.raises(CorruptionError, match=PICKS):
        RecordedPicks.read(tmp_path)
