"""Texts as numbers: what the libraries make of them, without a vocabulary of the data, and each fault named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from alrun.core.errors import DataError
from alrun.data.text import Text
from alrun.testing.source import SourceConformance

TEXTS = [
    *("a fine film, fine indeed", "dull and slow; a bore", 'he said "run"\nand ran', "Größe 42 — ünïcode ✓ words", ""),
    *(f"film number {number} of the series is {'good' if number % 2 else 'bad'}" for number in range(35)),
]
LABELS = ["good" if row % 2 else "bad" for row in range(40)]
ROWS = torch.tensor([39, 0, 3])


def saved(folder: Path, suffix: str = ".jsonl", texts: Any = TEXTS) -> str:
    frame = pd.DataFrame(
        {"id": [f"doc {row}" for row in range(len(texts))], "text": texts, "label": LABELS[: len(texts)]}
    )
    path = folder / f"t{suffix}"
    if suffix == ".jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.assign(text=[one or "empty" for one in texts]).to_csv(path, index=False)
    return str(path)


def tokenizer(folder: Path) -> str:
    words = sorted({word for text in TEXTS for word in text.split()})
    vocabulary = {word: number for number, word in enumerate(["[UNK]", "[PAD]", *words])}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106 - no password
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.save(str(folder / "tokenizer.json"))
    return str(folder / "tokenizer.json")


@pytest.mark.parametrize("suffix", [".jsonl", ".parquet", ".csv"])
def test_a_bag_is_what_the_library_makes(suffix: str, tmp_path: Path) -> None:
    from sklearn.feature_extraction.text import HashingVectorizer

    source = Text(saved(tmp_path, suffix), features=64, ngrams=2, uuids="id")
    texts = [one or "empty" for one in TEXTS] if suffix == ".csv" else TEXTS
    expected = HashingVectorizer(n_features=64, ngram_range=(1, 2)).transform(texts).toarray()
    np.testing.assert_allclose(source.inputs(ROWS).numpy(), expected[ROWS.numpy()], rtol=1e-6)
    assert source.targets(ROWS).tolist() == [1, 0, 1]
    assert source.spec.class_names == ("bad", "good")
    assert source.uuids([3]) == ["doc 3"]
    assert source.row_of("doc 3") == 3


def test_words_have_the_same_numbers_in_every_file(tmp_path: Path) -> None:
    source = Text(saved(tmp_path), tokenizer="words", length=6, vocabulary=1000)
    found = source.inputs(torch.tensor([0, 4, 5, 6]))
    assert found.shape == (4, 6)
    assert found[0].tolist()[0] == found[0].tolist()[2] > 0  # fine film fine indeed
    assert found[0].tolist()[4:] == [0, 0]
    assert found[1].tolist() == [0] * 6
    assert found[0, 1] == found[2, 0] == found[3, 0]  # film
    fewer = Text(saved(tmp_path, texts=TEXTS[:30]), tokenizer="words", length=6, vocabulary=1000)
    assert fewer.inputs([5]).equal(found[2:3])


def test_a_tokenizer_is_read_from_its_file(tmp_path: Path) -> None:
    path = tokenizer(tmp_path)
    source = Text(saved(tmp_path), tokenizer=path, length=4)
    library = Tokenizer.from_file(path)
    ids = library.encode(TEXTS[39]).ids
    assert source.inputs([39])[0].tolist() == ids[:4]
    assert source.inputs([4])[0].tolist() == [1] * 4
    assert source.notes == (
        f"column 'text': the first 4 of {library.get_vocab_size()} different tokens, padded with 1",
    )


class TestSource(SourceConformance):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        self.path = saved(tmp_path)

    def source(self) -> Text:
        return Text(self.path, features=32)


def test_many_texts_stay_sparse(tmp_path: Path) -> None:
    import tracemalloc

    texts = [f"word{row % 97} word{row % 89} word{row % 83}" for row in range(20_000)]
    pd.DataFrame({"text": texts, "label": np.arange(20_000) % 2}).to_parquet(tmp_path / "t.parquet")
    tracemalloc.start()
    source = Text(str(tmp_path / "t.parquet"), features=4096)
    source.fingerprint()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.4 * 20_000 * 4096 * 4


def test_faults_are_named(tmp_path: Path) -> None:
    path = saved(tmp_path)
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "other.json").write_text(json.dumps({"a": 1}))
    (tmp_path / "deep.json").write_text("[" * 100_000)
    pd.DataFrame({"text": ["a", None, "c", "d"], "label": [0, 1, 0, 1]}).to_json(
        tmp_path / "hole.jsonl", orient="records", lines=True
    )
    pd.DataFrame({"text": TEXTS, "title": TEXTS, "label": LABELS}).to_parquet(tmp_path / "two.parquet")
    faults: list[tuple[dict[str, Any], str]] = [
        ({"path": path, "text": "txt"}, "data.text=text"),
        ({"path": path, "target": "lable"}, "data.target=label"),
        ({"path": path, "features": 1}, "data.features=4096"),
        ({"path": path, "length": 0}, "data.length=128"),
        ({"path": path, "tokenizer": "bagg"}, "data.tokenizer"),
        ({"path": path, "tokenizer": str(tmp_path / "bad.json")}, "bad.json: is no tokenizer"),
        ({"path": path, "tokenizer": str(tmp_path / "other.json")}, "other.json: is no tokenizer"),
        ({"path": path, "tokenizer": str(tmp_path / "deep.json")}, "deep.json: is no tokenizer"),
        ({"path": str(tmp_path / "hole.jsonl")}, "column 'text' is missing in row 1"),
        ({"path": str(tmp_path / "two.parquet")}, "data.text=text"),
        ({"path": path, "uuids": "label"}, "are both called 'bad'"),
    ]
    for options, message in faults:
        with pytest.raises(DataError) as caught:
            Text(**options)
        assert message in str(caught.value)
