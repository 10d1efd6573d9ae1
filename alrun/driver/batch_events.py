"""Events of training and evaluation batches, for callbacks that listen to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from alrun.core.events import EvalStepFinished, EvalStepStarted, Event
from alrun.core.protocols import Predictor
from alrun.core.types import Prediction
from alrun.driver.notify import Notifier

__all__ = ["EventWatch", "WatchedPredictor", "watch"]


class EventWatch:
    """A ``BatchWatch`` that makes events."""

    def __init__(self, notify: Notifier, started: type[Event], finished: type[Event], **fixed: Any) -> None:
        """Tell of each batch by the events ``started`` and ``finished``, with the ``fixed`` values."""
        self._notify, self._started, self._finished, self._fixed = notify, started, finished, fixed
        self._hears_end = notify.listens(finished)

    def started(self, epoch: int, index: int) -> None:
        """Report the beginning of a batch."""
        self._notify.tell(self._started, epoch=epoch, index=index, metrics={}, **self._fixed)

    def finished(self, epoch: int, index: int, samples: int, metrics: Mapping[str, Any]) -> None:
        """Report its end; values on a device are waited for."""
        if self._hears_end:
            values = {name: _number(value) for name, value in metrics.items() if _is_number(value)}
            self._notify.tell(self._finished, epoch=epoch, index=index, samples=samples, metrics=values, **self._fixed)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) or getattr(value, "ndim", None) == 0


def _number(value: Any) -> float:
    return float(value.detach() if hasattr(value, "detach") else value)


def watch(notify: Notifier, started: type[Event], finished: type[Event], **fixed: Any) -> EventWatch | None:
    """Return whom to tell of batches; ``None`` where no callback listens, so that nothing is to be done for each."""
    return EventWatch(notify, started, finished, **fixed) if notify.listens(started, finished) else None


class WatchedPredictor:
    """The streamed predictor; its chunks are the batches of an evaluation while one is under way."""

    def __init__(self, predictor: Predictor, notify: Notifier, evaluation: Callable[[], str]) -> None:
        """Pass on to ``predictor``; ``evaluation`` returns the name of the evaluation under way, or nothing."""
        self._predictor, self._notify, self._evaluation = predictor, notify, evaluation
        self._listened = notify.listens(EvalStepStarted, EvalStepFinished)

    def __call__(self, pool: Any, *, embeddings: bool = False) -> Iterator[Prediction]:
        """Yield predictions for the rows of ``pool``, in pool order."""
        predictions = self._predictor(pool, embeddings=embeddings)
        name = self._evaluation() if self._listened else ""
        return self._told(name, predictions, len(pool)) if name else predictions

    def _told(self, name: str, predictions: Iterator[Prediction], total: int) -> Iterator[Prediction]:
        done = index = 0
        while done < total:
            self._notify.tell(EvalStepStarted, name=name, index=index, metrics={})
            prediction = next(predictions)
            yield prediction
            samples = len(prediction.indices)
            self._notify.tell(EvalStepFinished, name=name, index=index, samples=samples, metrics={})
            done, index = done + samples, index + 1
        yield from predictions
