"""Interfaces of the three kinds of strategy. Inheritance is optional: the driver calls them by structure."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from alrun.core.errors import NotAttachedError
from alrun.core.names import file_name
from alrun.core.phases import ActiveLearningPhase

if TYPE_CHECKING:
    from typing import Self

    from alrun.core.protocols.driver import StrategyHost
    from alrun.core.protocols.queue import AbstractQueue

__all__ = ["ActiveLearningProtocol", "LabelStrategy", "MetrologyStrategy", "QueryStrategy", "name_strategies"]


def _captured(cls: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    signature = inspect.signature(cls)
    bound = signature.bind_partial(*args, **kwargs)
    bound.apply_defaults()
    captured: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        if signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            captured.update(value)
        else:
            captured[name] = value
    return {"__name__": cls.__name__, "__module__": cls.__module__, "__args__": captured}


class ActiveLearningProtocol(Protocol):
    """Base of all strategies: how one is attached, where it logs, and where its files go.

    Attributes:
        driver: The driver that the strategy is attached to; absent before ``attach``.
    """

    __protocol_name__: ClassVar[str] = "ActiveLearningProtocol"
    __protocol_type__: ClassVar[ActiveLearningPhase]
    _args: dict[str, Any] = {}  # noqa: RUF012 - each instance gets its own in __new__
    _strategy_name: str = ""
    _stream_name: str = ""
    if TYPE_CHECKING:
        driver: StrategyHost
        _logger: logging.Logger

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Create the object and remember its constructor arguments, defaults applied, in ``_args``."""
        instance = super().__new__(cls)
        instance._args = _captured(cls, args, kwargs)
        return instance

    def attach(self, other: StrategyHost) -> None:
        """Attach to the driver ``other``, whose learner, pools and directories the strategy then uses."""
        self.driver = other

    def go_by(self, name: str, taken: set[str]) -> None:
        """Take a name, and a stream of random numbers that is not among those ``taken``, to which it is added.

        Without one a strategy goes by its class. The driver names the strategies that it is built from before it
        attaches them.

        Args:
            name: The config key, or another name that no strategy of the same kind has.
            taken: Names of the streams that other strategies draw from.
        """
        self._strategy_name = name
        self._stream_name = self.stream_kind if self.stream_kind not in taken else f"{self.stream_kind}/{name}"
        taken.add(self._stream_name)

    @property
    def strategy_name(self) -> str:
        """Name in the ledger, in events, errors and directories: the config key, or the class where it has none."""
        return self._strategy_name or type(self).__name__

    @property
    def stream_kind(self) -> str:
        """Name of the stream of random numbers of the first strategy of its kind: the class."""
        return type(self).__name__

    @property
    def stream_name(self) -> str:
        """Name of the strategy's stream: its kind, with its own name where another of its kind comes before it.

        So a strategy draws the same numbers whatever it is called, and two of one class draw apart.
        """
        return self._stream_name or self.stream_kind

    @property
    def is_attached(self) -> bool:
        """Whether ``attach`` was called."""
        return getattr(self, "driver", None) is not None

    @property
    def logger(self) -> logging.Logger:
        """The strategy's logger, made on first use; settable."""
        if getattr(self, "_logger", None) is None:
            self._setup_logger()
        return self._logger

    @logger.setter
    def logger(self, logger: logging.Logger) -> None:
        self._logger = logger

    def _setup_logger(self) -> None:
        """Make the logger: a child of the run's, without handlers of its own."""
        run_logger = getattr(getattr(self, "driver", None), "logger", None)
        parent = getattr(run_logger, "name", None) or "alrun"
        self._logger = logging.getLogger(f"{parent}.{self.strategy_name}")

    @property
    def strategy_dir(self) -> Path:
        """Directory for the strategy's own files, ``log_dir/<phase>/<name>``; created.

        The name is the config key, or the class where the config gives none; of one that another strategy asks, both
        names, one below the other.

        Raises:
            NotAttachedError: (a ``RuntimeError``) when not attached.
        """
        names = map(file_name, self.strategy_name.split("/"))
        path = self._log_dir().joinpath(str(self.__protocol_type__), *names)
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def checkpoint_dir(self) -> Path:
        """Directory of the current step's checkpoints, ``log_dir/checkpoints/step_<t>``; created.

        Raises:
            NotAttachedError: (a ``RuntimeError``) when not attached.
        """
        step = self._log_dir() / "checkpoints" / f"step_{self.driver.active_learning_step_idx}"
        step.mkdir(parents=True, exist_ok=True)
        return step

    def _log_dir(self) -> Path:
        if not self.is_attached:
            raise NotAttachedError(f"{self.strategy_name} has no directory before it is attached to a driver")
        return Path(self.driver.log_dir)


class QueryStrategy(ActiveLearningProtocol, Protocol):
    """Chooses what to label next.

    Attributes:
        max_samples: How many samples one call enqueues: an exact count or, for threshold methods, an upper limit.
    """

    __protocol_name__: ClassVar[str] = "QueryStrategy"
    __protocol_type__: ClassVar[ActiveLearningPhase] = ActiveLearningPhase.QUERY
    max_samples: int

    def sample(self, query_queue: AbstractQueue[Any], *args: Any, **kwargs: Any) -> None:
        """Put the chosen items in ``query_queue``, best first, in place."""
        ...

    def __call__(self, query_queue: AbstractQueue[Any], *args: Any, **kwargs: Any) -> None:
        """Same as ``sample``."""
        self.sample(query_queue, *args, **kwargs)


class LabelStrategy(ActiveLearningProtocol, Protocol):
    """Answers label requests.

    Attributes:
        __is_external_process__: Whether labels come from outside this process, e.g. a simulator or a person.
        __provides_fields__: Names of the fields that a label fills in, or ``None`` for all.
    """

    __protocol_name__: ClassVar[str] = "LabelStrategy"
    __protocol_type__: ClassVar[ActiveLearningPhase] = ActiveLearningPhase.LABELING
    __is_external_process__: bool
    __provides_fields__: set[str] | None = None

    def label(
        self, queue_to_label: AbstractQueue[Any], serialize_queue: AbstractQueue[Any], *args: Any, **kwargs: Any
    ) -> None:
        """Take every request from ``queue_to_label`` and put its answer in ``serialize_queue``."""
        ...

    def __call__(
        self, queue_to_label: AbstractQueue[Any], serialize_queue: AbstractQueue[Any], *args: Any, **kwargs: Any
    ) -> None:
        """Same as ``label``."""
        self.label(queue_to_label, serialize_queue, *args, **kwargs)


class MetrologyStrategy(ActiveLearningProtocol, Protocol):
    """Measures the learner, or the acquisition.

    In each metrology phase the driver calls ``compute`` and then ``serialize_records``, strategy by strategy, and
    commits the entries of ``records`` that are new. A session that goes on with a run puts all committed entries back
    into ``records``, in order, and calls ``serialize_records`` once before it does anything new, where there are any:
    what it writes below ``strategy_dir`` is a projection of ``records``, to be written whole each time, and may be
    missing, torn or old by then. When a session ends, every file below ``metrology/`` is flushed, and its SHA-256 noted
    for ``alrun verify``.

    Attributes:
        records: One entry a measurement, oldest first.
    """

    __protocol_name__: ClassVar[str] = "MetrologyStrategy"
    __protocol_type__: ClassVar[ActiveLearningPhase] = ActiveLearningPhase.METROLOGY
    records: list[Any]

    def append(self, record: Any) -> None:
        """Add one record."""
        self.records.append(record)

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self.records)

    def compute(self, *args: Any, **kwargs: Any) -> None:
        """Measure, with data drawn from the driver's pools, and append a record."""
        ...

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        """Same as ``compute``."""
        self.compute(*args, **kwargs)

    def serialize_records(self, path: Path | None = None, *args: Any, **kwargs: Any) -> None:
        """Write the records to ``path``, by default below ``strategy_dir``."""
        ...

    def load_records(self, path: Path | None = None, *args: Any, **kwargs: Any) -> None:
        """Overwrite ``records`` in place from ``path``, by default the newest that was written."""
        ...

    def reset(self) -> None:
        """Forget all records."""
        self.records.clear()


def name_strategies(strategies: Mapping[str, Any], taken: set[str] | None = None) -> None:
    """Tell ``strategies`` their names, and draw apart those whose random streams would be one.

    Strategies that do not inherit keep their own ways; whoever asks them knows them by the mapping.
    """
    taken = set() if taken is None else taken
    for name, strategy in strategies.items():
        if ActiveLearningProtocol in type(strategy).__mro__:
            strategy.go_by(name, taken)
