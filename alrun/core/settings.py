"""Settings: all keys of a config with type, default, bounds and effect; the only place where they are defined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from alrun.core.knobs import Effect, group, knob, part

if TYPE_CHECKING:
    from alrun.core.protocols import TrainingLoop, TrainingProtocol, ValidationProtocol

__all__ = [
    "EVERY",
    "LEARNER",
    "SOURCE",
    "CheckpointSettings",
    "Config",
    "Reset",
    "Settings",
    "TimeoutSettings",
    "TrainingSettings",
]

#: More labels than any pool has: all of them.
EVERY = 10**9
STEP = ("custom function", "my_pkg.train_step, with --trust my_pkg")
LISTENER = ("alrun callback", "alrun.callbacks.event_log.EventLog, alrun.callbacks.lightning_logger.LightningLogger")
TRACKER = ("tracker or callback", "alrun.logger.csv.CSV, alrun.callbacks.lightning_logger.LightningLogger …")
QUERY = ("query strategy", "alrun.query.entropy.Entropy …")
SAMPLING = (("attach", "sample"),)
#: Methods of a learner that training, predictions and checkpoints call.
LEARNER = (
    (
        "parameters",
        "named_parameters",
        "modules",
        "named_modules",
        "state_dict",
        "load_state_dict",
        "train",
        "eval",
        "to",
    ),
)
#: Methods of a data source.
SOURCE = (("split", "inputs", "targets"),)


class Reset(StrEnum):
    """What a training phase starts from; an axis of the experiment, written into the records."""

    SCRATCH = "scratch"
    WARM = "warm"
    SHRINK_PERTURB = "shrink_perturb"


@dataclass(frozen=True)
class TrainingSettings:
    """How each training phase is run."""

    loop: TrainingLoop = part(
        "The training loop.",
        "training loop",
        "alrun.training.fabric.FabricLoop …",
        rooms=("alrun.training",),
        methods=(("__call__",),),
        own=(("__call__", "monitors"),),
    )
    reset: Reset = knob(
        Reset.SCRATCH,
        "Weights at the start of each step: scratch (initial weights), warm (those of the last step), shrink_perturb.",
        wrong="is not a way to reset",
    )
    max_epochs: int | None = knob(100, "Passes over the training pool; null with max_train_steps.", minimum=1)
    max_train_steps: int | None = knob(
        None, "Batches in total, in place of max_epochs (set that to null); recycles the data.", minimum=1
    )
    max_val_steps: int | None = knob(None, "Most batches of each validation; null: all, 0: no validation.", minimum=0)
    validate: bool = knob(False, "Validate on the validation pool after each epoch; a monitor of val_… turns it on.")
    batch_size: int = knob(32, "Samples per batch.", minimum=1)
    checkpoint_every: int = knob(
        100, "Epochs between two checkpoints within a training phase; 0: none.", minimum=0, effect=Effect.SHOW
    )
    shrink: float = knob(
        0.4, "shrink_perturb: factor on the weights of the last step (Ash and Adams 2020, arXiv:1910.08475).", minimum=0
    )
    perturb: float = knob(0.01, "shrink_perturb: factor on the newly initialized weights that are added.", minimum=0)
    optimizer: Callable[[Any], Any] | None = part(
        "{_target_: torch.optim.SGD, _partial_: true, lr: 0.01}; overrides configure_optimizers.",
        "optimizer",
        "torch.optim.Adam, torch.optim.SGD …",
        optional=True,
        null=True,
        library="optimizers",
    )
    train_step_fn: TrainingProtocol | None = part(
        "(model, batch) -> loss, given by _target_; overrides the training_step of the learner.",
        *STEP,
        optional=True,
        null=True,
    )
    validate_step_fn: ValidationProtocol | None = part(
        "(model, batch) -> loss or None; overrides the validation_step of the learner.",
        *STEP,
        optional=True,
        null=True,
    )


@dataclass(frozen=True)
class CheckpointSettings:
    """Weights to keep on disk; all other files are always kept."""

    keep: str = knob(
        "all",
        "Weights to keep on disk: all, last, or every:N (the newest, and those of every N-th step).",
        pattern=r"all|last|every:[1-9]\d{0,5}",
        wrong="does not say which weights to keep",
        hint="checkpoint.keep=all, last or every:10",
    )


def _seconds(doc: str) -> Any:
    return knob(None, doc, above=0, below=10**9, wrong="is not a number of seconds", hint="{}=600 or null")


@dataclass(frozen=True)
class TimeoutSettings:
    """Seconds that a strategy may take before the run ends as failed, to be continued."""

    query: float | None = _seconds("Seconds that one call of a query strategy may take; null for no limit.")
    label: float | None = _seconds("Seconds that a label strategy may take per label; null for no limit.")
    metrology: float | None = _seconds("Seconds that one call of a metrology strategy may take; null for no limit.")


@dataclass(frozen=True)
class Settings:
    """The numbers of an experiment that the driver reads."""

    seed: int = knob(0, "Seed of all random choices.", minimum=0, effect=Effect.REPEAT)
    budget: int = knob(
        200,
        "Labels in total, including the cold start; 1000000000: all that there are.",
        minimum=1,
        effect=Effect.EXTENT,
    )
    device: str = knob(
        "auto",
        "auto, cpu, cuda, cuda:1 …",
        pattern=r"auto|cpu|mps|(cuda|xpu)(:\d{1,3})?",
        wrong="is not a device",
        hint="device=auto, cpu, cuda, cuda:1 or mps",
        effect=Effect.REPEAT,
    )
    threads: int | None = knob(
        None,
        "Threads of torch; null: one for a small learner, else one per core, at most 4.",
        minimum=1,
    )
    predict_batch_size: int = knob(1024, "Rows per chunk of the streamed predictor.", minimum=1)
    calibration: str | None = knob(
        None,
        "temperature: fit a softmax temperature on the validation pool after each training; null: no calibration.",
        choices=("temperature",),
        wrong="is not a calibration",
        hint="calibration=temperature or null",
        only_when_set=True,
    )
    checkpoint: CheckpointSettings = group(
        CheckpointSettings,
        Effect.SHOW,
        wrong="does not say which weights to keep",
        hint="checkpoint.keep=all, last or every:10",
    )
    timeout: TimeoutSettings = group(
        TimeoutSettings, Effect.SHOW, optional=True, wrong="does not say whose", hint="timeout.label={}"
    )


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Config(Settings):
    """All keys of a config: what the driver reads, and what is built, sized and placed for it."""

    query_size: int = knob(20, "Labels per step, of each query strategy.", minimum=1)
    initial_size: int = knob(20, "Labels of the cold start; 1000000000: of the whole pool.", minimum=1)
    max_steps: int | None = knob(None, "Steps in total; null for no limit.", minimum=0, effect=Effect.EXTENT)
    validation_from_budget: bool = knob(
        False,
        "Validation labels are bought from the budget, too; queries are divided by numbers of unlabeled rows.",
    )
    name: str = knob(
        "default",
        "First folder below output_dir; groups runs that belong together.",
        pattern=r"(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._+=-]{0,99}",
        wrong="cannot be a folder name",
        hint="use letters, digits, '.', '_', '-', '+', '='; at most 100",
        effect=Effect.SHOW,
    )
    tags: list[str] | None = knob(
        None,
        "Tags of the run, for trackers and lists; not part of the experiment.",
        pattern=r"[^\x00-\x1f,]{1,64}",
        wrong="is not a list of tags",
        hint="tags=[pilot,gpu]",
        effect=Effect.SHOW,
    )
    notes: str | None = knob(
        None,
        "Notes on the run, for trackers and lists; not part of the experiment.",
        pattern=r"(?s)[^\0]{0,10000}",
        wrong="is not a note",
        hint="notes='first try'",
        effect=Effect.SHOW,
    )
    output_dir: str = knob(
        "outputs",
        "Folder for all runs.",
        pattern=r"(?s)(?=.*\S)[^\0]+",
        wrong="cannot be a folder",
        hint="output_dir=outputs",
        effect=Effect.SHOW,
    )
    fresh: bool = knob(False, "Set aside an existing run of this experiment, and start over.", effect=Effect.ONCE)
    repair: bool = knob(False, "Check a finished run, and compute again what is damaged.", effect=Effect.ONCE)
    replay: str | None = knob(
        None,
        "SHA-256 of the recorded picks that the run repeats; alrun replay sets it.",
        pattern=r"[0-9a-f]{64}",
        wrong="is no SHA-256",
        hint="replay=null",
        effect=Effect.REPEAT,
        only_when_set=True,
    )
    controls: bool = knob(
        False,
        "In a sweep, add to each seed what strategies are compared with: query=random, and the learner on all labels.",
        effect=Effect.ONCE,
    )
    retry: int = knob(
        0, "How often a job of a sweep that failed or was killed is started again.", minimum=0, effect=Effect.SHOW
    )
    objective: str | None = knob(
        None,
        "What a sweeper optimizes: final:accuracy, auc:accuracy (mean height of the curve), best:accuracy; any metric.",
        pattern=r"((final|auc|best):)?[^\s:]{1,200}",
        wrong="is not an objective",
        hint="objective=auc:accuracy",
        effect=Effect.SHOW,
    )
    progress: bool = knob(
        True, "Live display on a terminal, plain lines elsewhere; false for no output.", effect=Effect.SHOW
    )
    data: Any = part(
        "The data set.",
        "data source or training pool",
        "alrun.data.digits.Digits …",
        rooms=("alrun.data",),
        methods=(*SOURCE, ("pools",), ("__getitem__", "__len__")),
        own=SOURCE,
    )
    transform: Any = part(
        "Change the data, one after the other.",
        "transformation of data",
        "alrun.transform.imbalance.Imbalance …",
        several=True,
        optional=True,
        rooms=("alrun.transform",),
        methods=(("__call__",),),
    )
    learner: Any = part(
        "The model that is trained.",
        "learner",
        "alrun.learner.mlp.MLP …",
        rooms=("alrun.learner",),
        methods=LEARNER,
        own=(("training_step",),),
    )
    inference: Any = part(
        "How predictions are made.",
        "inference module",
        "alrun.inference.mc_dropout.MCDropout …",
        rooms=("alrun.inference",),
        methods=(("prepared",),),
    )
    label: Any = part(
        "Who labels.",
        "label strategy",
        "alrun.label.oracle.Oracle …",
        rooms=("alrun.label",),
        methods=(("attach", "label"),),
    )
    cold_start: Any = part(
        "Draws the first labels.", *QUERY, rooms=("alrun.cold_start", "alrun.query"), methods=SAMPLING
    )
    query: Any = part("Draw the labels of a step.", *QUERY, several=True, rooms=("alrun.query",), methods=SAMPLING)
    metrology: Any = part(
        "Measure a step.",
        "metrology strategy",
        "alrun.metrology.acquisition.Acquisition, torchmetrics.MeanSquaredError …",
        several=True,
        optional=True,
        effect=Effect.REPEAT,
        rooms=("alrun.metrology",),
        methods=(("attach", "compute"), ("update", "compute", "reset")),
        library="metrics",
    )
    stopping: Any = part(
        "End a run.",
        "stopping criterion",
        "alrun.stopping.steps.Steps …",
        several=True,
        optional=True,
        effect=Effect.EXTENT,
        rooms=("alrun.stopping",),
        methods=(("__call__",),),
    )
    logger: Any = part(
        "Hand metrics on.",
        *TRACKER,
        several=True,
        optional=True,
        effect=Effect.SHOW,
        rooms=("alrun.logger", "alrun.callbacks"),
        methods=(("project",),),
        listens=True,
    )
    callbacks: Any = part(
        "Listen to events.",
        *LISTENER,
        several=True,
        optional=True,
        effect=Effect.SHOW,
        rooms=("alrun.callbacks",),
        listens=True,
    )
    training: TrainingSettings = group(TrainingSettings, wrong="has no loop", hint="choose one: alrun ls training")
