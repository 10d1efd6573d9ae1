"""R13: the run directory is removed, moved or replaced under the process that runs it; what was paid is not lost."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from bad_batches import Till  # type: ignore[import-not-found]
from crash_bench import composed, digests, run  # type: ignore[import-not-found]

from alrun.config.compose import Composed
from alrun.config.targets import Trust
from alrun.core.callback import Callback
from alrun.core.errors import LockedError, RunDirectoryLost
from alrun.label.oracle import Oracle
from alrun.runner.run import Experiment
from alrun.runner.verify import verify
from alrun.store.lock import RunLock
from alrun.testing.faults import Crash, Faults, SimulatedCrash

Fresh = Callable[[], Path]


def removed(place: Path) -> None:
    shutil.rmtree(place)


def moved(place: Path) -> None:
    place.rename(place.with_name("elsewhere"))


def replaced(place: Path) -> None:
    moved(place)
    shutil.copytree(place.with_name("elsewhere"), place)


def log_replaced(place: Path) -> None:
    log = place / "labels/labels.jsonl"
    log.with_name("other").write_bytes(b"")
    log.with_name("other").rename(log)


def lock_removed(place: Path) -> None:
    (place / ".lock").unlink()


def checkpoints_replaced(place: Path) -> None:
    (place / "checkpoints").rename(place / "before")
    (place / "checkpoints").mkdir()


CASES = [removed, moved, replaced, log_replaced, lock_removed, checkpoints_replaced]


@pytest.fixture
def till(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Till:
    """Every label that any run of the test buys, one by one, is sold here."""
    kept = Till(tmp_path / "till")
    answer = Oracle.answer

    def sold(self: Oracle, items: list[Any]) -> Any:
        for item in items:
            kept.sell((self.driver.active_learning_step_idx, item), None, self.cost)
        return answer(self, items)

    monkeypatch.setattr(Oracle, "answer", sold)
    monkeypatch.setattr(Oracle, "__init__", lambda self, cost=1.0: super(Oracle, self).__init__(1, cost))
    return kept


class At(Callback):
    """Does something to the run once, when ``labels`` labels have arrived."""

    def __init__(self, labels: int, do: Callable[[], Any]) -> None:
        self.left, self.do = labels, do

    def on_label_received(self, event: Any) -> None:
        self.left -= 1
        if self.left == 0:
            self.do()


@pytest.mark.parametrize("how", CASES, ids=[one.__name__ for one in CASES])
def test_it_stops_and_the_labels_are_taken_in_later(
    how: Callable[[Path], None], fresh: Fresh, finished: Callable[..., Path], till: Till
) -> None:
    place = fresh()
    outcome = run(place, listeners=(At(5, lambda: how(place)),))
    assert isinstance(outcome.error, RunDirectoryLost)
    assert outcome.exit_code == 1
    (rescued,) = place.parent.glob("run.rescued-*")
    assert str(place) in str(outcome.error)
    assert str(rescued) in str(outcome.error)
    assert len(till.sales) == 5, "bought more labels"
    if how is removed or how is moved:
        assert not place.exists(), "the directory was made anew"
    if how is moved:
        place = place.with_name("elsewhere")
        rescued.rename(place.with_name(rescued.name.replace("run", "elsewhere")))
    assert run(place).info["labels"] == 9
    assert len(set(till.sales)) == len(till.sales) == 9, "bought twice"
    assert not list(place.parent.glob("*.rescued-*"))
    assert verify(place).holds
    expected = {name: digest for name, digest in digests(finished()).items() if name != "labels/labels.jsonl"}
    assert expected.items() <= digests(place).items()


def test_a_death_while_they_are_taken_in_changes_nothing(fresh: Fresh, till: Till) -> None:
    place = fresh()
    run(place, listeners=(At(5, lambda: removed(place)),))
    count, point = 1, 0
    while point < count:
        root = place.parent.with_name(f"died at {point}")
        shutil.copytree(place.parent, root)
        with suppress(SimulatedCrash), Faults(root, Crash(point, point % 8 > 3, point % 3 == 1)):
            run(root / "run", "budget=6")
        if point == 0:
            with Faults(root) as watch:
                run(root / "run", "budget=6")
            count = 1 + max(n for n, (_, path) in enumerate(watch.trace) if "rescued" in path)
        assert run(root / "run", "budget=6").info["labels"] == 6
        assert sum(costs(root / "run")) == 6, point
        assert not list(root.glob("*.rescued-*"))
        point += 4
    assert count > 20


def test_a_second_process_buys_nothing_that_the_first_pays(fresh: Fresh, till: Till) -> None:
    """The second begins while the first waits for a label; the first stops at it, and pays no further one."""
    place = fresh()

    def again() -> None:
        removed(place)
        first = len(till.sales)
        assert run(place).info["labels"] == 9
        assert len(till.sales) == first + 9

    outcome = run(place, listeners=(At(4, again),))
    assert isinstance(outcome.error, RunDirectoryLost)
    assert len(till.sales) == 4 + 9
    assert run(place).answered
    # The two paid for four requests twice: the ledger says so as soon as the run goes on.
    assert run(place, "budget=10").info["labels"] == 10
    assert sum(costs(place)) == len(till.sales) == 14
    assert verify(place).holds


def costs(place: Path) -> list[float]:
    import pandas as pd

    found: list[float] = pd.read_parquet(place / "acquisitions.parquet")["cost"].tolist()
    return found


def test_a_copy_made_of_hard_links_stays_as_it_is(fresh: Fresh, finished: Callable[..., Path]) -> None:
    place = fresh()
    shutil.copytree(finished("budget=6"), place)
    copy = place.with_name("copy")
    shutil.copytree(place, copy, copy_function=os.link)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file() and path.name != ".lock"}
    with RunLock(place):
        assert (place / ".lock").stat().st_ino != (copy / ".lock").stat().st_ino
        with RunLock(copy), pytest.raises(LockedError), RunLock(place):
            pass
    assert run(place, "budget=9").info["labels"] == 9
    assert {path: path.read_bytes() for path in before} == before
    assert verify(copy).holds
    assert run(copy, "budget=9").info["labels"] == 9
    assert digests(copy) == digests(place)


def test_twenty_launches_that_start_over_get_a_run_each(fresh: Fresh) -> None:
    place, codes, errors = fresh(), list[int](), list[BaseException]()
    run(place, "budget=3")
    # One each: OmegaConf takes a config apart while it copies it.
    configs = [deepcopy(composed("budget=3", "fresh=true")) for _ in range(20)]

    def launch(config: Composed) -> None:
        try:
            codes.append(Experiment(config, Trust(), place=place).run().exit_code)
        except LockedError:
            codes.append(75)
        except BaseException as error:  # a thread must not swallow it
            errors.append(error)

    threads = [threading.Thread(target=launch, args=(config,)) for config in configs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert set(codes) <= {0, 75}
    runs = [path.parent for path in place.parent.glob("run*/run.json")]
    assert len(runs) == 1 + codes.count(0)
    for one in runs:
        assert verify(one).findings == (), one
        assert len((one / "labels/labels.jsonl").read_bytes().splitlines()) == 3


def test_what_was_rescued_is_set_aside_with_its_run(fresh: Fresh, till: Till) -> None:
    place = fresh()
    run(place, listeners=(At(5, lambda: removed(place)),))
    assert run(place, "fresh=true").info["labels"] == 9
    assert len(till.sales) == 5 + 9
    assert [path.name.partition(".rescued-")[0] for path in place.parent.glob("*.rescued-*")] == ["run.aside-1"]
