"""Ensembles and SWAG from the command line: killed in a training phase, continued, equal to the last byte."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from command_line import Warm  # type: ignore[import-not-found]
from users_folder import Folder  # type: ignore[import-not-found]

WORDS = (
    *("data=moons", "data.n_samples=120", "data.validation_size=0.2", "learner.hidden=[8]", "query=bald"),
    *("training.max_epochs=8", "training.batch_size=4", "training.checkpoint_every=1", "training.validate=true"),
    *("initial_size=6", "query_size=6", "budget=12", "progress=false", "device=cpu"),
)
CASES = {
    "ensemble": ("inference=ensemble", "inference.num_members=3", "training=fabric", "training.reset=warm"),
    "multiswag": ("inference=swag", "inference.num_samples=2", "inference.num_members=2", "training=trainer"),
}


@pytest.fixture(scope="module")
def system(warm_process: Warm, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(warm_process, tmp_path_factory.mktemp("posteriors"), {})


def digests(folder: Path) -> dict[str, str]:
    names = ("records.parquet", "acquisitions.parquet", "labels/labels.jsonl")
    weights = [str(path.relative_to(folder)) for path in folder.glob("checkpoints/step_*/training/weights.safetensors")]
    assert len(weights) == 2
    return {name: sha256((folder / name).read_bytes()).hexdigest() for name in (*names, *weights)}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_killed_in_training_and_continued(case: tuple[str, ...], system: Folder) -> None:
    words = (*case, *WORDS)
    name = "_".join(case).replace("=", "-").replace(".", "-")
    whole = system.finish_named(name, *words)
    # Killed in the second training phase, behind its fifth epoch.
    pattern = f"outputs/{name}-cut/*/checkpoints/step_2/training.epoch_5"
    code, text = system.start(*words, f"name={name}-cut", die_at=pattern)
    assert code == -9, text
    cut = system.run(f"{name}-cut")
    assert not (cut / "checkpoints" / "step_2" / "training").exists()
    assert system.finish_named(f"{name}-cut", *words) == cut
    assert "training continues after epoch" in (cut / "alrun.log").read_text()
    assert digests(cut) == digests(whole)
