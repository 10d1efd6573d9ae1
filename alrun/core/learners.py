"""Optional methods of learners and inference modules, looked up in one place."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from alrun.core.protocols.driver import StrategyHost

__all__ = [
    "OPTIONAL",
    "attach",
    "combine_of",
    "committee_of",
    "custom_method",
    "fit_at_once_of",
    "optimizes_itself",
    "optional_method",
    "own_prior",
    "prediction_step",
    "representative",
]

#: Methods that a learner may have; one that is ``None`` it has not.
OPTIONAL = (
    *("forward", "training_step", "validation_step", "inference_step", "configure_optimizers", "configure_callbacks"),
    *("attach", "committee", "fit_at_once", "fit_statistics", "lifted"),
)
_PLACEHOLDERS = re.compile(r"(lightning\.pytorch|pytorch_lightning)\.core\.\w+")


def custom_method(learner: Any, name: str) -> Callable[..., Any] | None:
    """Return the method ``name`` of ``learner``; ``None`` where it has none, or only LightningModule's placeholder."""
    method: Callable[..., Any] | None = getattr(learner, name, None)
    placeholder = _PLACEHOLDERS.fullmatch(getattr(method, "__module__", None) or "")
    return None if placeholder or not callable(method) else method


def optional_method(learner: Any, name: str) -> Callable[..., Any] | None:
    """Return the method ``name`` of ``learner``; ``None`` where it has none, or has set it to ``None``."""
    method: Callable[..., Any] | None = getattr(learner, name, None)
    return method


def optimizes_itself(learner: Any) -> bool:
    """Return whether ``learner`` declares Lightning's manual optimization."""
    return getattr(learner, "automatic_optimization", True) is False


def committee_of(learner: Any) -> Callable[[Any], Any] | None:
    """Return what gives the outputs ``[K, B, ...]`` of the members that ``learner`` is made of, if any."""
    members: Callable[[Any], Any] | None = getattr(learner, "committee", None)
    return members if callable(members) and getattr(learner, "has_committee", True) else None


def fit_at_once_of(learner: Any) -> Callable[..., Any] | None:
    """Return what fits ``learner`` to all labels at once, in place of a training loop; ``None`` where it has epochs."""
    fit: Callable[..., Any] | None = getattr(learner, "fit_at_once", None)
    return fit if callable(fit) else None


def own_prior(learner: Any) -> float | None:
    """Return the prior precision of the weights that ``learner`` was trained with; ``None`` where it does not say."""
    precision: float | None = getattr(learner, "prior_precision", None)
    return precision


def prediction_step(learner: Any) -> Callable[[Any], Any]:
    """Return the ``inference_step`` of ``learner``, or the learner itself where it has none."""
    step: Callable[[Any], Any] = optional_method(learner, "inference_step") or learner
    return step


def representative(learner: Any) -> Any:
    """Return the one learner that embeddings are taken from: ``learner`` itself, or what one of several names so."""
    named = getattr(learner, "representative", None)
    return learner if named is None else named


def attach(part: Any, host: StrategyHost) -> None:
    """Attach a learner or an inference to the driver ``host``, where it wants that."""
    own = getattr(part, "attach", None)
    if callable(own):
        own(host)


def combine_of(inference: Any) -> Callable[[Sequence[Any]], Any] | None:
    """Return what makes one learner of an inference's ``num_members``; ``None`` where it predicts with a single one."""
    return getattr(inference, "combine", None)
