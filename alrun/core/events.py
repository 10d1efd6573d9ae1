"""Events of a run, typed and read-only; ``Callback`` has a method for each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

from alrun.core.types import Annotation

__all__ = [
    "EpochFinished",
    "EpochStarted",
    "EvalFinished",
    "EvalStarted",
    "EvalStepFinished",
    "EvalStepStarted",
    "Event",
    "LabelReceived",
    "Log",
    "PhaseFinished",
    "PhaseProgress",
    "PhaseStarted",
    "QueryFinished",
    "QueryStarted",
    "RunFinished",
    "RunStarted",
    "StepFinished",
    "StepStarted",
    "TrainFinished",
    "TrainStarted",
    "TrainStepFinished",
    "TrainStepStarted",
]


class Log(Protocol):
    """A file in the run directory that only grows."""

    def append(self, data: bytes) -> None:
        """Add ``data`` at the end."""
        ...


def _no_log(name: str) -> Log:
    raise RuntimeError(f"there is no run directory to open {name!r} in")


@dataclass(frozen=True, kw_only=True)
class Event:
    """Base of the events: the state of the run.

    Attributes:
        hook: Name of the callback method that is called with it.
        step: Index of the active-learning step.
        phase: Tag of the phase; empty outside a phase.
        labels: Labels bought and integrated so far.
        budget: Labels in all.
        metrics: Values by name, read-only: the latest of every metric, or what the event is about.
    """

    hook: ClassVar[str] = ""
    step: int
    phase: str = ""
    labels: int = 0
    budget: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Copy the metrics into a read-only view."""
        object.__setattr__(self, "metrics", MappingProxyType(dict(self.metrics)))


@dataclass(frozen=True, kw_only=True)
class RunStarted(Event):
    """A run begins, or goes on.

    Attributes:
        log_dir: The run directory.
        resumed: Whether an earlier session was found.
        open_log: Opens ``callbacks/<name>`` in the run directory for appending; closed when the session ends.
    """

    hook = "on_run_started"
    log_dir: Path
    resumed: bool
    open_log: Callable[[str], Log] = field(default=_no_log, repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class RunFinished(Event):
    """The session has ended, for better or worse: ``status`` is ``finished``, ``failed`` or ``interrupted``."""

    hook = "on_run_finished"
    status: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class StepStarted(Event):
    """A step begins."""

    hook = "on_step_started"


@dataclass(frozen=True, kw_only=True)
class StepFinished(Event):
    """A step has ended."""

    hook = "on_step_finished"


@dataclass(frozen=True, kw_only=True)
class PhaseStarted(Event):
    """A phase begins."""

    hook = "on_phase_started"


@dataclass(frozen=True, kw_only=True)
class PhaseProgress(Event):
    """The running phase has done ``done`` of ``total`` units (rows, epochs or requests)."""

    hook = "on_phase_progress"
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class PhaseFinished(Event):
    """A phase has been committed; it took ``seconds`` of wall-clock."""

    hook = "on_phase_finished"
    seconds: float


@dataclass(frozen=True, kw_only=True)
class TrainStarted(Event):
    """The training loop begins on ``samples`` labeled samples; ``max_epochs`` is ``None`` where steps are counted."""

    hook = "on_train_started"
    samples: int
    max_epochs: int | None


@dataclass(frozen=True, kw_only=True)
class TrainFinished(Event):
    """The training loop has ended."""

    hook = "on_train_finished"
    samples: int


@dataclass(frozen=True, kw_only=True)
class EpochStarted(Event):
    """Training epoch ``epoch`` (0-based) begins."""

    hook = "on_train_epoch_started"
    epoch: int


@dataclass(frozen=True, kw_only=True)
class EpochFinished(Event):
    """Training epoch ``epoch`` (0-based, of at most ``max_epochs``) has ended, with its own ``metrics``."""

    hook = "on_train_epoch_finished"
    epoch: int
    max_epochs: int


@dataclass(frozen=True, kw_only=True)
class TrainStepStarted(Event):
    """Batch ``index`` (0-based) of training epoch ``epoch`` begins."""

    hook = "on_train_step_started"
    epoch: int
    index: int


@dataclass(frozen=True, kw_only=True)
class TrainStepFinished(Event):
    """Batch ``index`` (0-based) of epoch ``epoch``, of ``samples`` samples, has ended, with its own ``metrics``."""

    hook = "on_train_step_finished"
    epoch: int
    index: int
    samples: int


@dataclass(frozen=True, kw_only=True)
class EvalStarted(Event):
    """An evaluation begins.

    Attributes:
        name: ``validation`` for one inside training, else the name of the metrology strategy.
        epoch: Training epoch (0-based) of a validation, ``None`` in metrology.
    """

    hook = "on_eval_started"
    name: str
    epoch: int | None = None


@dataclass(frozen=True, kw_only=True)
class EvalFinished(Event):
    """Evaluation ``name`` (of ``epoch``, where it is a validation) has ended, with its own ``metrics``."""

    hook = "on_eval_finished"
    name: str
    epoch: int | None = None


@dataclass(frozen=True, kw_only=True)
class EvalStepStarted(Event):
    """Batch ``index`` (0-based) of evaluation ``name`` begins."""

    hook = "on_eval_step_started"
    name: str
    index: int
    epoch: int | None = None


@dataclass(frozen=True, kw_only=True)
class EvalStepFinished(Event):
    """Batch ``index`` (0-based) of evaluation ``name``, of ``samples`` samples, has ended, with its own ``metrics``."""

    hook = "on_eval_step_finished"
    name: str
    index: int
    samples: int
    epoch: int | None = None


@dataclass(frozen=True, kw_only=True)
class QueryStarted(Event):
    """The query strategy ``strategy`` begins."""

    hook = "on_query_started"
    strategy: str


@dataclass(frozen=True, kw_only=True)
class QueryFinished(Event):
    """A query strategy has chosen.

    Attributes:
        strategy: Its name.
        items: What it put in the queue, best first; what exceeds the budget is dropped afterwards.
        scores: Score of each item, ``nan`` where there is none.
        pool_mean: Mean score over the whole pool, or ``nan``.
    """

    hook = "on_query_finished"
    strategy: str
    items: Sequence[Any] = ()
    scores: Sequence[float] = ()
    pool_mean: float = float("nan")

    def __post_init__(self) -> None:
        """Copy what came as lists."""
        super().__post_init__()
        object.__setattr__(self, "items", tuple(self.items))
        object.__setattr__(self, "scores", tuple(self.scores))


@dataclass(frozen=True, kw_only=True)
class LabelReceived(Event):
    """An answer to a label request is on disk.

    Attributes:
        order: Place of the request in the queue.
        uuid: Name of the datum, as in ``acquisitions.parquet``: its own, else its row.
        annotation: The answer. Tensors in it are the run's own: leave them as they are.
    """

    hook = "on_label_received"
    order: int
    uuid: str = ""
    annotation: Annotation
