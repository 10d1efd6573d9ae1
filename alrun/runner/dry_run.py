"""Early checks of optimizer, scheduler and device on a single weight."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import signature
from pathlib import Path
from typing import Any

from alrun.config.bound import iterate_nodes
from alrun.core.errors import Problem
from alrun.runner.instantiate import instantiate

__all__ = ["device_problems", "optimizer_problems"]


def optimizer_problems(config: Mapping[str, Any], learner: Any = None) -> Iterator[Problem]:
    """Yield optimizers and schedulers of a bound config that refuse their options, or do not suit ``learner``.

    They are built late, from the learner's parameters, so that their own checks would come after the labels of the
    cold start were paid for.
    """
    from torch import nn, optim, zeros

    for node in iterate_nodes(config):
        target, where = (node.target if node.is_partial else None), node.where
        if not isinstance(target, type) or not issubclass(target, optim.Optimizer | optim.lr_scheduler.LRScheduler):
            continue
        if target.__name__ in getattr(learner, "unfit_optimizers", ()):
            what = f"{target.__name__} does not treat weights independently: it would mix the {type(learner).__name__}"
            yield Problem(what, where, f"{where}._target_=torch.optim.Adam, or torch.optim.SGD")
            continue
        weight = [nn.Parameter(zeros(1))]
        sgd = optim.SGD(weight, lr=0.1, momentum=0.9)
        try:
            built = instantiate(node, Path())(weight if issubclass(target, optim.Optimizer) else sgd)
            if not isinstance(built, optim.Optimizer | optim.lr_scheduler.ReduceLROnPlateau):
                sgd.step()
                built.step()
        except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:
            yield Problem(f"{target.__name__} refused it: {error}", where, _defaults_hint(target, where, str(error)))


def _defaults_hint(target: Any, where: str, error: str) -> str:
    """Return the default of the argument that ``error`` names, as an override; else all defaults, as far as known."""
    try:
        options = signature(target).parameters
    except (TypeError, ValueError):
        return ""
    known = {name: one.default for name, one in options.items() if one.default is not one.empty}
    named = [name for name in known if name in error and isinstance(known[name], int | float)]
    if named:
        return f"++{where}.{named[0]}={known[named[0]]}"
    return f"its defaults: {', '.join(f'{name}={value}' for name, value in known.items())}"


def device_problems(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield devices that this machine does not have."""
    accelerator = config["training"]["loop"].arguments.get("accelerator")
    yield from _absent(config["device"], "device")
    if isinstance(accelerator, str):
        yield from _absent({"gpu": "cuda"}.get(accelerator, accelerator), "training.loop.accelerator")


def _absent(device: str, key: str) -> Iterator[Problem]:
    import torch

    kind, _, number = device.partition(":")
    if kind not in ("cuda", "mps", "xpu"):
        return
    backend = getattr(torch, kind)
    count = backend.device_count() if backend.is_available() else 0
    if int(number or 0) >= count:
        what = f"this machine has no {device}" + (f", only {kind}:0 to {kind}:{count - 1}" if count else "")
        yield Problem(what, key, f"{key}=auto")
