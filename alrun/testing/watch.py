"""Guards against side effects of a strategy on the learner and the global random generators."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import nn

from alrun.core.generators import generators_kept, seed_generators

__all__ = ["counted_forwards", "generators_in_state", "generators_untouched", "learner_untouched"]


def _generator_states() -> dict[str, Any]:
    return {
        "random": random.getstate(),
        "numpy.random": pickle.dumps(np.random.get_state()),  # noqa: NPY002 - the legacy state is what is watched
        "torch": torch.get_rng_state().tolist(),
    }


@contextmanager
def generators_untouched() -> Iterator[None]:
    """Fail when the global generator of python, numpy or torch has moved at the end."""
    before = _generator_states()
    yield
    moved = [name for name, state in _generator_states().items() if state != before[name]]
    assert not moved, f"draws from the global generator of {', '.join(moved)}; derive one from driver.seeds instead"


@contextmanager
def generators_in_state(seed: int) -> Iterator[None]:
    """Seed the global generators with ``seed``, and put back what was there at the end."""
    with generators_kept():
        seed_generators(seed)
        yield


def _learner_state(learner: nn.Module) -> dict[str, Any]:
    return {
        "weights": {name: tensor.detach().clone() for name, tensor in learner.state_dict().items()},
        "training modes": {name: module.training for name, module in learner.named_modules()},
        "requires_grad flags": {name: parameter.requires_grad for name, parameter in learner.named_parameters()},
        "gradients": {name: parameter.grad is None for name, parameter in learner.named_parameters()},
    }


def _same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    if first.keys() != second.keys():
        return False
    return all(
        torch.equal(value, second[name]) if isinstance(value, torch.Tensor) else value == second[name]
        for name, value in first.items()
    )


@contextmanager
def learner_untouched(learner: nn.Module) -> Iterator[None]:
    """Fail when weights, modes, ``requires_grad`` or gradients have changed at the end.

    The learner is put in an uncommon state first, which a careless ``eval()`` and ``train()`` would not restore: in
    training mode but for its last module, its first parameter frozen.
    """
    learner.train()
    list(learner.modules())[-1].eval()
    for parameter in islice(learner.parameters(), 1):
        parameter.requires_grad_(False)
    before = _learner_state(learner)
    yield
    after = _learner_state(learner)
    changed = [what for what in before if not _same(before[what], after[what])]
    assert not changed, f"changes the learner's {', '.join(changed)}"


@contextmanager
def counted_forwards(learner: nn.Module) -> Iterator[list[int]]:
    """Yield a list that grows by one entry whenever ``learner`` is called."""
    calls: list[int] = []
    handle = learner.register_forward_pre_hook(lambda *_: calls.append(1))
    try:
        yield calls
    finally:
        handle.remove()
