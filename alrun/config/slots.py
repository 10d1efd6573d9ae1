"""Slots: the places of a config where objects are built, each with the kinds that it accepts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from alrun.config.families import (
    ACTIVATIONS,
    CALLBACKS,
    ESTIMATORS,
    KERNELS,
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
from alrun.core.knobs import Group, Part, terms
from alrun.core.settings import LEARNER, SOURCE, Config

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


OPTIMIZER = ("optimizer", "torch.optim.Adam, torch.optim.SGD …")
SCHEDULER = ("learning rate scheduler", "torch.optim.lr_scheduler.StepLR …")
LOSS = ("loss", "alrun.learner.losses.CrossEntropy, torch.nn.L1Loss …")
LAYER = ("torch.nn.Module", "torch.nn.Linear, alrun.backbone.mlp.MLP …")
AUGMENTATION = ("augmentation (a torch.nn.Module)", "alrun.learner.augmentation.ImageAugmentation …")
ESTIMATOR = ("scikit-learn classifier or regressor", "sklearn.ensemble.RandomForestClassifier, sklearn.svm.SVR …")
KERNEL = ("kernel of a Gaussian process", "sklearn.gaussian_process.kernels.RBF …")
FEATURES = ("kind of features", "alrun.query.features.embedding.Embedding …")
SELECTOR = ("selection function", "alrun.query.selection.k_center.k_center …")
CRITERION = ("criterion", "alrun.query.criteria.uncertainty.Entropy …")
LOGGER = ("Lightning logger", "lightning.pytorch.loggers.CSVLogger …")
PRECISION = ("Lightning precision plugin", "lightning.pytorch.plugins.MixedPrecision …")

#: Methods of a learner of alrun's own.
TRAINED = (("training_step",),)
LISTENING = tuple((hook,) for hook in HOOKS)
#: Library classes that a part of the settings may be, by the name that they have there.
LIBRARIES = {"": (), "metrics": METRICS, "optimizers": (OPTIMIZERS,)}


def _slots(kind: type, prefix: str = "") -> Iterator[Slot]:
    """Yield the slots of the parts of settings."""
    for name, term in terms(kind).items():
        if isinstance(term, Group):
            yield from _slots(term.kind, f"{prefix}{name}.")
        elif isinstance(term, Part):
            yield _slot(f"{prefix}{name}{'.*' if term.several else ''}", term)


def _slot(place: str, part: Part) -> Slot:
    methods = (*LISTENING, *part.methods) if part.listens else part.methods
    return Slot(place, part.noun, part.example, part.rooms, (), LIBRARIES[part.library], methods, part.own)


def _inside(place: str, part: str) -> Slot:
    """Return the slot of what stands anywhere in a part of the settings and is of its kind."""
    return _slot(place, next(one for name, one in terms(Config).items() if name == part and isinstance(one, Part)))


#: The first that covers a place is its slot.
SLOTS = (
    *_slots(Config),
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
    Slot("data.function", "function", "alrun.data.simulators.branin …", functions=("alrun.data.simulators",)),
    Slot("label.function", "function", "alrun.data.simulators.branin …", functions=("alrun.data.simulators",)),
    Slot("cold_start.**.features", *FEATURES, ("alrun.query.features",)),
    Slot("query.*.**.features", *FEATURES, ("alrun.query.features",)),
    Slot("cold_start.**.features.**.of", *FEATURES, ("alrun.query.features",)),
    Slot("query.*.**.features.**.of", *FEATURES, ("alrun.query.features",)),
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
    Slot("**.augmentation", *AUGMENTATION, ("alrun.learner.augmentation",)),
    Slot("**.*_augmentation", *AUGMENTATION, ("alrun.learner.augmentation",)),
    Slot("learner.estimator.**.kernel.**", *KERNEL, families=KERNELS),
    Slot("learner.estimator.**", *ESTIMATOR, families=ESTIMATORS),
    # Whatever else an argument of these is called.
    Slot("learner.**", *LAYER, ("alrun.backbone",), families=(MODULES,)),
    Slot("**.backbone.**", *LAYER, ("alrun.backbone",), families=(MODULES,)),
    _inside("metrology.**", "metrology"),
    _inside("query.**", "query"),
    _inside("cold_start.**", "cold_start"),
    Slot("transform.*.source", "data source", "alrun.data.moons.Moons …", ("alrun.data",), own=SOURCE),
    Slot("transform.*.model", "learner", "alrun.learner.cnn.CNN …", ("alrun.learner",), methods=LEARNER, own=TRAINED),
    Slot("transform.*.model.**", *LAYER, ("alrun.backbone",), families=(MODULES,)),
    Slot("data.**", "data set", "my_pkg.MyDataset, with --trust my_pkg", ("alrun.data",), own=SOURCE),
    *(
        Slot(f"{group}.**", "custom part", "my_pkg.Mine, with --trust my_pkg")
        for group in ("training", "inference", "label", "stopping", "logger", "callbacks", "transform")
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
