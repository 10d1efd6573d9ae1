"""Intake of labels: checked against the training pool, logged, and reported to callbacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alrun.core.events import LabelReceived, PhaseProgress
from alrun.core.queues import FifoQueue
from alrun.core.request import same_value
from alrun.core.types import Annotation, LabelStatus, Task
from alrun.driver.durable_queue import Intake, PassedThrough
from alrun.pool.foreign import check_labels

if TYPE_CHECKING:
    from alrun.driver.experiment import ExperimentContext
    from alrun.driver.state import State

__all__ = ["LabelIntake", "Requests", "tell_label"]


class Requests(FifoQueue):
    """The requests of a step, as a label strategy takes them: none is given out where its label could not be kept.

    Attributes:
        taken: How many have been taken.
    """

    def __init__(self, items: Sequence[Any], check: Callable[[], None]) -> None:
        """Offer ``items``; ``check`` raises where their labels could not be kept."""
        super().__init__(items)
        self._check = check
        self.taken = 0

    def get(self) -> Any:
        """Remove and return the oldest request.

        Raises:
            IndexError: There is none.
            RunDirectoryLost: The run directory has been removed or replaced.
        """
        self._check()
        item = super().get()
        self.taken += 1
        return item


class LabelIntake(Intake):
    """Takes the labels of one step of an experiment in."""

    def __init__(self, experiment: ExperimentContext, state: State, total: int) -> None:
        """Take labels in for the current step, which has ``total`` requests."""
        self._experiment, self._state = experiment, state
        self._step = state.step
        self._total = total
        # Counted, not kept: they may be large, and the label log has them.
        answers = list(experiment.store.labels.answers(self._step).values())
        self._count, self._only_passed = len(answers), self._is_passed_through(answers)

    def check(self, annotations: Sequence[Annotation]) -> None:
        """Refuse what the training pool could not take, before it is acknowledged: it would stand in the way for ever.

        Raises:
            PassedThrough: The strategy hands requests through, where the pool needs targets.
            AlrunError: An answer cannot be used, or not be stored.
        """
        if self._only_passed and self._count + len(annotations) > 1 and self._is_passed_through(annotations):
            hint = "put (item, target) or alrun.core.types.Annotation in the serialize queue"
            raise PassedThrough(f"returned the requests themselves, without targets: {hint}")
        check_labels(self._experiment.pools.training, annotations)
        for annotation in annotations:
            self._experiment.store.labels.check_storable(annotation)

    def append(self, answers: Sequence[tuple[int, Annotation]]) -> None:
        """Make (order, annotation) pairs durable together, and tell of those that are answers."""
        experiment = self._experiment
        answers = self._without_secrets(answers)
        experiment.store.labels.append(self._step, answers)
        sound = [(order, one) for order, one in answers if one.status is not LabelStatus.REJECTED]
        for order, annotation in answers:
            if annotation.status is LabelStatus.REJECTED:
                which = f"request {order}" if order >= 0 else "no request"
                why = f"charged {annotation.cost:g} for {which} of step {self._step}: {annotation.reason}"
                experiment.logger.warning("%s", why)
        self._only_passed = self._only_passed and self._is_passed_through([one for _, one in sound])
        self._count += len(sound)
        for order, annotation in sound:
            tell_label(experiment, self._state, order, annotation)
        done = len(experiment.store.labels.answers(self._step))
        experiment.notify.tell(PhaseProgress, done=done, total=self._total)
        experiment.signals.check()

    def keep_late(self, answers: Sequence[tuple[int, Annotation]]) -> None:
        """Make answers durable that came after the call had failed; their requests are not asked again."""
        self._experiment.store.keep_late(self._step, self._without_secrets(answers))
        self._experiment.logger.warning(
            "%d answers of step %d came after their call had failed", len(answers), self._step
        )

    def refuse_late(self, count: int) -> None:
        """Say that answers came when their requests had been given up."""
        self._experiment.logger.error("%d answers of step %d came after their call had ended", count, self._step)

    def undisturbed(self) -> AbstractContextManager[None]:
        """Return a context in which the limit of the label strategy does not interrupt."""
        return self._experiment.deadline.paused()

    def _without_secrets(self, answers: Sequence[tuple[int, Annotation]]) -> list[tuple[int, Annotation]]:
        """Return ``answers`` whose reasons, often the text of an exception, name secrets by their references."""
        hidden = self._experiment.store.hidden
        return [(order, replace(one, reason=hidden(one.reason)) if one.reason else one) for order, one in answers]

    def _is_passed_through(self, answers: Sequence[Annotation]) -> bool:
        """Return whether answers look like their requests; row numbers that are classes may well be their labels."""
        if self._experiment.source is None:
            return False
        if answers and all(self._may_be_class(one.target) for one in answers):
            return False
        return all(same_value(one.item, one.target) for one in answers)

    def _may_be_class(self, target: Any) -> bool:
        spec = self._experiment.spec
        classes = spec.num_labels if spec is not None and spec.task is Task.CLASSIFICATION else 0
        return isinstance(target, int) and 0 <= target < classes


def tell_label(
    experiment: ExperimentContext, state: State, order: int, annotation: Annotation, *, again: bool = False
) -> None:
    """Tell callbacks of one label."""
    if experiment.notify.listens(LabelReceived):
        uuid = experiment.ledger.uuid(state.step, order)
        experiment.notify.tell(LabelReceived, again=again, order=order, uuid=uuid, annotation=annotation)
