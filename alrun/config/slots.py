"""Slots: the places of a config where something is built, each with what it takes. What no slot takes is not built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from alrun.config.families import (
    ACTIVATIONS,
    CALLBACKS,
    LOGGERS,
    LOSSES,
    METRICS,
    MODULES,
    OPTIMIZERS,
    PRECISIONS,
    PROFILERS,
    SCHEDULERS,
    STRATEGIES,
)
from alrun.config.libraries import Family
from alrun.core.callback import HOOKS

__all__ = ["SLOTS", "Slot", "slot_at"]

Methods = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Slot:
    """A place and what it takes.

    Whatever ``--trust`` or a plugin names may stand anywhere; of alrun and of the libraries only what is said here.

    Attributes:
        place: Dotted pattern of keys: ``*`` is one key (or part of one), ``**`` any number of them; a list counts as
            the key that holds it.
        noun: What stands there.
        example: Names of it, for messages.
        rooms: Packages of alrun whose public classes may stand there.
        functions: Packages of alrun whose public functions may stand there.
        families: Library classes that may stand there.
        methods: Sets of methods of which a class needs one.
        own: The same for alrun's own classes, where more is asked of these.
    """

    place: str
    noun: str
    example: str = ""
    rooms: tuple[str, ...] = ()
    functions: tuple[str, ...] = ()
    families: tuple[Family, ...] = ()
    methods: Methods = ()
    own: Methods = ()

    def covers(self, path: Sequence[str]) -> bool:
        """Return whether the slot is the one of the keys ``path``."""
        return _matches(self.place.split("."), path)


POOLS = (("split", "inputs", "targets"), ("pools",), ("__getitem__", "__len__"))
STRATEGY = (("attach", "sample"),)
METROLOGY = (("attach", "compute"), ("update", "compute", "reset"))
LISTENING = tuple((hook,) for hook in HOOKS)
OPTIMIZER = ("optimizer", "torch.optim.Adam, torch.optim.SGD …")
SCHEDULER = ("learning rate scheduler", "torch.optim.lr_scheduler.StepLR …")
LOSS = ("loss", "alrun.learner.losses.CrossEntropy, torch.nn.L1Loss …")
QUERY = ("query strategy", "alrun.query.entropy.Entropy …")
METRIC = ("metrology strategy", "alrun.metrology.acquisition.Acquisition, torchmetrics.MeanSquaredError …")
LAYER = ("torch.nn.Module", "torch.nn.Linear, alrun.backbone.mlp.MLP …")
FEATURES = ("kind of features", "alrun.query.features.embedding.Embedding …")
SELECTOR = ("selection function", "alrun.query.selection.k_center.k_center …")
CRITERION = ("criterion", "alrun.query.criteria.uncertainty.Entropy …")
LISTENER = ("alrun callback", "alrun.callbacks.event_log.EventLog, alrun.callbacks.lightning_logger.LightningLogger")
LOGGER = ("Lightning logger", "lightning.pytorch.loggers.CSVLogger …")
STEP = ("function of your own", "my_pkg.train_step, with --trust my_pkg")
PRECISION = ("Lightning precision plugin", "lightning.pytorch.plugins.MixedPrecision …")

#: The first that covers a place is its slot.
SLOTS = (
    Slot(
        "data",
        "data source or training pool",
        "alrun.data.digits.Digits …",
        ("alrun.data",),
        methods=POOLS,
        own=POOLS[:1],
    ),
    Slot(
        "learner",
        "learner",
        "alrun.learner.mlp.MLP …",
        ("alrun.learner",),
        methods=(("parameters",),),
        own=(("training_step",),),
    ),
    Slot(
        "inference",
        "inference module",
        "alrun.inference.mc_dropout.MCDropout …",
        ("alrun.inference",),
        methods=(("prepared",),),
    ),
    Slot("label", "label strategy", "alrun.label.oracle.Oracle …", ("alrun.label",), methods=(("attach", "label"),)),
    Slot("cold_start", *QUERY, ("alrun.cold_start", "alrun.query"), methods=STRATEGY),
    Slot("query.*", *QUERY, ("alrun.query",), methods=STRATEGY),
    Slot("metrology.*", *METRIC, ("alrun.metrology",), families=METRICS, methods=METROLOGY),
    Slot(
        "stopping.*",
        "stopping criterion",
        "alrun.stopping.steps.Steps …",
        ("alrun.stopping",),
        methods=(("__call__",),),
    ),
    Slot("logger.*", *LISTENER, ("alrun.callbacks",), methods=LISTENING),
    Slot("callbacks.*", *LISTENER, ("alrun.callbacks",), methods=LISTENING),
    Slot(
        "training.loop",
        "training loop",
        "alrun.training.fabric.FabricLoop …",
        ("alrun.training",),
        methods=(("__call__",),),
        own=(("__call__", "monitors"),),
    ),
    # Inside of these.
    Slot(
        "training.loop.callbacks",
        "Lightning callback",
        "lightning.pytorch.callbacks.EarlyStopping …",
        families=(CALLBACKS,),
    ),
    Slot("training.loop.logger", *LOGGER, families=(LOGGERS,)),
    Slot("logger.*.logger", *LOGGER, families=(LOGGERS,)),
    Slot("callbacks.*.logger", *LOGGER, families=(LOGGERS,)),
    Slot(
        "training.loop.strategy",
        "Lightning strategy",
        "lightning.pytorch.strategies.SingleDeviceStrategy",
        families=STRATEGIES,
    ),
    Slot("training.loop.strategy.precision*", *PRECISION, families=PRECISIONS),
    Slot("training.loop.**.plugins", *PRECISION, families=PRECISIONS),
    Slot(
        "training.loop.**.profiler",
        "Lightning profiler",
        "lightning.pytorch.profilers.SimpleProfiler …",
        families=(PROFILERS,),
    ),
    Slot("training.*_step_fn", *STEP),
    Slot("data.function", "function", "alrun.data.simulators.branin …", functions=("alrun.data.simulators",)),
    Slot("label.function", "function", "alrun.data.simulators.branin …", functions=("alrun.data.simulators",)),
    Slot("cold_start.**.features", *FEATURES, ("alrun.query.features",)),
    Slot("query.*.**.features", *FEATURES, ("alrun.query.features",)),
    Slot("cold_start.**.selector", *SELECTOR, functions=("alrun.query.selection",)),
    Slot("query.*.**.selector", *SELECTOR, functions=("alrun.query.selection",)),
    Slot("query.*.**.expression.**", *CRITERION, ("alrun.query.criteria",)),
    Slot("query.*.**.criterion.**", *CRITERION, ("alrun.query.criteria",)),
    Slot("**.optimizer", *OPTIMIZER, families=(OPTIMIZERS,)),
    Slot("**.*_optimizer", *OPTIMIZER, families=(OPTIMIZERS,)),
    Slot("**.scheduler", *SCHEDULER, families=(SCHEDULERS,)),
    Slot("**.*_scheduler", *SCHEDULER, families=(SCHEDULERS,)),
    Slot("**.activation", "activation (a torch.nn.Module)", "torch.nn.ReLU …", families=(ACTIVATIONS,)),
    Slot("**.*_activation", "activation (a torch.nn.Module)", "torch.nn.ReLU …", families=(ACTIVATIONS,)),
    Slot("**.losses.*", *LOSS, ("alrun.learner.losses",), families=(LOSSES,)),
    Slot("**.loss", *LOSS, ("alrun.learner.losses",), families=(LOSSES,)),
    Slot("**.*_loss", *LOSS, ("alrun.learner.losses",), families=(LOSSES,)),
    Slot("**.loss_f*n*", *LOSS, ("alrun.learner.losses",), families=(LOSSES,)),
    Slot("**.criterion", *LOSS, ("alrun.learner.losses",), families=(LOSSES,)),
    # Whatever else an argument of these is called.
    Slot("learner.**", *LAYER, ("alrun.backbone",), families=(MODULES,)),
    Slot("**.backbone.**", *LAYER, ("alrun.backbone",), families=(MODULES,)),
    Slot("metrology.**", *METRIC, ("alrun.metrology",), families=METRICS, methods=METROLOGY),
    Slot("query.**", *QUERY, ("alrun.query",), methods=STRATEGY),
    Slot("cold_start.**", *QUERY, ("alrun.cold_start", "alrun.query"), methods=STRATEGY),
    Slot("data.**", "data set", "my_pkg.MyDataset, with --trust my_pkg", ("alrun.data",), own=POOLS[:1]),
    *(
        Slot(f"{group}.**", "part of your own", "my_pkg.Mine, with --trust my_pkg")
        for group in ("training", "inference", "label", "stopping", "logger", "callbacks")
    ),
)
#: Where nothing is built at all.
NOWHERE = Slot("", "thing to build")


def slot_at(path: Sequence[str]) -> Slot:
    """Return the slot of the keys ``path``; one that takes nothing where nothing is built."""
    return next((slot for slot in SLOTS if slot.covers(path)), NOWHERE)


def _matches(pattern: Sequence[str], path: Sequence[str]) -> bool:
    if not pattern or not path:
        return all(part == "**" for part in pattern) and not path
    if pattern[0] == "**":
        return _matches(pattern[1:], path) or _matches(pattern, path[1:])
    return fnmatchcase(path[0], pattern[0]) and _matches(pattern[1:], path[1:])
