"""Calls of strategies: errors name the strategy, and a call that takes too long is ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from alrun.core.errors import AlrunError, StrategyError, StrategyTimeout
from alrun.core.phases import ActiveLearningPhase

if TYPE_CHECKING:
    from alrun.driver.experiment import ExperimentContext
    from alrun.driver.state import State

__all__ = ["calling"]

#: Keys of ``timeout`` in the config.
KEYS = {
    ActiveLearningPhase.METROLOGY: "metrology",
    ActiveLearningPhase.QUERY: "query",
    ActiveLearningPhase.LABELING: "label",
}


@contextmanager
def calling(experiment: ExperimentContext, state: State, name: str, phase: ActiveLearningPhase) -> Iterator[None]:
    """Call the strategy ``name`` in the content: its errors bear its name, and it may take as long as the config says.

    Raises:
        StrategyTimeout: It took longer.
        StrategyError: It failed.
    """
    key = KEYS[phase]
    seconds: float | None = getattr(experiment.settings.timeout, key)
    where = f"{phase} of step {state.step}: {name}"
    answer = "without an answer" if phase is ActiveLearningPhase.LABELING else "in one call"
    hint = f"see {experiment.log_dir}/alrun.log for the place; timeout.{key}=null removes the limit"
    late = f"{where} took more than {seconds} s {answer}\n    → {hint}"
    try:
        with experiment.deadline.limit(seconds, late):
            yield
    except StrategyTimeout as error:
        experiment.logger.error("%s took too long", where, exc_info=error.__cause__)
        raise
    except AlrunError:
        raise
    except Exception as error:
        experiment.logger.exception("%s failed", where)
        what = f"{where}: {type(error).__name__}: {error}"
        raise StrategyError(f"{what}\n    → traceback in {experiment.log_dir}/alrun.log") from error
