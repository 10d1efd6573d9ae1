"""Learners that are more than a network and its weights: killed, continued, equal to the last byte."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from command_line import Warm  # type: ignore[import-not-found]
from users_folder import Folder  # type: ignore[import-not-found]

WORDS = ("initial_size=10", "query_size=10", "budget=30", "progress=false", "device=cpu")
MOONS = ("data=moons", "data.n_samples=200")
TREES = "{_target_: sklearn.ensemble.ExtraTreesClassifier, n_estimators: 5}"
# Where the process dies, and what is run.
CASES = {
    "probe": ("step_1/query", "learner=probe", "inference=laplace", "query=bald", *MOONS),
    "sklearn": (
        *("step_1/query", "learner=sklearn", f"learner.estimator={TREES}", "inference=committee", "query=bald"),
        *MOONS,
    ),
    "fixmatch": (
        *("step_1/training.epoch_2", "learner=fixmatch", "learner.hidden=[8]", "learner.threshold=0.6", "data=moons"),
        *("data.n_samples=200", "training.checkpoint_every=1", "training.max_epochs=4", "training.reset=warm"),
    ),
    "transformers": (
        *("step_1/training.epoch_2", "learner=transformers", "data=arrays", "data.path={folder}/tokens.npz"),
        *("learner.model={folder}/bert.json", "query=badge", "training.checkpoint_every=1", "training.max_epochs=3"),
        *("data.task=classification", "learner.layer_decay=0.9"),
    ),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of tokens, the class being one of them, and the config of a model."""
    folder = tmp_path_factory.mktemp("files")
    generator = np.random.default_rng(0)
    tokens, classes = generator.integers(5, 20, (150, 6)), np.arange(150) % 3
    tokens[np.arange(150), generator.integers(0, 6, 150)] = 1 + classes
    np.savez(folder / "tokens.npz", x=tokens, y=classes)
    (folder / "bert.json").write_text((Path(__file__).parents[1] / "learner" / "bert.json").read_text())
    return folder


@pytest.fixture(scope="module")
def system(warm_process: Warm, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(warm_process, tmp_path_factory.mktemp("learners"), {})


def digests(folder: Path) -> dict[str, str]:
    names = ["records.parquet", "acquisitions.parquet", "labels/labels.jsonl"]
    names += [str(path.relative_to(folder)) for path in folder.glob("checkpoints/step_*/training/weights.safetensors")]
    assert len(names) > 4
    return {name: sha256((folder / name).read_bytes()).hexdigest() for name in names}


@pytest.mark.parametrize("name", CASES)
def test_killed_and_continued(name: str, system: Folder, files: Path) -> None:
    pytest.importorskip("transformers" if name == "transformers" else "sklearn")
    place, *words = CASES[name]
    case = [word.replace("{folder}", str(files)) for word in words]
    whole = system.finish_named(name, *case, *WORDS)
    code, text = system.start(*case, *WORDS, f"name={name}-cut", die_at=f"outputs/{name}-cut/*/checkpoints/{place}")
    assert code == -9, text
    cut = system.run(f"{name}-cut")
    assert system.finish_named(f"{name}-cut", *case, *WORDS) == cut
    assert digests(cut) == digests(whole)
