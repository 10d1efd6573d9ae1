"""Plain data types: tasks, splits, predictions, annotations."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Annotation",
    "Histogram",
    "LabelStatus",
    "Moments",
    "Prediction",
    "QueryReport",
    "Split",
    "Task",
    "TaskPart",
    "TaskSpec",
]


class Task(StrEnum):
    """What the targets are."""

    CLASSIFICATION = "classification"
    REGRESSION = "regression"
    MULTI_LABEL = "multi_label"
    SEGMENTATION = "segmentation"


@dataclass(frozen=True)
class TaskPart:
    """One of several tasks that share their inputs.

    Attributes:
        name: What the task is called in records, requests and the ledger.
        task: What its targets are.
        num_outputs: Number of its classes, or 1 for a regression.
        class_names: One name a class, or empty.
    """

    name: str
    task: Task
    num_outputs: int
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class TaskSpec:
    """What a learner must know of the data to be built.

    Attributes:
        task: Classification (integer targets ``[N]``), regression (float targets ``[N, T]``), multi-label (targets
            ``[N, L]`` ``int64``, 1 for each label that holds), or segmentation (classes ``[N, H, W]`` of pixels).
        input_shape: Shape of one input, without the batch dimension.
        num_outputs: Number of classes ``C``, of regression targets ``T``, or of labels ``L``.
        standardize: Column numbers of a flat input that want zero mean and unit variance. The learner takes the
            statistics from the training pool when a training phase begins, never from rows it was not given.
        class_names: One name a class, or a label, or empty.
        tasks: Several tasks of the same inputs, ``T`` of them, all of the kind ``task``; empty for a single one.
            Targets of classifications are then ``[N, T]`` ``int64`` with -1 where a label is missing, and
            ``num_outputs`` is the sum of their classes. Those of a regression have NaN where a label is missing.
        target_origin: What has been subtracted in ``float64`` from each regression target, ``[T]``, since ``float32``
            would lose their deviations; empty for nothing. Pools, learners and metrics hold targets less the origin;
            labels as label strategies give them, and as they are on disk, are whole.
        input_origin: Likewise of flat inputs, ``[d]``, or of all values of other inputs, ``[1]``.
        mask_shape: Shape of what has a class each in a segmentation, such as ``(H, W)``.
        open_set: Whether a label may also be ``num_outputs``, *unknown*: of none of the classes. Such rows are paid
            for, and neither trained nor measured on (``TrainingPool.unknown``).
    """

    task: Task
    input_shape: tuple[int, ...]
    num_outputs: int
    standardize: tuple[int, ...] = ()
    class_names: tuple[str, ...] = ()
    tasks: tuple[TaskPart, ...] = field(default=(), repr=False)
    target_origin: tuple[float, ...] = field(default=(), repr=False)
    input_origin: tuple[float, ...] = field(default=(), repr=False)
    mask_shape: tuple[int, ...] = field(default=(), repr=False)
    open_set: bool = field(default=False, repr=False)

    @property
    def num_labels(self) -> int:
        """How many labels there are of a single classification: its classes and, of an open set, *unknown*."""
        return self.num_outputs + int(self.open_set)

    @property
    def target_shape(self) -> tuple[int, ...]:
        """Shape of the target of one row."""
        if self.task is Task.CLASSIFICATION:
            return (len(self.tasks),) if self.tasks else ()
        if self.task is Task.SEGMENTATION:
            return self.mask_shape
        return (self.num_outputs,)


@dataclass(frozen=True)
class Split:
    """Row numbers of one source: disjoint ``int64`` tensors, each ascending.

    Attributes:
        train: Rows that may be queried (or that start labeled).
        validation: Rows for early stopping and calibration.
        test: Rows on which metrology measures.
        labeled: The part of ``train`` whose labels the data set already ships.
    """

    train: Tensor
    validation: Tensor
    test: Tensor
    labeled: Tensor


@dataclass(frozen=True)
class Moments:
    """Gaussian predictive moments of a regression.

    Attributes:
        mean: ``[B, T]``, or ``[K, B, T]`` with one slice per posterior sample.
        variance: Same shape, in squared target units; the aleatoric part, 0 where the learner has none.
    """

    mean: Tensor
    variance: Tensor


@dataclass(frozen=True)
class Prediction:
    """One minibatch of the streamed predictor.

    Attributes:
        indices: ``[B]`` ``int64``: source rows for a pool, positions for plain tensors.
        outputs: Raw outputs of the learner, ``[B, ...]`` or ``[K, B, ...]`` when ``stochastic``.
        stochastic: Whether ``outputs`` has a leading dimension of ``K`` posterior samples.
        embeddings: ``[B, d]`` input of the last linear layer, when asked for.
    """

    indices: Tensor
    outputs: Tensor
    stochastic: bool = False
    embeddings: Tensor | None = None


class LabelStatus(StrEnum):
    """How a label request ended; ``rejected``: it has not, though something was paid for it."""

    LABELLED = "labelled"
    SKIPPED = "skipped"
    FAILED = "failed"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Annotation:
    """The answer to one label request, as a label strategy puts it in the serialize queue.

    Attributes:
        item: What was asked, exactly as it stood in the query queue: a source row number, a pair of it and the name of
            a task, or the inputs of a new point that no pool holds.
        target: The label (int class, float, or tensor); ``None`` unless the status is ``labelled``.
        annotator: Who or what answered.
        cost: What the answer cost, in the label strategy's own unit.
        status: ``labelled``, ``skipped`` (asked and declined), ``failed`` (goes back to the pool) or ``rejected`` (an
            attempt that is charged and brought no answer: the request stays open, and may be answered after it).
        reason: Why it was skipped, failed or rejected.
        seconds: Annotation time: how long the annotator worked on it; ``None`` where that is not known.
    """

    item: Any
    target: Any = None
    annotator: str = ""
    cost: float = 1.0
    status: LabelStatus = LabelStatus.LABELLED
    reason: str = ""
    seconds: float | None = None


@dataclass(frozen=True)
class Histogram:
    """Counts of values in bins of equal width; the bin ``i`` holds ``2**exponent * [first + i, first + i + 1)``.

    Attributes:
        exponent: The width of a bin, as a power of two.
        first: Where the first bin begins, in widths.
        counts: Values in each bin.
    """

    exponent: int
    first: int
    counts: list[int]


@dataclass
class QueryReport:
    """What a query strategy can say about its last ``sample``; written into the ledger by the query phase.

    Attributes:
        scores: Score of each item that was put in the queue, in queue order; ``nan`` where there is none.
        pool_mean: Mean score over the whole pool; ``nan`` for strategies that do not score.
        strategy: Name of the strategy, filled in by the query phase.
        pool_scores: Scores of the whole pool; ``None`` for strategies that do not score, and where a run does not
            measure them.
    """

    scores: list[float] = field(default_factory=list)
    pool_mean: float = float("nan")
    strategy: str = ""
    pool_scores: Histogram | None = None
