"""R13: the process dies between a label's arrival and the next commit, for every label strategy that there is."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from crash_bench import composed, digests, run  # type: ignore[import-not-found]
from hydra.utils import get_class

from alrun.config.paths import conf_dir
from alrun.core.errors import StoreError, StrategyError
from alrun.core.protocols.strategies import LabelStrategy
from alrun.core.types import Annotation, LabelStatus
from alrun.driver.durable_queue import DurableQueue, Intake
from alrun.driver.open_requests import OpenRequests
from alrun.runner.verify import verify
from alrun.store.append_log import AppendLog
from alrun.store.audit import read_labels
from alrun.store.rundir import RunDirectory
from alrun.testing.faults import Crash, Faults, SimulatedCrash
from alrun.testing.host import hosted
from alrun.testing.label_deaths import LabelDeaths

#: What an option needs beside its name to run; a new one that needs nothing is found and examined as it is.
NEEDS = {
    "function": (
        *("data=function", "query=random", "label.batch_size=2"),
        "label.function._target_=alrun.data.simulators.branin",
    )
}
OPTIONS = sorted(path.stem for path in (conf_dir() / "label").glob("*.yaml"))


@pytest.mark.parametrize("option", OPTIONS)
def test_in_a_whole_run(option: str, fresh: Callable[[], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    words = (f"label={option}", *NEEDS.get(option, ()), "budget=6")
    asked: list[Any] = []
    strategy: Any = get_class(composed(*words).config.label._target_)
    label = strategy.label

    def spied(self: Any, queue_to_label: Any, serialize_queue: Any, *args: Any, **kwargs: Any) -> None:
        asked.extend((self.driver.active_learning_step_idx, item) for item in queue_to_label.to_list())
        label(self, queue_to_label, serialize_queue, *args, **kwargs)

    monkeypatch.setattr(strategy, "label", spied)
    whole = fresh()
    with Faults(whole) as watch:
        run(whole, *words)
    points = [n for n, (_, path) in enumerate(watch.trace) if "/labels" in path or "labeling" in path]
    assert len(points) > 15
    for number, point in enumerate(points[len(option) % 3 :: 3]):
        place = fresh()
        with suppress(SimulatedCrash), Faults(place, Crash(point, half=number % 2 == 1, lose_unsynced=number % 3 == 0)):
            run(place, *words)
        safe = {(step, item) for step, item in acknowledged(place)}
        asked.clear()
        assert run(place, *words).info["labels"] == 6
        assert not safe & set(asked), "bought twice"
        assert digests(place) == digests(whole), watch.trace[point]
        assert verify(place).holds


def acknowledged(place: Path) -> list[tuple[int, Any]]:
    book = read_labels(RunDirectory(place)).book
    return [(step, answer.item) for step in book.steps for answer in book.answers(step).values()]


class Threads(LabelStrategy):
    """Answers from several threads, in whatever order they get to it."""

    __is_external_process__ = True

    def label(self, queue_to_label: Any, serialize_queue: Any, *args: Any, **kwargs: Any) -> None:
        with ThreadPoolExecutor(3) as pool:
            for _ in pool.map(lambda item: serialize_queue.put(self.answer(item)), queue_to_label.to_list()):
                queue_to_label.get()

    def answer(self, item: int) -> Any:
        return Annotation(item, int(self.driver.unlabeled_pool.reveal(torch.tensor([item]))[0]), "threads", 2.0)


class Bare(Threads):
    """Puts pairs of whatever and a label, one by one: code that knows nothing of annotations."""

    def label(self, queue_to_label: Any, serialize_queue: Any, *args: Any, **kwargs: Any) -> None:
        while not queue_to_label.empty():
            serialize_queue.put(("anything", self.answer(queue_to_label.get()).target))


class Program(Threads):
    """Asks a program, which answers a line a request."""

    def label(self, queue_to_label: Any, serialize_queue: Any, *args: Any, **kwargs: Any) -> None:
        items = [queue_to_label.get() for _ in range(len(queue_to_label))]
        lines = "".join(f"{item}\n" for item in items)
        program = ["sh", "-c", "while read item; do echo $item $((item % 3)); done"]
        answer = subprocess.run(program, input=lines, capture_output=True, text=True, check=True)
        for line in answer.stdout.splitlines():
            item, label = map(int, line.split())
            serialize_queue.put(Annotation(item, label, "program"))


class Fails(Threads):
    """Has no label for the first rows; they cost something all the same."""

    def label(self, queue_to_label: Any, serialize_queue: Any, *args: Any, **kwargs: Any) -> None:
        first = min(self.driver.unlabeled_pool.pending.tolist())
        while not queue_to_label.empty():
            item = queue_to_label.get()
            failed = Annotation(item, status=LabelStatus.FAILED, reason="diverged")
            serialize_queue.put(failed if item < first + 6 else self.answer(item))


def pending(driver: Any) -> list[int]:
    rows: list[int] = driver.unlabeled_pool.pending.tolist()
    return rows[:4]


def deaths(strategy: Callable[[], Any]) -> LabelDeaths:
    return LabelDeaths(strategy, lambda place: hosted(place / f"{len(list(place.iterdir()))}"), pending)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "hosts").mkdir()
    return tmp_path


@pytest.mark.parametrize("strategy", [Threads, Bare, Program, Fails])
def test_a_strategy_that_knows_nothing_of_it(strategy: Callable[[], Any], place: Path) -> None:
    assert deaths(strategy).examine(place) > 15


def test_a_log_that_is_not_flushed_is_caught(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AppendLog, "append", lambda self, data: os.write(self._descriptor, data))
    with pytest.raises(AssertionError, match="acknowledged answer is lost"):
        deaths(Bare).examine(place)


def test_a_strategy_whose_labels_depend_on_what_came_before_is_caught(place: Path) -> None:
    class Counts(Bare):
        """Answers with the number of its answers."""

        def __init__(self) -> None:
            self.count = 0

        def answer(self, item: int) -> Any:
            self.count += 1
            return Annotation(item, self.count % 3)

    with pytest.raises(AssertionError, match="not those of an uninterrupted phase"):
        deaths(Counts).examine(place)


def test_answers_that_come_after_the_call_are_refused() -> None:
    kept: list[Any] = []
    queue = DurableQueue(OpenRequests([(0, 5), (1, 6)]), Intake(kept.extend), Annotation)
    queue.put(Annotation(6, 1))
    queue.finish(lambda item: Annotation(item, status=LabelStatus.SKIPPED))
    assert [(order, one.item, one.status) for order, one in kept] == [(1, 6, "labelled"), (0, 5, "skipped")]
    with pytest.raises(StrategyError, match="after its call had ended"):
        queue.put(Annotation(5, 1))
    assert len(kept) == 2


def test_an_answer_that_the_disk_refused_may_be_given_again() -> None:
    kept: list[Any] = []

    def refuse_once(answers: Any) -> None:
        kept.extend(answers)
        if len(kept) == 1:
            raise StoreError("no space left")

    queue = DurableQueue(OpenRequests([(0, 5), (1, 6)]), Intake(refuse_once), Annotation)
    with pytest.raises(StoreError):
        queue.put(Annotation(6, 1))
    assert [order for order, _ in queue.open_requests] == [0, 1]
    queue.put(Annotation(6, 1))
    assert [order for order, _ in queue.open_requests] == [0]


def test_an_error_in_a_thread_ends_the_call() -> None:
    def refuse(answers: Any) -> None:
        raise OSError("no space left")

    queue = DurableQueue(OpenRequests([(0, 5), (1, 6)]), Intake(refuse), Annotation)
    with ThreadPoolExecutor() as pool:
        pool.submit(queue.put, Annotation(5, 1))
    with pytest.raises(OSError, match="no space left"):
        queue.finish(lambda item: Annotation(item, status=LabelStatus.SKIPPED))
