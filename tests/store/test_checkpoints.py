from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import torch

from alrun.core.errors import CorruptionError, StoreError
from alrun.store.checkpoints import CheckpointStore, Commit

LOGGER = logging.getLogger("test.checkpoints")
STATE: dict[str, Any] = {"items": [3, 1, torch.tensor([1.5, 2.5])], "scores": [0.25, float("nan")]}
WEIGHTS = {"layer.weight": torch.arange(6.0).reshape(2, 3), "layer.steps": torch.tensor(7)}


def store(root: Path) -> CheckpointStore:
    return CheckpointStore(root / "checkpoints", LOGGER)


def loads(commit: Commit | None) -> bool:
    """Return whether everything in ``commit`` is there and is what was committed."""
    if commit is None:
        return False
    try:
        state, weights = commit.state(), commit.weights()
    except CorruptionError:
        return False
    assert state["items"][:2] == STATE["items"][:2]
    assert state["items"][2].equal(STATE["items"][2])
    assert {name: tensor.tolist() for name, tensor in weights.items()} == {
        name: tensor.tolist() for name, tensor in WEIGHTS.items()
    }
    return True


@pytest.fixture
def committed(tmp_path: Path) -> CheckpointStore:
    checkpoints = store(tmp_path)
    checkpoints.commit(0, "training", STATE, previous="", weights=WEIGHTS)
    return checkpoints


def test_a_commit_comes_back(committed: CheckpointStore) -> None:
    commit = committed.find(0, "training", previous="")
    assert loads(commit)
    assert commit is not None
    assert commit.has_weights
    assert (commit.step, commit.phase, commit.previous) == (0, "training", "")
    assert committed.steps() == [0]
    assert committed.phases(0) == ["training"]
    assert committed.find(0, "metrology") is None
    assert committed.phases(3) == []


def test_the_chain(tmp_path: Path, committed: CheckpointStore, caplog: pytest.LogCaptureFixture) -> None:
    first = committed.find(0, "training")
    assert first is not None
    second = committed.commit(0, "query", {"items": []}, previous=first.digest)
    assert committed.find(0, "query", previous=first.digest) == second
    assert first.digest != second.digest
    assert committed.find(0, "query", previous="0" * 64) is None
    assert "does not continue" in caplog.text
    assert (tmp_path / "checkpoints/step_0/query.passed-over-1").is_dir()


def test_the_same_content_has_the_same_digest_and_any_other_has_not(tmp_path: Path) -> None:
    def digest(number: int, state: Any, previous: str = "") -> str:
        return store(tmp_path / str(number)).commit(0, "query", state, previous=previous, weights=WEIGHTS).digest

    assert digest(0, STATE) == digest(1, dict(STATE))
    others = [digest(2, {**STATE, "scores": [0.25, 0.0]}), digest(3, STATE, "x")]
    others.append(digest(4, {**STATE, "items": [3, 1, torch.tensor([1.5, 2.25])]}))
    assert len({digest(5, STATE), *others}) == 4


def test_manifests_with_sorted_keys_hold(tmp_path: Path, committed: CheckpointStore) -> None:
    """As releases wrote them that sorted the keys of all that they stored."""
    path = tmp_path / "checkpoints/step_0/training/MANIFEST.json"
    body = json.loads(path.read_bytes())
    body.pop("digest")
    words: dict[str, Any] = {"sort_keys": True, "separators": (",", ":")}
    digest = hashlib.sha256(json.dumps(body, **words).encode()).hexdigest()
    path.write_text(json.dumps({**body, "digest": digest}, **words))
    found = committed.find(0, "training")
    assert found is not None
    assert found.digest == digest
    assert loads(found)


def test_never_overwritten(committed: CheckpointStore) -> None:
    with pytest.raises(StoreError, match="never overwritten"):
        committed.commit(0, "training", {}, previous="")
    assert loads(committed.find(0, "training"))


def test_every_flipped_bit_is_noticed(tmp_path: Path, committed: CheckpointStore) -> None:
    files = sorted((tmp_path / "checkpoints/step_0/training").iterdir())
    assert len(files) >= 2
    noticed = 0
    for path in files:
        original = path.read_bytes()
        for position in range(len(original)):
            damaged = bytearray(original)
            damaged[position] ^= 1 << (position % 8)
            path.write_bytes(damaged)
            commit = committed.find(0, "training", previous="")
            assert not loads(commit), f"{path.name}, byte {position}"
            noticed += 1
            if commit is None:
                aside = path.parent.with_name("training.passed-over-1")
                assert aside.is_dir()
                aside.rename(path.parent)
        path.write_bytes(original)
    assert noticed > 500
    assert loads(committed.find(0, "training", previous=""))


def test_cut_and_missing_files_are_noticed(tmp_path: Path, committed: CheckpointStore) -> None:
    source = tmp_path / "checkpoints"
    for path in sorted((source / "step_0/training").iterdir()):
        size = path.stat().st_size
        for length in (None, 0, 1, size // 2, size - 1):
            root = tmp_path / f"{path.name}-{length}"
            copy = copytree(source, root / "checkpoints") / "step_0/training" / path.name
            if length is None:
                copy.unlink()
            else:
                copy.write_bytes(path.read_bytes()[:length])
            assert not loads(store(root).find(0, "training", previous=""))


def test_files_of_another_commit_are_noticed(tmp_path: Path, committed: CheckpointStore) -> None:
    other = {name: tensor + 1 for name, tensor in WEIGHTS.items()}
    committed.commit(1, "training", STATE, previous="x", weights=other)
    root = tmp_path / "checkpoints"
    (root / "step_1/training/weights.safetensors").replace(root / "step_0/training/weights.safetensors")
    assert not loads(committed.find(0, "training"))
    (root / "step_1/training").rename(root / "step_1/query")
    assert committed.find(1, "query") is None


def test_what_is_set_aside_keeps_its_bytes_and_its_place_is_free(
    tmp_path: Path, committed: CheckpointStore, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2):
        before = {path.name: path.read_bytes() for path in (tmp_path / "checkpoints/step_0/training").iterdir()}
        committed.set_aside(0, "training", "for a test")
        aside = tmp_path / f"checkpoints/step_0/training.passed-over-{number}"
        assert {path.name: path.read_bytes() for path in aside.iterdir()} == before
        assert f"step 0 training ignored: for a test (kept as {aside.name})" in caplog.text
        committed.commit(0, "training", STATE, previous="", weights=WEIGHTS)
    assert loads(committed.find(0, "training"))


def test_what_a_step_costs_does_not_grow_with_what_came_before(tmp_path: Path) -> None:
    checkpoints, previous, sizes = store(tmp_path), "", []
    for step in range(100, 130):
        commit = checkpoints.commit(step, "query", {"items": list(range(50, 70))}, previous=previous)
        previous = commit.digest
        sizes.append(sum(path.stat().st_size for path in commit.path.iterdir()))
    assert len(set(sizes[1:])) == 1


def test_discard(tmp_path: Path, committed: CheckpointStore) -> None:
    committed.discard(0, "training")
    committed.discard(0, "training")
    assert committed.find(0, "training") is None
    assert committed.phases(0) == []
