"""What each tracker holds of a run, read back with the tracker's own means; a new tracker needs a reader here."""

from __future__ import annotations

import csv
import json
import math
import os
import sqlite3
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

Values = Mapping[str, float]
#: What MLflow's SQL store makes of infinity.
LARGEST = 1.7976931348623157e308


@dataclass(frozen=True)
class Held:
    """What a tracker holds: (step, labels, values) as often as it has it, and the rest as text."""

    steps: Sequence[tuple[int, int, Values]]
    described: str


Reader = Callable[[Path], Held]


def recorded(run: Path) -> list[tuple[int, int, Values]]:
    """Return the same from ``records.parquet``, by names that are put together here once more."""
    steps: dict[tuple[int, int], dict[str, float]] = {}
    for row in pq.read_table(run / "records.parquet").to_pylist():
        name = "/".join(part for part in (row["strategy"], row["split"], row["metric"]) if part)
        values = steps.setdefault((row["step"], row["labels"]), {})
        assert name not in values
        values[name] = row["value"]
    return [(*place, values) for place, values in steps.items()]


def gathered(events: Mapping[str, Sequence[tuple[int, float]]]) -> list[tuple[int, int, Values]]:
    """Return steps from curves over labels, of which ``step`` is one; of a value that is there twice, both."""
    steps = [(int(step), labels) for labels, step in events["step"]]
    found: list[tuple[int, int, Values]] = []
    for step, labels in steps:
        values = {name: [value for at, value in curve if at == labels] for name, curve in events.items()}
        assert all(len(one) <= 1 for one in values.values()), values
        found.append((step, labels, {name: one[0] for name, one in values.items() if one and name != "step"}))
    return found


def read_csv(run: Path) -> Held:
    with (run / "csv" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    steps = [
        (int(row.pop("step")), int(row.pop("labels")), {key: float(value) for key, value in row.items() if value})
        for row in rows
    ]
    return Held(steps, "")


def read_tensorboard(run: Path) -> Held:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    everything = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0, "tensors": 0})
    everything.Reload()
    tags = everything.Tags()
    curves = {tag: [(event.step, event.value) for event in everything.Scalars(tag)] for tag in tags["scalars"]}
    texts = [
        str(everything.Tensors(tag)[0].tensor_proto.string_val[:1])
        for tag in ("config", "tags", "notes")
        if tag in tags["tensors"]
    ]
    return Held(gathered(curves), " ".join(texts))


def read_mlflow(run: Path) -> Held:
    """Ask the server of ``MLFLOW_TRACKING_URI``, or the database beside the runs."""
    from mlflow import MlflowClient

    client = MlflowClient(os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{run.parents[1]}/mlflow.db")
    (experiment,) = (one for one in client.search_experiments() if one.name == run.parent.name)
    (found,) = client.search_runs([experiment.experiment_id], f"tags.mlflow.runName = '{run.name}'")
    curves = {
        name: [(metric.step, metric.value) for metric in client.get_metric_history(found.info.run_id, name)]
        for name in found.data.metrics
    }
    assert found.info.status == "FINISHED"
    assert {"config.yaml", "records.parquet"} <= {one.path for one in client.list_artifacts(found.info.run_id)}
    return Held(gathered(curves), f"{found.data.params} {found.data.tags}")


def read_trackio(run: Path) -> Held:
    """Read the SQLite file that trackio's documentation describes."""
    with closing(sqlite3.connect(run.parents[1] / "trackio" / f"{run.parent.name}.db")) as database:
        rows = database.execute(
            "SELECT step, metrics FROM metrics WHERE run_name = ? ORDER BY id", [run.name]
        ).fetchall()
        (config,) = database.execute("SELECT config FROM configs WHERE run_name = ?", [run.name]).fetchall()
    steps = [(step, {name: float(value) for name, value in json.loads(text).items()}) for step, text in rows]
    return Held([(step, int(values.pop("labels")), values) for step, values in steps], config[0].decode())


def read_wandb(run: Path) -> Held:
    """Read the file of the one offline run, a log of LevelDB's kind with a record of W&B's protocol in each entry."""
    protocol: Any = import_module("wandb.proto.wandb_internal_pb2")
    found = []
    for path in sorted((run.parents[1] / "wandb").glob("offline-run-*/run-*.wandb")):
        records = [protocol.Record.FromString(entry) for entry in entries(path.read_bytes())]
        if any(record.run.display_name == run.name for record in records):
            found.append(records)
    (records,) = found
    rows = [record.history for record in records if record.HasField("history")]
    steps = []
    for row in rows:
        values = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in row.item}
        numbers = {name: float(value) for name, value in values.items() if not name.startswith("_")}
        steps.append((int(values["_step"]), int(numbers.pop("labels")), numbers))
    return Held(steps, " ".join(str(record.run) for record in records if record.HasField("run")))


def entries(data: bytes) -> Iterator[bytes]:
    """Yield the entries of a log: blocks of 32 KiB of pieces, each with checksum, length and kind (whole, first …)."""
    assert data[:4] == b":W&B"
    place, begun = 7, b""
    while place + 7 <= len(data):
        rest = -place % 32768
        if rest < 7 and rest:
            place += rest
            continue
        length, kind = struct.unpack_from("<HB", data, place + 4)
        piece = data[place + 7 : place + 7 + length]
        place += 7 + length
        begun = piece if kind in (1, 2) else begun + piece
        if kind in (1, 4):
            yield begun


#: By option, with how exactly the tracker keeps a number.
READERS: Mapping[str, tuple[Reader, Callable[[float], float]]] = {
    "csv": (read_csv, float),
    "mlflow": (read_mlflow, lambda value: max(-LARGEST, min(LARGEST, value)) if value == value else value),
    "tensorboard": (read_tensorboard, lambda value: float(np.float32(value))),
    "trackio": (read_trackio, float),
    "wandb": (read_wandb, float),
}


def same(one: Any, other: Any) -> bool:
    """Return whether two numbers are the same, where not-a-number is."""
    return bool(one == other) or (math.isnan(one) and math.isnan(other))


def assert_holds(option: str, run: Path) -> Held:
    """Hold what ``option`` has of ``run`` against its records: every step once, every value of it, and nothing else."""
    read, rounded = READERS[option]
    held, wanted = read(run), recorded(run)
    assert [step[:2] for step in held.steps] == [step[:2] for step in wanted]
    for (_, _, values), (_, _, expected) in zip(held.steps, wanted, strict=True):
        assert values.keys() == expected.keys()
        different = [name for name, value in expected.items() if not same(values[name], rounded(value))]
        assert not different, (different, values, expected)
    return held
