"""Synthetic run directories, as the store writes them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest

from alrun.store.records import write_records

CHOICES = {
    "data": "digits",
    "learner": "mlp",
    "query": "entropy",
    "training": "fabric",
    "inference": "deterministic",
    "label": "oracle",
    "cold_start": "random",
}


class WriteRun(Protocol):
    def __call__(
        self,
        name: str,
        curve: Mapping[int, float] | None = None,
        *,
        seed: int = 0,
        choices: Mapping[str, str] | None = None,
        config: str = "",
        metric: str = "accuracy",
        recorded: Mapping[str, Sequence[str]] | None = None,
        **info: Any,
    ) -> Path: ...


def records(curve: Mapping[int, float], metric: str) -> Sequence[Mapping[str, Any]]:
    fixed = {"strategy": "Classification", "split": "test", "reset": "scratch"}
    return [
        {"step": step, "labels": labels, "metric": name, "value": value, "higher_is_better": better, **fixed}
        for step, (labels, height) in enumerate(curve.items(), start=1)
        for name, value, better in ((metric, height, metric != "rmse"), ("nll", 1 - height, False))
    ]


def several_records(curve: Mapping[int, float], recorded: Mapping[str, Sequence[str]]) -> Sequence[Mapping[str, Any]]:
    """Return metrics that one or several strategies record, each a whole higher than the one before."""
    return [
        dict(records({labels: height + number}, metric)[0]) | {"step": step, "strategy": strategy}
        for step, (labels, height) in enumerate(curve.items(), start=1)
        for metric, strategies in recorded.items()
        for number, strategy in enumerate(strategies)
    ]


def writer(folder: Path) -> WriteRun:
    """Return what writes runs below ``outputs/default`` in ``folder``."""

    def write(
        name: str,
        curve: Mapping[int, float] | None = None,
        *,
        seed: int = 0,
        choices: Mapping[str, str] | None = None,
        config: str = "",
        metric: str = "accuracy",
        recorded: Mapping[str, Sequence[str]] | None = None,
        **info: Any,
    ) -> Path:
        directory = folder / "outputs" / "default" / name
        directory.mkdir(parents=True)
        description = {
            "format": 1,
            "identity": name,
            "status": "finished",
            "reason": "",
            "name": "default",
            "seed": seed,
            "choices": CHOICES | dict(choices or {}),
            "reset": "scratch",
            "step": 3,
            "phase": "metrology",
            "labels": max(curve, default=0) if curve else 0,
            "budget": 40,
            "metrics": {"accuracy": list(curve.values())[-1]} if curve else {},
        }
        (directory / "run.json").write_text(json.dumps(description | info))
        (directory / "config.yaml").write_text(config or f"seed: {seed}\n")
        if curve:
            rows = several_records(curve, recorded) if recorded else records(curve, metric)
            write_records(directory / "records.parquet", rows)
        return directory

    return write


@pytest.fixture
def write_run(tmp_path: Path) -> WriteRun:
    return writer(tmp_path)


@pytest.fixture(scope="session")
def run_writer() -> Callable[[Path], WriteRun]:
    """``writer``, for fixtures that several tests share."""
    return writer
