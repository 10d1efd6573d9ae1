"""Phase: run once, or replayed from what it committed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from alrun.core.phases import ActiveLearningPhase

if TYPE_CHECKING:
    from torch import Tensor

    from alrun.driver.experiment import ExperimentContext
    from alrun.driver.state import State
    from alrun.store.checkpoints import Commit

__all__ = ["Phase", "PhaseResult"]


@dataclass(frozen=True)
class PhaseResult:
    """What a phase commits.

    Attributes:
        state: What is new, as the store's codec takes it; enough for ``restore``.
        weights: The learner's weights, from the training phase.
    """

    state: Mapping[str, Any]
    weights: Mapping[str, Tensor] | None = None


class Phase(Protocol):
    """One of the five phases; holds no state of its own between steps."""

    tag: ActiveLearningPhase

    def run(self, experiment: ExperimentContext, state: State) -> PhaseResult:
        """Do the phase's work and return what to commit."""
        ...

    def restore(self, experiment: ExperimentContext, state: State, commit: Commit) -> None:
        """Bring the experiment to where ``run`` left it, from its commit.

        Raises:
            CorruptionError: The commit does not hold; the phase will be run again.
        """
        ...

    def committed(self, experiment: ExperimentContext, state: State) -> None:
        """Tidy up after the commit."""
        ...
