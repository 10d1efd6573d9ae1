"""Bundle of exported files: made in memory from a run, and written at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.config.environment import described
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError
from alrun.core.generators import generators_kept
from alrun.core.showing import exported
from alrun.export.croissant import croissant
from alrun.export.folder import write_folder
from alrun.export.loader import loader_without_network, network_loader
from alrun.pool.foreign import is_source
from alrun.report.results import labels_of, readable_run, records_of
from alrun.runner.learner import restored_learner
from alrun.runner.reopened import stored
from alrun.store import codec
from alrun.store.rundir import RunDirectory
from alrun.store.weights import newest_weights

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Bundle", "bundle_of"]

METADATA = "croissant.json"


@dataclass(frozen=True)
class Bundle:
    """Files of an export.

    Attributes:
        step: The step that the weights are of.
        files: Content by name.
        notes: What is not there, and why.
    """

    step: int
    files: Mapping[str, bytes]
    notes: list[str] = field(default_factory=list)

    def write(self, place: Path) -> None:
        """Write all files to ``place``, which appears with all of them or not at all.

        Raises:
            ConfigError: Something is there already.
            StoreError: The disk refuses.
        """
        write_folder(place, self.files, METADATA)


def bundle_of(directory: RunDirectory, trust: Trust, step: int | None = None) -> Bundle:
    """Return what is exported of the run in ``directory``; the run is only read.

    Args:
        directory: The run.
        trust: What its learner may be built from, as for resuming.
        step: The step whose weights are wanted; by default the newest.

    Raises:
        StoreError: The run has no such weights, or its tables cannot be read.
    """
    directory.refuse_links()
    notes: list[str] = []
    run = readable_run(directory.path)
    commit, weights = newest_weights(directory, step)
    tables = {"labeled": _own(labels_of([run])), "records": _own(records_of([run]))}
    files = {"config.yaml": directory.config_text().encode()}
    for name, table in tables.items():
        files |= {f"{name}.csv": _csv(table), f"{name}.parquet": table.to_parquet(index=False)}
    built, constants = _network_files(directory, trust, commit.step, tables["labeled"], notes)
    files |= built | {"weights.safetensors": codec.tensors_to_bytes({**weights, **constants})}
    told = f"Labels, records and weights of an active-learning run: {run.labels} labels, step {commit.step}."
    ordered = dict(sorted(files.items()))
    return Bundle(commit.step, ordered | {METADATA: croissant(directory.path.name, told, ordered, tables)}, notes)


def _network_files(
    directory: RunDirectory, trust: Trust, step: int, labeled: pd.DataFrame, notes: list[str]
) -> tuple[dict[str, bytes], Mapping[str, Any]]:
    """Return the loader, with network and inputs where the learner can be built, and the network's constants."""
    from alrun.export.network import Untraceable, traced

    try:
        learner, _, data = restored_learner(directory, trust, step)
    except ConfigError as error:
        notes.append(f"no network, no inputs: {error.problems[0].what}")
        return {"load.py": loader_without_network(step, _target(directory), error.problems[0].what).encode()}, {}
    inputs, index = _inputs(data, labeled)
    files = {} if inputs is None else {"inputs.safetensors": codec.tensors_to_bytes({"inputs": inputs, "index": index})}
    try:
        if inputs is None or len(inputs) < 2:
            raise Untraceable("the inputs are not rows of one tensor")
        with generators_kept():
            network = traced(learner, inputs[:2])
    except Untraceable as error:
        notes.append(f"no network: {error}")
        return files | {"load.py": loader_without_network(step, _target(directory), str(error)).encode()}, {}
    loader = network_loader(step, inputs.shape[1:])
    return files | {"load.py": loader.encode(), "network.py": network.source.encode()}, network.constants


def _inputs(data: Any, labeled: pd.DataFrame) -> tuple[Any, Any]:
    """Return the inputs of all labeled rows ``[n, ...]``, and the numbers of these ``[n]``; ``None`` without any."""
    import torch

    rows = torch.tensor(sorted({int(row) for row in labeled["index"] if row >= 0}), dtype=torch.int64)
    found = data.inputs(rows) if is_source(data) and len(rows) else None
    return (found, rows) if isinstance(found, torch.Tensor) else (None, None)


def _target(directory: RunDirectory) -> str:
    learner = described(stored(directory, (), Trust()).config, None).get("learner")
    return str(learner.get("_target_", "")) if isinstance(learner, Mapping) else ""


def _own(table: pd.DataFrame) -> pd.DataFrame:
    """Return ``table`` without the columns that say of which run a row is."""
    return table.iloc[:, list(table.columns).index("seed") + 1 :]


def _csv(table: pd.DataFrame) -> bytes:
    text: str = table.map(exported).to_csv(index=False)
    return text.encode()
