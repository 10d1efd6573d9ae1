"""Text columns of a table beside its numbers: what data=text makes of the same texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from alrun.core.errors import DataError
from alrun.data.table import Table
from alrun.data.text import Text


def written(place: Path, rows: int = 40, **changed: Any) -> str:
    texts = [f"the {('fox', 'dog', 'eel')[row % 3]} of row{row} runs" for row in range(rows)]
    columns = {"n": range(rows), "review": texts, "kind": ["a", "b"] * (rows // 2), "label": [0, 1] * (rows // 2)}
    pd.DataFrame(columns | {name: change(texts) for name, change in changed.items()}).to_csv(place, index=False)
    return str(place)


def test_a_text_becomes_columns_after_numbers_and_categories(tmp_path: Path) -> None:
    table = Table(written(tmp_path / "t.csv"), "label", text=["review"], text_features=32)
    alone = Text(written(tmp_path / "x.csv"), text="review", target="label", features=32)
    found = table.inputs(range(40))
    assert found.shape == (40, 1 + 2 + 32)
    assert found[:, 3:].equal(alone.inputs(range(40)))
    assert found[:, 0].tolist() == list(range(40))
    assert table.spec.standardize == (0,), "counts are as they are"
    assert "column 'review': text, hashed counts of words, 32 columns" in table.notes


def test_two_texts_do_not_share_columns_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", title=lambda texts: ["", *texts[1:]])
    table = Table(path, "label", text=["review", "title"], text_features=16)
    found = table.inputs(range(40))
    assert found[1:, 3:19].equal(found[1:, 19:])
    assert found[0, 19:].equal(torch.zeros(16))
    assert any("'title'" in note and "in 1 rows" in note for note in table.notes)
    only = Table(path, "label", text="review", drop=["n", "kind", "title"])
    assert only.spec.input_shape == (256,)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, r"data\.text=\[review\] for texts"),
        ({"text": ["reviw"]}, "there is review"),
        ({"text": ["review"], "drop": ["review"]}, r"named in data\.drop and in data\.text"),
        ({"text": ["review"], "text_features": 1}, r"data\.text_features=256"),
    ],
)
def test_what_is_wrong_is_said(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        Table(written(tmp_path / "t.csv", rows=240), "label", **options)
