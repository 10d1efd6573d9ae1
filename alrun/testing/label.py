"""Conformance suite for label strategies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from alrun.core.errors import AlrunError, StrategyError
from alrun.core.phases import ActiveLearningPhase
from alrun.core.queues import FifoQueue
from alrun.core.types import Annotation, LabelStatus, Task
from alrun.driver.driver import Driver
from alrun.driver.durable_queue import DurableQueue, Intake
from alrun.driver.open_requests import OpenRequests
from alrun.testing.host import hosted, supported_task
from alrun.testing.label_deaths import LabelDeaths
from alrun.testing.watch import generators_in_state, generators_untouched, learner_untouched

__all__ = ["LabelConformance"]

REJECTED = LabelStatus.REJECTED


class LabelConformance:
    """Examines a label strategy. Subclass it under a name that starts with ``Test`` and write ``strategy``.

    Attributes:
        task: What it is examined on; ``None`` for the first task among its ``tasks``. Override ``host`` for others.
    """

    task: ClassVar[Task | None] = None

    def strategy(self) -> Any:
        """Return a new strategy, not attached."""
        raise NotImplementedError("write strategy(self) in your subclass of the conformance suite")

    @contextmanager
    def host(self, directory: Path, seed: int = 0) -> Iterator[Driver]:
        """Open a new experiment below ``directory``, with rows that wait for their labels."""
        run = directory / f"host_{len(list(directory.iterdir()))}"
        with hosted(run, self.task or supported_task(self.strategy()), seed=seed) as driver:
            driver.current_phase = ActiveLearningPhase.LABELING
            yield driver

    def answers(self, driver: Driver, items: Sequence[Any]) -> list[Annotation]:
        """Return what a new strategy, attached to ``driver``, answers to ``items``, as the driver understands it."""
        strategy = self.strategy()
        strategy.attach(driver)
        answered: list[Annotation] = []
        intake = Intake(lambda batch: answered.extend(one for _, one in batch if one.status != REJECTED))
        serialize_queue = DurableQueue(OpenRequests(list(enumerate(items))), intake, _annotated)
        requests = FifoQueue(items)
        strategy(requests, serialize_queue)
        left = [item for _, item in serialize_queue.open_requests]
        assert not left, f"left {len(left)} of {len(items)} requests without an answer"
        assert requests.empty(), "left requests in the queue"
        return answered

    def test_declares_what_it_is(self) -> None:
        """It says that it is a label strategy, whether it asks outside, and what it fills in."""
        strategy = self.strategy()
        assert strategy.__protocol_type__ == ActiveLearningPhase.LABELING
        assert isinstance(strategy.__is_external_process__, bool)
        assert strategy.__provides_fields__ is None or isinstance(strategy.__provides_fields__, set)
        assert not strategy.is_attached

    @pytest.mark.parametrize("count", [0, 1, 30])
    def test_answers_every_request_once(self, tmp_path: Path, count: int) -> None:
        """One answer a request: a usable label, or the reason why there is none."""
        with self.host(tmp_path) as driver:
            rows = _pending(driver)[:count]
            answered = self.answers(driver, rows)
            assert sorted(answer.item for answer in answered) == sorted(rows)
            for answer in answered:
                _check(answer, driver.unlabeled_pool.spec)

    def test_a_label_does_not_depend_on_its_batch(self, tmp_path: Path) -> None:
        """A row gets the same label alone, in company, and in another order."""
        with self.host(tmp_path) as driver:
            rows = _pending(driver)
            together = _labels(self.answers(driver, rows))
            assert _labels(self.answers(driver, rows[::-1])) == together
            for row in rows[:5]:
                assert _labels(self.answers(driver, [row])) == {key: one for key, one in together.items() if key == row}

    def test_same_seed_same_labels(self, tmp_path: Path) -> None:
        """Two new experiments with one seed get the same labels, wherever the global generators stand."""
        labels = []
        for state in (1, 2):
            with self.host(tmp_path) as driver, generators_in_state(state), generators_untouched():
                labels.append(_labels(self.answers(driver, _pending(driver))))
        assert labels[0] == labels[1]

    def test_what_is_acknowledged_outlives_the_process(self, tmp_path: Path) -> None:
        """Wherever the process dies while labels arrive: none is lost, doubled, or asked for again."""
        (tmp_path / "hosts").mkdir()
        assert LabelDeaths(self.strategy, self.host, lambda driver: _pending(driver)[:5]).examine(tmp_path) > 10

    def test_goes_on_behind_a_bad_answer(self, tmp_path: Path) -> None:
        """Where one answer is refused, the others are kept, and what is open is answered when it is asked again."""
        with self.host(tmp_path) as driver:
            rows = _pending(driver)[:5]
            together = _labels(self.answers(driver, rows))
            for bad in (rows[0], rows[2]):
                requests, intake = OpenRequests(list(enumerate(rows))), _Picky(bad)
                strategy = self.strategy()
                strategy.attach(driver)
                with suppress(AlrunError):
                    strategy(FifoQueue(rows), DurableQueue(requests, intake, _annotated))
                left = [item for _, item in requests.items]
                assert bad in left, "the answer that was refused is counted"
                again = self.answers(driver, left)
                assert _labels([*intake.sound, *again]) == together, "labels depend on what was answered before"
                twice = {answer.item for answer in intake.sound} & {answer.item for answer in again}
                assert not twice, "answers that were kept are given again"

    def test_leaves_learner_and_pools_alone(self, tmp_path: Path) -> None:
        """Labels travel through the queue; the driver moves the rows."""
        with self.host(tmp_path) as driver, learner_untouched(driver.learner):
            pending, labelled = _pending(driver), len(driver.training_pool)
            self.answers(driver, pending)
            assert _pending(driver) == pending
            assert len(driver.training_pool) == labelled


class _Picky(Intake):
    """Takes every answer but that for one row."""

    def __init__(self, bad: int) -> None:
        self.sound: list[Annotation] = []
        self._bad = bad
        super().__init__(lambda batch: self.sound.extend(one for _, one in batch if one.status != REJECTED))

    def check(self, annotations: Sequence[Annotation]) -> None:
        if any(answer.item == self._bad for answer in annotations):
            raise StrategyError("refused, to see what becomes of the others")


def _annotated(request: Any, answer: Any) -> Annotation:
    return Annotation(request, answer[1] if isinstance(answer, tuple) and len(answer) == 2 else answer)


def _pending(driver: Driver) -> list[int]:
    pool: Any = driver.unlabeled_pool
    rows: list[int] = pool.pending.tolist()
    return rows


def _labels(answers: Sequence[Annotation]) -> dict[int, Any]:
    return {answer.item: torch.as_tensor(answer.target).tolist() for answer in answers if answer.target is not None}


def _check(answer: Annotation, spec: Any) -> None:
    if answer.status is not LabelStatus.LABELLED:
        assert answer.reason, f"row {answer.item} is {answer.status} without a reason"
        return
    label = torch.as_tensor(answer.target)
    if spec.task is Task.SEGMENTATION:
        assert label.shape == spec.mask_shape, f"row {answer.item} has a mask of shape {tuple(label.shape)}"
        assert 0 <= int(label.min()) <= int(label.max()) < spec.num_outputs, f"row {answer.item} has other classes"
        return
    if spec.task is Task.MULTI_LABEL:
        assert label.shape == (spec.num_outputs,), f"row {answer.item} has {answer.target!r} instead of marks"
        assert set(label.tolist()) <= {0, 1}, f"row {answer.item} has {answer.target!r} instead of marks"
        return
    if spec.task is Task.CLASSIFICATION:
        assert label.ndim == 0, f"row {answer.item} has label {answer.target!r} instead of a class"
        assert 0 <= int(label) < spec.num_labels, f"row {answer.item} has label {answer.target!r} instead of a class"
        return
    assert label.numel() == spec.num_outputs, f"row {answer.item} has label {answer.target!r} instead of a number"
    assert bool(label.isfinite().all()), f"row {answer.item} has label {answer.target!r}, which is not finite"
