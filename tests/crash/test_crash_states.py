"""R1, R2, R13: a power cut at any moment of any history of a run, and what the next command makes of what is left.

The default suite draws some states of each history; ``ALRUN_CRASH_STATES=200`` draws so many.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from crash_bench import digests, temporaries  # type: ignore[import-not-found]
from paid_labels import ASKED, ON_ACKNOWLEDGED  # type: ignore[import-not-found]

from alrun.config.compose import Composed, Composer
from alrun.config.targets import Trust
from alrun.runner.outcome import Outcome
from alrun.runner.run import Experiment
from alrun.runner.verify import verify
from alrun.store.rundir import RunDirectory
from alrun.testing.crash_states import CrashState, bad_states, crash_states
from alrun.testing.disk_trace import DiskTrace, Event

STATES = int(os.environ.get("ALRUN_CRASH_STATES", 2))
TRUST = Trust(["paid_labels"])
WORDS = (
    *("data=moons", "data.n_samples=60", "learner.hidden=[2]", "training.max_epochs=2", "training.batch_size=8"),
    *("initial_size=2", "query_size=2", "budget=4", "progress=false", "label._target_=paid_labels.Paid"),
)
MORE = "budget=6"
Work = Callable[[DiskTrace, Path], Any]


@cache
def composed(*words: str) -> Composed:
    return Composer(TRUST).compose([*WORDS, *words])


def run(place: Path, *words: str) -> Outcome:
    outcome = Experiment(composed(*words), TRUST, place=place).run()
    assert outcome.info["status"] == "finished", outcome.error
    return outcome


def small(trace: DiskTrace, place: Path, *words: str) -> None:
    run(place, *words)


def killed(trace: DiskTrace, place: Path, *words: str) -> None:
    """Three processes die one after the other, wherever they are; the fourth gets to the end."""
    for operations in (90, 70, 40):
        with trace.killed_after(operations):
            run(place, *words)
    run(place, *words)


def killed_before_flushes(trace: DiskTrace, place: Path, *words: str) -> None:
    """A process dies when a folder has been made, one when each label has arrived, one when a phase is committed."""
    for deadly in (
        lambda event: event.name == "mkdir" and event.path.endswith("labels"),
        lambda event: event.data.startswith(b'{"crc"'),
        lambda event: event.data.startswith(b'{"crc"'),
        lambda event: event.target.endswith("step_0/data_integration"),
    ):
        with trace.killed_after(deadly):
            run(place, *words)
    run(place, *words)


def prolonged(trace: DiskTrace, place: Path, *words: str) -> None:
    run(place, *words, "budget=4")
    run(place, *words)


def afresh(trace: DiskTrace, place: Path, *words: str) -> None:
    run(place, *words)
    ASKED.clear()
    trace.note("afresh")
    run(place, *words, "fresh=true")


def repaired(trace: DiskTrace, place: Path, *words: str) -> None:
    run(place, *words)
    trace.note("damaged")
    (place / "metrology/classification/records.json").unlink()
    (place / "checkpoints/step_1/query/MANIFEST.json").write_bytes(b"{")
    run(place, *words, "repair=true")


HISTORIES: Mapping[str, tuple[Work, tuple[str, ...]]] = {
    "a small run": (small, ()),
    "killed and resumed": (killed, ()),
    "killed before a flush": (killed_before_flushes, ()),
    "killed in training": (killed, ("training.checkpoint_every=1", "training.reset=warm", "training.max_epochs=3")),
    "a larger budget": (prolonged, (MORE,)),
    "validation bought": (killed, ("validation_from_budget=true",)),
    "weights pruned": (killed, ("checkpoint.keep=last", MORE)),
    "labels in files": (killed, ("query=random",)),
    "begun afresh": (afresh, ()),
    "repaired": (repaired, ()),
    "with a log of events": (killed, ("callbacks=event_log", "logger=csv")),
}


@pytest.fixture(autouse=True)
def noting() -> Iterator[None]:
    yield
    ASKED.clear()
    ON_ACKNOWLEDGED.clear()


def nothing(event: Event) -> bool:
    """Forget no operation."""
    return False


@pytest.fixture
def examine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Return what draws states of a history and goes on from each; it returns those that are bad.

    Where operations are forgotten the first of them will do.
    """

    def examined(name: str, count: int, forget: Callable[[Event], bool] = nothing) -> list[Any]:
        # Which states there are must not depend on how fast this machine is.
        monkeypatch.setattr("alrun.runner.journal.SECONDS_BETWEEN", 0.0)
        if name == "labels in files":
            monkeypatch.setattr("alrun.store.labels.INLINE_BYTES", 0)
        work, words = HISTORIES[name]
        root = tmp_path / "traced"
        root.mkdir()
        run(tmp_path / "peace", *words)
        ASKED.clear()

        def traced(trace: DiskTrace) -> None:
            ON_ACKNOWLEDGED.append(trace.note)
            work(trace, root / "run", *words)
            ON_ACKNOWLEDGED.clear()

        states = crash_states(traced, root, count=count, seed=len(name), forget=forget)
        assert len(states) > 0.9 * count
        print(f"{name}: {len(states)} states, {len({state.digest for state in states})} of them different on disk")  # noqa: T201

        def resume(found: Path, state: CrashState) -> None:
            resumed(found / "run", state, tmp_path / "peace", words)

        bad = (one for state in states for one in bad_states([state], tmp_path / "state", resume))
        return list(bad if forget is nothing else islice(bad, 1))

    return examined


def resumed(place: Path, state: CrashState, peace: Path, words: tuple[str, ...]) -> None:
    """Type the command again, and compare with a run to which nothing happened."""
    ASKED.clear()
    if (place / "run.json").exists() and "damaged" not in state.notes:
        assert verify(place).holds, verify(place).findings
    outcome = run(place, *words)
    paid = state.notes[state.notes.index("afresh") + 1 :] if "afresh" in state.notes else state.notes
    assert not set(paid) & set(ASKED), "bought again"
    assert results(place) == results(peace)
    verdict = verify(place)
    assert verdict.holds, verdict.findings
    assert verdict.labels == verify(peace).labels
    assert outcome.answered or not temporaries(place)
    assert run(place, *words).answered


def results(place: Path) -> Mapping[str, Any]:
    """Return what a run promises to reproduce; lines of the label log that were passed over may lie in between."""
    found = {name: digest for name, digest in digests(place).items() if name != "labels/labels.jsonl"}
    records = {str(path.relative_to(place)): path.read_bytes() for path in (place / "metrology").rglob("*.json")}
    answers = pd.read_parquet(place / "acquisitions.parquet")[["step", "order", "label", "status"]].to_dict("list")
    return {**found, **records, "answers": answers}


@pytest.mark.parametrize("name", HISTORIES)
def test_no_power_cut_changes_anything(name: str, examine: Callable[..., list[Any]]) -> None:
    assert examine(name, STATES) == []


@pytest.mark.parametrize("forgotten", ["sync_data", "sync_directory", "settle"])
def test_a_store_that_forgets_to_flush_is_caught(
    forgotten: str, examine: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    if forgotten == "settle":
        monkeypatch.setattr(RunDirectory, "settle", lambda self: None)
    assert examine("killed before a flush", 20, lambda event: event.name == forgotten)
