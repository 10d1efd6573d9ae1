"""A small experiment, run in this process as the command line runs it, and compared file by file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

from alrun.config.compose import Composed, Composer
from alrun.config.targets import Trust
from alrun.core.callback import Callback
from alrun.runner.outcome import Outcome
from alrun.runner.run import Experiment
from alrun.store.files import TEMPORARY_PREFIX

WORDS = [
    "data=moons",
    "data.n_samples=120",
    "learner.hidden=[4]",
    "training.max_epochs=2",
    "training.batch_size=4",
    "initial_size=3",
    "query_size=3",
    "budget=9",
    "progress=false",
]


@cache
def composed(*words: str) -> Composed:
    return Composer(Trust()).compose([*WORDS, *words])


def run(place: Path, *words: str, listeners: tuple[Callback, ...] = ()) -> Outcome:
    """Run the small experiment at ``place``, or go on with it."""
    return Experiment(composed(*words), Trust(), place=place).run(listeners)


def digests(place: Path) -> Mapping[str, str]:
    """Return the SHA-256 of everything that a run promises to reproduce."""
    names: list[str | Path] = ["records.parquet", "acquisitions.parquet", "labels/labels.jsonl"]
    weights = [path.relative_to(place) for path in place.glob("checkpoints/step_*/training/weights.safetensors")]
    manifests = [path.relative_to(place) for path in place.glob("checkpoints/step_*/*/MANIFEST.json")]
    kept = [path for path in manifests if "passed-over" not in str(path)]
    return {str(name): sha256((place / name).read_bytes()).hexdigest() for name in (*names, *weights, *kept)}


def temporaries(place: Path) -> list[Path]:
    return list(place.rglob(f"{TEMPORARY_PREFIX}*"))
