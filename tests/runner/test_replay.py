"""A replay trains another learner on what a run has picked: nothing is queried, nothing bought, the order kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from command_line import SMALL, Alrun, info, only_run, results  # type: ignore[import-not-found]

import alrun as package
from alrun.label.oracle import Oracle
from alrun.query.entropy import Entropy
from alrun.runner.verify import verify
from alrun.testing.faults import Crash, Faults, SimulatedCrash

COLUMNS = ["step", "order", "index", "uuid", "strategy", "label", "annotator", "cost", "status", "task"]


@pytest.fixture
def copied(small_run: Path, tmp_path: Path) -> Callable[[], Path]:
    """Return a function that copies the run, each time to a folder of its own."""
    numbers = iter(range(100))

    def copy() -> Path:
        place = tmp_path / f"copy-{next(numbers)}" / small_run.name
        shutil.copytree(small_run, place)
        return place

    return copy


@pytest.fixture
def unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the query strategy nor the annotator may be asked."""

    def asked(*given: Any) -> Any:
        raise AssertionError("asked")

    monkeypatch.setattr(Oracle, "answer", asked)
    monkeypatch.setattr(Entropy, "score", asked)


def beside(place: Path) -> Path:
    (found,) = [path for path in place.parent.glob("*-replayed-*") if path.is_dir()]
    return found


def weights(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("weights.safetensors")}


def test_other_learner_same_picks(copied: Callable[[], Path], alrun: Alrun, unasked: None) -> None:
    place = copied()
    before = results(place)
    answer = alrun("replay", str(place), "learner=linear", "learner.optimizer.lr=0.05")
    assert answer.code == 0, answer
    assert "30 picks of" in answer.err
    assert "continue:" not in answer.out
    other = beside(place)
    assert results(place) == before
    origin, replayed = package.Run(place), package.Run(other)
    assert replayed.picks[COLUMNS].equals(origin.picks[COLUMNS])
    assert replayed.picks["score"].isna().all()
    assert type(replayed.learner()).__name__ == "Linear"
    assert not replayed.curve("nll").equals(origin.curve("nll"))
    assert info(other)["choices"] | {"query": "entropy", "learner": "mlp"} == info(place)["choices"]
    assert info(other)["rerun"]["origin"] == place.name
    table = package.records(place.parent)
    assert set(zip(table["learner"], table["query"], strict=True)) == {
        ("mlp", "entropy"),
        ("linear", "entropy-replayed"),
    }
    assert verify(other).holds
    again = alrun("replay", str(place), "learner=linear", "learner.optimizer.lr=0.05")
    assert (again.code, "already finished" in again.out, again.err) == (0, True, "")
    longer = alrun("resume", str(other), "budget=60")
    assert "all recorded picks are replayed" in longer.out


def test_the_same_learner_comes_to_the_same_weights(copied: Callable[[], Path], unasked: None) -> None:
    place = copied()
    assert weights(package.Run(place).replay().path) == weights(place)


@pytest.mark.parametrize(
    "words",
    [
        ("data=digits_multitask", "query=multitask", "data.partial_labels=true", "learner=multitask", "backbone=mlp"),
        ("data=moons", "query=[margin,random]", "validation_from_budget=true", "data.validation_size=0.1"),
        ("data=moons", "query=bald", "inference=mc_dropout", "data.n_samples=200"),
    ],
    ids=["tasks", "several, validation", "a strategy that needs what its learner lacks"],
)
def test_whatever_was_picked(words: tuple[str, ...], alrun: Alrun, tmp_path: Path) -> None:
    short = ("training.max_epochs=1", "initial_size=12", "query_size=12", "budget=36", "progress=false")
    assert alrun(*words, *short).code == 0
    place = only_run(tmp_path)
    change = ("inference=deterministic",) if "inference=mc_dropout" in words else ("training.batch_size=4",)
    answer = alrun("replay", str(place), *change)
    assert answer.code == 0, answer
    assert package.Run(beside(place)).picks[COLUMNS].equals(package.Run(place).picks[COLUMNS])
    assert verify(beside(place)).holds


def test_it_dies_anywhere(copied: Callable[[], Path], alrun: Alrun, unasked: None) -> None:
    whole = copied()
    with Faults(whole.parent) as watch:
        assert alrun("replay", str(whole), "learner=linear").code == 0
    expected = results(beside(whole))
    for point in range(0, watch.count, watch.count // 8):
        place = copied()
        with suppress(SimulatedCrash), Faults(place.parent, Crash(point, half=point % 2 == 1)):
            alrun("replay", str(place), "learner=linear")
        assert alrun("replay", str(place), "learner=linear").code == 0, watch.trace[point]
        assert results(beside(place)) == expected, watch.trace[point]
        assert verify(beside(place)).holds


def test_only_what_learns_may_differ(copied: Callable[[], Path], alrun: Alrun) -> None:
    place = copied()
    for word in ("seed=1", "data.n_samples=200", "data=digits", "query=random", "query_size=3", "label=noisy_oracle"):
        answer = alrun("replay", str(place), word)
        assert (answer.code, "only what learns may differ" in answer.err) == (2, True), word
    assert alrun("replay", str(place), "learner=nonesuch").code == 2
    assert alrun("replay").code == alrun("replay", "learner=linear").code == 2
    assert "alrun replay DIR" in alrun(*SMALL, f"replay={'0' * 64}").err
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_damaged_picks_are_noticed(copied: Callable[[], Path], alrun: Alrun) -> None:
    place = copied()
    assert alrun("replay", str(place), "learner=linear").code == 0
    other = beside(place)
    picks = other / "recorded" / "picks.json"
    content = json.loads(picks.read_text())
    picks.write_text(json.dumps(content[::-1]))
    assert not verify(other).holds
    answer = alrun("resume", str(other), "budget=20", "repair=true")
    assert "recorded picks are not what was copied" in answer.err
    shutil.rmtree(other)
    assert alrun("replay", str(place), "learner=linear").code == 0
