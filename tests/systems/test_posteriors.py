"""Ensembles and SWAG from the command line: killed in a training phase, continued, equal to the last byte."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import pytest

WORDS = (
    *("data=moons", "data.n_samples=120", "data.validation_size=0.2", "learner.hidden=[8]", "query=bald"),
    *("training.max_epochs=12", "training.batch_size=4", "training.checkpoint_every=1", "training.validate=true"),
    *("initial_size=6", "query_size=6", "budget=12", "progress=false", "device=cpu"),
)
CASES = {
    "ensemble": ("inference=ensemble", "inference.num_members=3", "training=fabric", "training.reset=warm"),
    "multiswag": ("inference=swag", "inference.num_samples=2", "inference.num_members=2", "training=trainer"),
}
Command = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """Return what runs a command line, and kills it at the first match of a glob, if there is one."""
    folder = tmp_path_factory.mktemp("posteriors")
    program = [sys.executable, str(Path(__file__).with_name("forked.py"))]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        told, heard = process.stdin, process.stdout

        def run(*words: str, kill_at: str | None = None) -> tuple[int, str]:
            told.write(json.dumps([list(words), kill_at]) + "\n")
            told.flush()
            code, text = json.loads(heard.readline())
            return code, text

        run.folder = folder  # type: ignore[attr-defined]
        yield run
        process.stdin.close()


def digests(folder: Path) -> dict[str, str]:
    names = ("records.parquet", "acquisitions.parquet", "labels/labels.jsonl")
    weights = [str(path.relative_to(folder)) for path in folder.glob("checkpoints/step_*/training/weights.safetensors")]
    assert len(weights) == 2
    return {name: sha256((folder / name).read_bytes()).hexdigest() for name in (*names, *weights)}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_killed_in_training_and_continued(case: tuple[str, ...], command: Command) -> None:
    outputs = Path(command.folder) / "outputs"  # type: ignore[attr-defined]
    name = "_".join(case).replace("=", "-").replace(".", "-")
    assert command(*case, *WORDS, f"name={name}")[0] == 0
    (whole,) = (outputs / name).iterdir()
    # A child is killed in the second training phase, behind its fifth epoch.
    pattern = f"outputs/{name}-cut/*/checkpoints/step_2/training.epoch_5"
    code, text = command(*case, *WORDS, f"name={name}-cut", kill_at=pattern)
    assert code == -9, text
    (cut,) = (outputs / f"{name}-cut").iterdir()
    assert not (cut / "checkpoints" / "step_2" / "training").exists()
    code, text = command(*case, *WORDS, f"name={name}-cut")
    assert code == 0, text
    assert "training continues after epoch" in (cut / "alrun.log").read_text()
    assert digests(cut) == digests(whole)
