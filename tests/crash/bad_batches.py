"""Label strategies that misbehave in one place of a batch, and an oracle that counts what it sells, outside the run."""

from __future__ import annotations

import json
import logging
import math
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from alrun.core.errors import AlrunError
from alrun.core.names import named
from alrun.core.phases import ActiveLearningPhase
from alrun.core.protocols.strategies import LabelStrategy
from alrun.core.types import Annotation, LabelStatus
from alrun.driver.driver import Driver
from alrun.driver.phases.labeling import LabelingPhase
from alrun.store.label_lines import DamagedLine, LabelReader
from alrun.store.run_store import RunStore
from alrun.store.rundir import RunDirectory
from alrun.testing.host import hosted

REQUESTS = 5
PRICE = 2.5


class Till:
    """Sells labels; each sale is on disk before the label is handed out."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def sell(self, item: Any, label: Any, price: float = PRICE) -> Any:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(descriptor, json.dumps([str(item), price]).encode() + b"\n")
        os.fsync(descriptor)
        os.close(descriptor)
        return label

    @property
    def sales(self) -> list[tuple[str, float]]:
        if not self._path.exists():
            return []
        return [(item, price) for item, price in map(json.loads, self._path.read_text().splitlines())]


@dataclass
class Batch:
    """What a strategy hands over in one labeling phase.

    Attributes:
        items: The requests.
        sound: The answer to each.
        till: Where further ones are bought.
        at: Place of the bad one.
    """

    items: Sequence[int]
    sound: list[Any]
    till: Till
    at: int
    bare: bool = False

    def replaced(self, **fields: Any) -> list[Any]:
        """Return the answers with other fields in the bad one."""
        answers = list(self.sound)
        good = answers[self.at]
        names = ("item", "target", "annotator", "cost", "status", "reason")
        answers[self.at] = Annotation(**{name: getattr(good, name) for name in names} | fields)
        return answers

    def inserted(self, answer: Any) -> list[Any]:
        """Return the answers with one more."""
        return [*self.sound[: self.at], answer, *self.sound[self.at :]]

    def bought(self, item: Any, label: Any = 1) -> Annotation:
        """Return one more answer."""
        return Annotation(item, self.till.sell(item, label), "till", PRICE)


class Unreadable:
    """Says that it is equal to nothing, loudly."""

    def __eq__(self, other: object) -> bool:
        raise OSError("do not touch")

    __hash__ = None  # type: ignore[assignment]


#: By what is wrong: the answers of a batch. Each was paid for, and none of the others must suffer.
KINDS: dict[str, Callable[[Batch], Any]] = {
    "not asked": lambda b: b.inserted(b.bought(10**6)),
    "not asked, strange": lambda b: b.inserted(b.bought(Unreadable())),
    "a point not asked": lambda b: b.inserted(b.bought(torch.zeros(5))),
    "a second answer": lambda b: b.inserted(b.bought(b.items[min(b.at, len(b.items) - 1)])),
    "no class": lambda b: b.replaced(target=7),
    "a fraction": lambda b: b.replaced(target=0.5),
    "not a number": lambda b: b.replaced(target=math.nan),
    "infinite": lambda b: b.replaced(target=torch.tensor(math.inf)),
    "complex": lambda b: b.replaced(target=1 + 2j),
    "shape": lambda b: b.replaced(target=torch.zeros(3)),
    "text": lambda b: b.replaced(target="1"),
    "nothing": lambda b: b.replaced(target=None),
    "too large": lambda b: b.replaced(target=2**70),
    "cannot be stored": lambda b: b.replaced(target=object()),
    "no data": lambda b: b.replaced(target=torch.empty((), device="meta")),
    "status": lambda b: b.replaced(status="bought"),
    "annotator": lambda b: b.replaced(annotator=b"till"),
    "reason": lambda b: b.replaced(reason="\ud800"),
    "two bad ones": lambda b: [*b.replaced(target=7), b.bought(10**6)],
}


class Hands(LabelStrategy):
    """Buys the labels of all requests and hands them over in one call."""

    __is_external_process__ = True

    def __init__(self, till: Till, change: Callable[[Batch], Any] | None, at: int = 0) -> None:
        self.till, self.change, self.at = till, change, at

    def label(self, queue_to_label: Any, serialize_queue: Any, *args: Any, **kwargs: Any) -> None:
        items = []
        while not queue_to_label.empty():
            items.append(queue_to_label.get())
        sound = [self.answer(item) for item in items]
        batch = Batch(items, sound, self.till, min(self.at, len(items) - 1))
        self.hand(serialize_queue, sound if self.change is None else self.change(batch))

    def hand(self, queue: Any, answers: list[Any]) -> None:
        queue.put_many(answers)

    def answer(self, item: int) -> Any:
        truth = int(self.driver.unlabeled_pool.reveal(torch.tensor([item]))[0])
        return Annotation(item, self.till.sell(item, truth), "till", PRICE)


class OneByOne(Hands):
    """Hands them over one by one, and goes on whatever it is told."""

    def hand(self, queue: Any, answers: list[Any]) -> None:
        for answer in answers:
            try:
                queue.put(answer)
            except AlrunError:
                continue


class Iterator_(Hands):  # noqa: N801
    """Hands over an iterator, which raises at its end."""

    def hand(self, queue: Any, answers: list[Any]) -> None:
        def each() -> Iterator[Any]:
            yield from answers
            if self.change is not None:
                raise ConnectionError("the service is gone")

        queue.put_many(each())


class Threads(Hands):
    """Hands them over from threads."""

    def hand(self, queue: Any, answers: list[Any]) -> None:
        with ThreadPoolExecutor(3) as pool:
            for done in [pool.submit(queue.put, answer) for answer in answers]:
                done.exception()


class Raises(Hands):
    """Raises after the last answer."""

    def hand(self, queue: Any, answers: list[Any]) -> None:
        for answer in answers:
            queue.put(answer)
        raise RuntimeError("and then it fell over")


class Late(Hands):
    """Hangs, and is ended; a thread that it leaves behind answers afterwards."""

    def hand(self, queue: Any, answers: list[Any]) -> None:
        if self.change is None:
            super().hand(queue, answers)
            return
        driver: Any = self.driver
        ended = driver.ended = threading.Event()

        def later() -> None:
            ended.wait()
            for answer in answers:
                try:
                    queue.put(answer)
                except AlrunError:
                    continue

        driver.left_behind = threading.Thread(target=later)
        driver.left_behind.start()
        raise TimeoutError("nobody waits")


WAYS = {"together": Hands, "one by one": OneByOne, "iterator": Iterator_, "threads": Threads, "late": Late}


@dataclass
class Books:
    """What is written down in a run: each line of its label log, and the rows of its ledger."""

    lines: list[Annotation]
    rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def paid(self) -> float:
        return sum(line.cost for line in self.lines)


def phase(place: Path, strategy: Any) -> Books:
    """Run the labeling phase at ``place``, or go on with it, to its commit; return what is written down."""
    run, logger = RunDirectory(place), logging.getLogger("alrun.testing")
    hosts = place.with_name(f"{place.name} hosts")
    hosts.mkdir(exist_ok=True)
    with hosted(hosts / f"{len(list(hosts.iterdir()))}") as driver, RunStore(run, logger) as store:
        driver.state.phase = ActiveLearningPhase.LABELING
        items = driver.unlabeled_pool.pending.tolist()[:REQUESTS]
        driver.query_queue.from_list(items)
        driver.experiment.ledger.add_requests(
            1, {"items": items, "strategies": [""] * len(items), "scores": [0.0] * len(items)}
        )
        strategy.attach(driver)
        strategies = replace(driver.experiment.strategies, label=named([strategy]))
        try:
            experiment = replace(driver.experiment, store=store, strategies=strategies)
            state = LabelingPhase().run(experiment, driver.state).state
        finally:
            _let_answer(driver)
        if store.checkpoints.find(1, ActiveLearningPhase.LABELING) is None:
            store.checkpoints.commit(1, ActiveLearningPhase.LABELING, state, previous="")
        return Books(lines(place), driver.experiment.ledger.acquisitions)


def _let_answer(driver: Driver) -> None:
    if hasattr(driver, "ended"):
        driver.ended.set()
        driver.left_behind.join()  # type: ignore[attr-defined]


def lines(place: Path) -> list[Annotation]:
    """Return what the lines of the label log say."""
    return [line.annotation for line in LabelReader(place / "labels") if not isinstance(line, DamagedLine)]


def labelled(found: Sequence[Annotation]) -> list[Any]:
    return [one.item for one in found if one.status is LabelStatus.LABELLED]
