"""Each kind of data through the command line: a run that was killed ends as one that was left in peace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import Alrun, Warm, only_run, results  # type: ignore[import-not-found]
from PIL import Image
from test_idx import packed  # type: ignore[import-not-found]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)
SMALL = (
    *("training.max_epochs=2", "initial_size=10", "query_size=10", "budget=30"),
    "progress=false",
)


def embeddings(folder: Path) -> list[str]:
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel()), 6)
    names = [f"img/{row}.png" for row in range(len(X))]
    pq.write_table(pa.table({"id": names, "emb": vectors, "label": Y}), folder / "x.parquet")
    words = ["data=embeddings", "data.path=x.parquet", "data.uuids=id", "data.normalize=true"]
    return [*words, "cold_start=kmeans", "query=coreset"]


def idx(folder: Path) -> list[str]:
    (folder / "mnist").mkdir()
    for part, count in (("train", 80), ("t10k", 40)):
        images = (np.clip(X[:count] * 40 + 128, 0, 255)).astype(np.uint8).reshape(count, 2, 3)
        (folder / "mnist" / f"{part}-images-idx3-ubyte").write_bytes(packed(images))
        (folder / "mnist" / f"{part}-labels-idx1-ubyte").write_bytes(packed(Y[:count]))
    return ["data=idx", "data.path=mnist"]


def image_folder(folder: Path) -> list[str]:
    for row, values in enumerate(X):
        place = folder / "pictures" / ("plus" if Y[row] else "minus") / f"{row}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.clip(values * 40 + 128, 0, 255).astype(np.uint8).reshape(2, 3)).resize((8, 8)).save(place)
    words = ["data=image_folder", "data.path=pictures", "data.size=8", "data.channels=1"]
    return [*words, "learner=cnn", "learner.channels=[4]"]


def text(folder: Path) -> list[str]:
    texts = [f"row {row} is {'up' if y else 'down'} today" for row, y in enumerate(Y)]
    pd.DataFrame({"text": texts, "label": Y}).to_json(folder / "t.jsonl", orient="records", lines=True)
    return ["data=text", "data.path=t.jsonl", "data.features=64"]


def huggingface(folder: Path) -> list[str]:
    datasets = pytest.importorskip("datasets", reason="saves a data set: pip install 'alrun[huggingface]'")
    datasets.Dataset.from_dict({"features": X.tolist(), "label": Y.tolist()}).save_to_disk(folder / "hub")
    return ["data=huggingface", "data.path=hub"]


def embedded(folder: Path) -> list[str]:
    return ["data=digits", "transform=embed", "+learner@transform.embed.model=mlp", "learner=linear"]


def transformed(folder: Path) -> list[str]:
    changes = "[ood,near_duplicates,label_noise,imbalance,shift]"
    return ["data=digits", f"transform={changes}", "metrology=[classification,acquisition]"]


def labels(folder: Path) -> list[str]:
    marks = pd.DataFrame(X[:, :3] > [0.0, 1.0, -1.0], columns=["red", "round", "ripe"])
    pd.DataFrame(X).rename(columns=str).join(marks).to_csv(folder / "fruit.csv", index=False)
    words = ["data=table", "data.path=fruit.csv", "data.target=[red,round,ripe]", "data.task=multi_label"]
    words += ["query=[bald,badge]", "inference=mc_dropout", "label=noisy_oracle", "transform=label_noise"]
    return [*words, "metrology=[multi_label,acquisition]", "query.bald.reduce=2"]


def labels_of_the_hub(folder: Path) -> list[str]:
    datasets = pytest.importorskip("datasets", reason="saves a data set: pip install 'alrun[huggingface]'")
    features = {
        "x": datasets.List(datasets.Value("float32")),
        "label": datasets.List(datasets.ClassLabel(names=list("abc"))),
    }
    lists = [np.flatnonzero(row).tolist() for row in X[:, :3] > 0]
    table = datasets.Dataset.from_dict({"x": X.tolist(), "label": lists}, features=datasets.Features(features))
    table.save_to_disk(folder / "hub")
    return ["data=huggingface", "data.path=hub", "data.task=multi_label", "metrology=multi_label", "learner=probe"]


def masks(folder: Path) -> list[str]:
    images = RNG.normal(size=(120, 1, 6, 6)).astype(np.float32)
    np.savez(folder / "m.npz", x=images, y=np.where(images[:, 0] > 0, 255, 7).astype(np.uint8))
    words = ["data=arrays", "data.path=m.npz", "data.task=segmentation", "learner=fcn", "learner.channels=[4]"]
    return [*words, "metrology=segmentation", "query=bald", "inference=mc_dropout", "query.bald.reduce=4"]


KINDS: dict[str, Callable[[Path], list[str]]] = {
    "embeddings": embeddings,
    "huggingface": huggingface,
    "idx": idx,
    "image_folder": image_folder,
    "labels": labels,
    "labels_of_the_hub": labels_of_the_hub,
    "masks": masks,
    "text": text,
    "transformed": transformed,
    "embedded": embedded,
}
#: What rows are called in the ledger, where it is not their number.
CALLED = {"embeddings": r"img/\d+\.png", "image_folder": r"(minus|plus)/\d+\.png"}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_killed_and_resumed_is_uninterrupted(
    kind: Callable[[Path], list[str]], alrun: Alrun, warm: Warm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALRUN_CACHE", str(tmp_path / "cache"))
    words = [*SMALL, *kind(tmp_path)]
    cut = warm.start(tmp_path, *words, "output_dir=cut", die_at="cut/*/*/checkpoints/step_1/query")
    assert cut.wait().code == -9
    for place in ("cut", "peace"):
        ended = alrun(*words, f"output_dir={place}")
        assert ended.code == 0, ended
    run = only_run(tmp_path / "cut")
    assert results(run) == results(only_run(tmp_path / "peace"))
    bought = pd.read_parquet(run / "acquisitions.parquet")
    assert bought["uuid"].nunique() == 30
    assert bought["uuid"].str.fullmatch(CALLED.get(kind.__name__, r"\d+")).all()
