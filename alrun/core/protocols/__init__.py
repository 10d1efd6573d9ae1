"""Interfaces of alrun. They are structural: inheritance is optional."""

from alrun.core.phases import ActiveLearningPhase
from alrun.core.protocols.driver import DriverProtocol, Predictor, StrategyHost
from alrun.core.protocols.model import (
    InferenceModule,
    InferenceProtocol,
    LearnerProtocol,
    TrainingLoop,
    TrainingProtocol,
    TrainingSession,
    ValidationProtocol,
)
from alrun.core.protocols.pool import DataPool, RowPool, Source
from alrun.core.protocols.queue import AbstractQueue
from alrun.core.protocols.strategies import (
    ActiveLearningProtocol,
    LabelStrategy,
    MetrologyStrategy,
    QueryStrategy,
)

__all__ = [
    "AbstractQueue",
    "ActiveLearningPhase",
    "ActiveLearningProtocol",
    "DataPool",
    "DriverProtocol",
    "InferenceModule",
    "InferenceProtocol",
    "LabelStrategy",
    "LearnerProtocol",
    "MetrologyStrategy",
    "Predictor",
    "QueryStrategy",
    "RowPool",
    "Source",
    "StrategyHost",
    "TrainingLoop",
    "TrainingProtocol",
    "TrainingSession",
    "ValidationProtocol",
]
