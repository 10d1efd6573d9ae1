"""Space that a run takes: each part by itself, and all of it in some part."""

from __future__ import annotations

from pathlib import Path

from alrun.store.usage import total_size, usage


def test_each_file_counts_once_in_its_part(tmp_path: Path) -> None:
    files = {
        "checkpoints/step_1/training/weights.safetensors": 1,
        "checkpoints/step_1/training/MANIFEST.json": 10,
        "checkpoints/step_1/training.passed-over-1/weights.safetensors": 100,
        "labels/labels.jsonl": 1_000,
        "recorded/labels.jsonl": 10_000,
        "alrun.log": 100_000,
        "callbacks/events": 1_000_000,
        "records.parquet": 10_000_000,
        "metrology/mine/records.json": 1,
    }
    for name, size in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        with (tmp_path / name).open("wb") as file:
            file.truncate(size)
    (tmp_path / "link").symlink_to("records.parquet")
    assert usage(tmp_path) == {
        "weights": 1,
        "states": 10,
        "passed over": 100,
        "labels": 11_000,
        "logs": 1_100_000,
        "tables": 10_000_001,
    }
    assert total_size(tmp_path) == sum(files.values())
