"""R12: a file that alrun loads may be anything; it is read as data, or refused, and never run or blown up.

``ALRUN_HOSTILE=1`` takes all files of a format, not one of each.
"""

from __future__ import annotations

import io
import os
import pickle
import resource
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from watched import Command, Watch  # type: ignore[import-not-found]

LIMIT = 1 << 30


class Bomb:
    """Runs a program when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch sprung",)


def pickled() -> bytes:
    return pickle.dumps(Bomb())


def torch_pickled() -> bytes:
    buffer = io.BytesIO()
    torch.save({"weights": Bomb()}, buffer)
    return buffer.getvalue()


@cache
def zip_bomb() -> bytes:
    """Return a few megabytes that unpack to many gigabytes."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("x.npy", "w", force_zip64=True) as entry,
    ):
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (2 << 30, 1)})
        entry.write(header.getvalue())
        zeros = bytes(1 << 22)
        for _ in range(64):
            entry.write(zeros)
    return buffer.getvalue()


def huge_safetensors() -> bytes:
    """Return a safetensors file whose header promises far more than there is."""
    header = b'{"x":{"dtype":"F32","shape":[1000000000000],"data_offsets":[0,4000000000000]}}'
    return len(header).to_bytes(8, "little") + header


KINDS: dict[str, Callable[[], bytes]] = {
    "pickle": pickled,
    "torch.save": torch_pickled,
    "zip bomb": zip_bomb,
    "header without end": lambda: (1 << 62).to_bytes(8, "little") + b"{}",
    "tensors that are not there": huge_safetensors,
    "deep json": lambda: b"[" * 100_000,
    "zeros": lambda: bytes(4096),
}
TABLE = ("data=table", "data.target=y")
READERS = {"csv": TABLE, "parquet": TABLE, "npz": ("data=arrays",), "npy": ("data=arrays",)}
READERS |= {"safetensors": ("data=embeddings",), "ubyte": ("data=idx", "data.labels=data.ubyte", "data.test_size=0.2")}
LOADED = (
    "run.json",
    "config.yaml",
    "labels/labels.jsonl",
    "timing.csv",
    "records.parquet",
    "checkpoints/step_1/training/weights.safetensors",
    "checkpoints/step_1/query/MANIFEST.json",
    *(("acquisitions.parquet", "checkpoints/step_1/training/MANIFEST.json") if os.environ.get("ALRUN_HOSTILE") else ()),
)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", LOADED)
def test_a_file_of_a_stored_run(name: str, kind: str, alrun: Command, watch: Watch, stored: Path) -> None:
    (stored / name).write_bytes(KINDS[kind]())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for words in (("status", "received"), ("report", "received"), ("resume", str(stored), "budget=15")):
        answer = alrun(*words)
        assert "Traceback" not in answer.err, answer.err
        assert "this is a bug" not in answer.err, answer.err
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < LIMIT, f"{grown / 1e9:.1f} GB to refuse a file"
    assert not [event for event in watch.ran if "git" not in event], watch.ran
    assert not (watch.home / "sprung").exists()
    assert not watch.written


@pytest.mark.parametrize("kind", ["pickle", "torch.save", "zip bomb", "header without end", "zeros"])
@pytest.mark.parametrize("suffix", ["npz", "npy", "csv", "parquet", "safetensors", "ubyte"])
def test_a_file_of_data(suffix: str, kind: str, alrun: Command, watch: Watch) -> None:
    place = watch.home / f"data.{suffix}"
    place.write_bytes(KINDS[kind]())
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = alrun(*READERS[suffix], f"data.path={place}", "budget=30")
    assert answer.code == 2, answer
    assert "Traceback" not in answer.err
    assert "this is a bug" not in answer.err, answer.err
    assert f"data.{suffix}" in answer.err
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < LIMIT
    assert not [event for event in watch.ran if "git" not in event], watch.ran
    assert not (watch.home / "sprung").exists()


def test_an_object_array_is_refused(alrun: Command, watch: Watch) -> None:
    place = watch.home / "data.npz"
    np.savez(place, x=np.array([Bomb()], dtype=object), y=np.zeros(1))
    answer = alrun("data=arrays", f"data.path={place}", "budget=30")
    assert answer.code == 2
    assert not (watch.home / "sprung").exists()
    assert not [event for event in watch.ran if "git" not in event]


@pytest.mark.parametrize(
    "text",
    [
        "!!python/object/apply:os.system ['touch sprung']\n",
        "a: &a [x,x]\nb: &b [*a,*a]\n",
        "mine: !!python/name:os.system\n",
    ],
)
def test_a_yaml_file_is_only_text(text: str, alrun: Command, watch: Watch) -> None:
    place = watch.home / "own" / "query" / "mine.yaml"
    place.parent.mkdir(parents=True)
    place.write_text(text)
    answer = alrun("--config-dir", "own", "query=mine")
    assert answer.code == 2, answer
    assert "Traceback" not in answer.err
    assert watch.nothing
