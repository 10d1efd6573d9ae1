"""Labeling: have the queried samples labelled, each answer durable as it arrives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from alrun.core.errors import CorruptionError, StrategyError
from alrun.core.events import LabelReceived, PhaseProgress
from alrun.core.phases import ActiveLearningPhase
from alrun.core.types import Annotation, LabelStatus, Task
from alrun.driver.calls import calling
from alrun.driver.phases.base import PhaseResult
from alrun.driver.queues import DurableQueue, FifoQueue, same_item

if TYPE_CHECKING:
    from alrun.driver.host import Host
    from alrun.store.checkpoints import Commit

__all__ = ["LabelingPhase"]


class LabelingPhase:
    """Asks the label strategy for what the label log does not hold yet."""

    tag = ActiveLearningPhase.LABELING

    def run(self, driver: Host) -> PhaseResult:
        """Ask; requests that come back unanswered are noted as skipped."""
        step = driver.active_learning_step_idx
        requests = list(enumerate(driver.query_queue.to_list()))
        if driver.label_strategy is None:
            return PhaseResult({"answers": 0, "digest": driver.store.labels.digest(step)})
        known = driver.store.labels.answers(step)
        if len(known) == len(requests) and not _any_labelled(known):
            # The run was ended for it: whoever starts it again wants them asked again.
            known = {}
        for order, annotation in known.items():
            _tell(driver, order, annotation, again=True)
        outstanding = [(order, item) for order, item in requests if order not in known]
        strategy = driver.label_strategy
        answers = DurableQueue(
            outstanding,
            partial(_acknowledge, driver, len(requests)),
            partial(_wrap, strategy),
            type(strategy).__name__,
            getattr(driver.unlabeled_pool, "uuids", None),
        )
        if outstanding:
            _ask(driver, [item for _, item in outstanding], answers)
        received = driver.store.labels.answers(step)
        _refuse_passed_through(driver, list(received.values()))
        _refuse_all_failed(received, step)
        self._collect(driver)
        return PhaseResult({"answers": len(requests), "digest": driver.store.labels.digest(step)})

    def restore(self, driver: Host, commit: Commit) -> None:
        """Take the answers from the label log; asks again for what the log no longer holds."""
        if driver.store.labels.digest(commit.step) != commit.state()["digest"]:
            raise CorruptionError(f"the label log no longer holds every answer of step {commit.step}")
        self._collect(driver)

    def committed(self, driver: Host) -> None:
        """Nothing to tidy."""

    def _collect(self, driver: Host) -> None:
        answers = driver.store.labels.answers(driver.active_learning_step_idx)
        driver.label_queue.from_list([answers[order] for order in sorted(answers)])
        driver.ledger.add_answers(driver.active_learning_step_idx, answers)
        driver.query_queue.from_list([])


def _ask(driver: Host, items: Sequence[Any], answers: DurableQueue) -> None:
    """Have the label strategy answer; what it leaves is skipped, and what it answers afterwards is refused."""
    strategy: Any = driver.label_strategy
    try:
        with calling(driver, strategy, ActiveLearningPhase.LABELING):
            strategy.label(FifoQueue(items), answers)
        answers.finish(_skipped)
    finally:
        answers.close()


def _acknowledge(driver: Host, total: int, answers: Sequence[tuple[int, Annotation]]) -> None:
    step = driver.active_learning_step_idx
    annotations = [annotation for _, annotation in answers]
    with driver.deadline.paused():
        _refuse_passed_through(driver, annotations)
        _refuse_unusable(driver, annotations)
        driver.store.labels.append(step, answers)
        done = len(driver.store.labels.answers(step))
        for order, annotation in answers:
            _tell(driver, order, annotation)
        driver.notify.tell(PhaseProgress, done=done, total=total)
        driver.signals.check()


def _refuse_unusable(driver: Host, annotations: Sequence[Annotation]) -> None:
    """Refuse what the training pool could not take, before it is acknowledged: it would stand in the way for ever."""
    check = getattr(driver.training_pool, "check", None)
    if check is None:
        return
    try:
        check(annotations)
    except StrategyError as error:
        name = type(driver.label_strategy).__name__
        raise StrategyError(f"{name} gave an answer that cannot be used: {error}") from error


def _tell(driver: Host, order: int, annotation: Annotation, *, again: bool = False) -> None:
    if driver.notify.listens(LabelReceived):
        uuid = driver.ledger.uuid(driver.active_learning_step_idx, order)
        driver.notify.tell(LabelReceived, again=again, order=order, uuid=uuid, annotation=annotation)


def _any_labelled(answers: Mapping[int, Annotation]) -> bool:
    return any(answer.status is LabelStatus.LABELLED for answer in answers.values())


def _refuse_all_failed(answers: Mapping[int, Annotation], step: int) -> None:
    """End the run where not one request was answered: nothing would change by going on."""
    if answers and not _any_labelled(answers):
        first = answers[min(answers)]
        raise StrategyError(
            f"none of the {len(answers)} label requests of step {step} was answered; "
            f"the first: {first.status}, {first.reason}\n    → mend the label strategy and type the same command again"
        )


def _skipped(item: Any) -> Annotation:
    return Annotation(item, status=LabelStatus.SKIPPED, cost=0.0, reason="not answered")


def _wrap(strategy: Any, request: Any, answer: Any) -> Annotation:
    """Read a bare answer: ``(anything, target)``, or whatever the training pool's own ``append`` takes."""
    target = answer[1] if isinstance(answer, tuple) and len(answer) == 2 else answer
    return Annotation(request, target, annotator=type(strategy).__name__)


def _refuse_passed_through(driver: Host, answers: Sequence[Annotation]) -> None:
    """Refuse a label strategy that hands requests through, where the pool needs targets.

    Row numbers that are also classes of the data may well be their own labels.
    """
    if driver.pools_own_their_labels or len(answers) < 2 or all(_may_be_class(driver, one.target) for one in answers):
        return
    if all(same_item(answer.item, answer.target) for answer in answers):
        raise StrategyError(
            f"{type(driver.label_strategy).__name__} returned the requests themselves, without targets\n"
            "    → put (item, target) or alrun.core.types.Annotation in the serialize queue"
        )


def _may_be_class(driver: Host, target: Any) -> bool:
    spec = driver.spec
    classes = spec.num_outputs if spec is not None and spec.task is Task.CLASSIFICATION else 0
    return isinstance(target, int) and 0 <= target < classes
