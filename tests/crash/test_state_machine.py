"""A machine that steps, kills, corrupts, reconfigures and prolongs one run in any order, and looks at it each time.

``ALRUN_EXAMPLES=500`` tries that many histories.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Any, ClassVar

import pandas as pd
import pytest
from crash_bench import composed, digests, run, temporaries  # type: ignore[import-not-found]
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from test_damage import KINDS, damage, unfinish  # type: ignore[import-not-found]

from alrun.core.errors import ConfigError, LockedError
from alrun.store.label_lines import rendered
from alrun.store.lock import RunLock
from alrun.testing.faults import Crash, Faults, SimulatedCrash

BUDGETS = (6, 9, 12, 15)
POOL = 120
WARM = ("training.reset=warm", "seed=1")


class Run(RuleBasedStateMachine):
    """One run directory, and what is promised of it."""

    words: ClassVar[tuple[str, ...]] = ()
    reference: ClassVar[Callable[..., Path]]

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(mkdtemp())
        self.place = self.root / "run"
        self.budget = BUDGETS[0]
        self.damaged = self.tampered = False

    def teardown(self) -> None:
        """Every history can be brought to its end, and the end is the one without a history."""
        self.finish()
        rmtree(self.root)

    def go(self) -> Any:
        return run(self.place, *self.words, f"budget={self.budget}")

    @initialize(point=some.integers(0, 300))
    def start(self, point: int) -> None:
        self.kill(point, half=False, lose=False)

    @rule(point=some.integers(0, 300), half=some.booleans(), lose=some.booleans())
    def kill(self, point: int, half: bool, lose: bool) -> None:
        """Let the process die at a write point, if it gets that far."""
        fault = Crash(point, half=half, lose_unsynced=lose)
        with Faults(self.place, fault), suppress(SimulatedCrash):
            self.go()

    @rule()
    def finish(self) -> None:
        """Run to the end, and compare with a run to which nothing has happened."""
        outcome = self.go()
        assert outcome.info["status"] == "finished", outcome.error
        self.damaged = False
        assert self.results(self.place) == self.results(type(self).reference(*self.words, f"budget={self.budget}"))
        assert outcome.info["labels"] == self.budget
        assert not temporaries(self.place)

    @precondition(lambda self: self.budget < BUDGETS[-1])
    @rule()
    def raise_budget(self) -> None:
        self.budget = BUDGETS[BUDGETS.index(self.budget) + 1]

    @precondition(lambda self: self.files())
    @rule(number=some.integers(0, 10**6), kind=some.sampled_from(KINDS))
    def corrupt(self, number: int, kind: str) -> None:
        """Damage a file; a finished run is made to look killed, since nobody reads a finished one again."""
        rng = random.Random(number)  # noqa: S311
        damage(rng.choice(self.files()), kind, rng)
        unfinish(self.place)
        self.damaged = self.tampered = True

    @precondition(lambda self: (self.place / "run.json").exists())
    @rule()
    def change_config(self) -> None:
        """Another experiment is refused here, and nothing changes."""
        before = self.bytes()
        with pytest.raises(ConfigError, match="seed"):
            run(self.place, *self.words, "seed=7", f"budget={self.budget}")
        assert self.bytes() == before

    @precondition(lambda self: (self.place / "run.json").exists())
    @rule()
    def second_process(self) -> None:
        """While somebody holds the directory nobody else runs in it, and nothing changes."""
        unfinish(self.place)
        with RunLock(self.place):
            before = self.bytes()
            with pytest.raises(LockedError):
                self.go()
            assert self.bytes() == before

    @invariant()
    def nothing_is_labelled_twice(self) -> None:
        if self.damaged:
            return
        asked = [row for _, state in self.commits("query") for row in state["items"]]
        labelled = [(line["step"], line["order"]) for line in self.lines()]
        assert len(asked) == len(set(asked)) <= self.budget
        assert len(labelled) == len(set(labelled)) or self.tampered
        counts = {step: len(state["items"]) for step, state in self.commits("query")}
        assert all(order < counts.get(step, 0) for step, order in labelled), "a label that nobody asked for"
        assert set(asked) <= set(range(POOL))

    @invariant()
    def records_are_a_prefix(self) -> None:
        path = self.place / "records.parquet"
        if not path.exists():
            return
        found, whole = pd.read_parquet(path), pd.read_parquet(self.longest() / "records.parquet")
        pd.testing.assert_frame_equal(found, whole.head(len(found)))

    def longest(self) -> Path:
        return type(self).reference(*self.words, f"budget={BUDGETS[-1]}")

    def files(self) -> list[Path]:
        folders = (self.place / "checkpoints", self.place / "labels")
        found = [path for folder in folders for path in folder.rglob("*.*") if path.is_file() and path.stat().st_size]
        return sorted(path for path in found if "passed-over" not in str(path) and path not in temporaries(self.place))

    def bytes(self) -> Mapping[Path, bytes]:
        return {path: path.read_bytes() for path in self.place.rglob("*") if path.is_file() and path.name != ".lock"}

    def commits(self, phase: str) -> Iterator[tuple[int, Any]]:
        for path in sorted(self.place.glob(f"checkpoints/step_*/{phase}/MANIFEST.json")):
            manifest = json.loads(path.read_bytes())
            yield manifest["step"], manifest["state"]

    def lines(self) -> list[Any]:
        path = self.place / "labels" / "labels.jsonl"
        whole = path.read_bytes().rpartition(b"\n")[0].splitlines() if path.exists() else []
        found = []
        for line in whole:
            with suppress(ValueError, KeyError):
                body = json.loads(line)["body"]
                # A damaged line stays in the log, and counts for nothing.
                found += [body] if rendered(body) == line + b"\n" else []
        return found

    def results(self, place: Path) -> Mapping[str, Any]:
        """Return the digests of all that is promised.

        After damage, answers asked for again stand elsewhere in the log, and weights of steps that nobody needs again
        stay as they are.
        """
        found = digests(place)
        newest = max(int(path.name.removeprefix("step_")) for path in place.glob("checkpoints/step_*"))
        needless = [name for name in found if "weights" in name and f"step_{newest}/" not in name]
        spared = {"labels/labels.jsonl", *needless} if self.tampered else set()
        return {name: digest for name, digest in found.items() if name not in spared}


class WarmRun(Run):
    """The same where each training starts from the weights before it."""

    words = WARM


@pytest.mark.parametrize("machine", [Run, WarmRun])
def test_any_history_ends_the_same(machine: type[Run], finished: Callable[..., Path]) -> None:
    machine.reference = staticmethod(cache(finished))
    examples = int(os.environ.get("ALRUN_EXAMPLES", 4))
    composed(*machine.words)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=8,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
