"""The five phases of an active-learning step, in the order in which they run."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["ActiveLearningPhase"]


class ActiveLearningPhase(StrEnum):
    """Name of a phase; also the tag that restart metadata carries."""

    TRAINING = "training"
    METROLOGY = "metrology"
    QUERY = "query"
    LABELING = "labeling"
    DATA_INTEGRATION = "data_integration"
