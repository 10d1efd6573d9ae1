"""Weights at the start of a training phase: initial, warm, or shrunk and perturbed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alrun.core.errors import StrategyError
from alrun.core.seeding import Role, Seeds
from alrun.driver.settings import Reset, TrainingSettings

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["copy_weights", "reset_weights"]


def copy_weights(learner: Any) -> dict[str, Tensor]:
    """Return a copy of the learner's weights, buffers and extra states.

    Raises:
        StrategyError: One is not a tensor.
    """
    return {name: _tensor(learner, name, value).detach().clone() for name, value in learner.state_dict().items()}


def _tensor(learner: Any, name: str, value: Any) -> Tensor:
    import torch

    if not isinstance(value, torch.Tensor):
        what = f"{name!r} in state_dict() of {type(learner).__name__} is a {type(value).__name__}, not a tensor"
        raise StrategyError(f"{what}\n    → return a tensor from get_extra_state(), of bytes if necessary")
    return value


def reset_weights(learner: Any, initial: Mapping[str, Tensor], settings: TrainingSettings, seeds: Seeds) -> None:
    """Set the learner's weights for the training phase at ``seeds``, in place.

    ``scratch`` restores the weights of step 0 exactly. ``warm`` leaves them. ``shrink_perturb`` (Ash & Adams 2020,
    "On Warm-Starting Neural Network Training", section 4) multiplies each parameter by ``settings.shrink`` and adds
    ``settings.perturb`` times a fresh initialization; deviation: the fresh initialization is the initial weights with
    the entries of each tensor permuted by the ``init`` stream, which has the layer's own distribution for any module.
    The first training phase starts from the initial weights whichever is chosen.
    """
    if settings.reset is Reset.SCRATCH:
        learner.load_state_dict(initial)
    elif settings.reset is Reset.SHRINK_PERTURB and seeds.step > 0 and _has_moved(learner, initial):
        _shrink_perturb(learner, initial, settings, seeds)


def _has_moved(learner: Any, initial: Mapping[str, Tensor]) -> bool:
    return any(not initial[name].equal(tensor.cpu()) for name, tensor in learner.named_parameters())


def _shrink_perturb(learner: Any, initial: Mapping[str, Tensor], settings: TrainingSettings, seeds: Seeds) -> None:
    import torch

    with torch.no_grad():
        for name, parameter in learner.named_parameters():
            start = initial[name]
            order = torch.randperm(start.numel(), generator=seeds.torch(Role.INIT, f"perturb {name}"))
            noise = start.flatten()[order].view_as(start).to(parameter.device)
            parameter.mul_(settings.shrink).add_(noise, alpha=settings.perturb)
