"""Names that lead to something callable in the libraries that alrun wraps, as an attacker would find them."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

__all__ = ["LIBRARIES", "PLACES", "import_all", "targets", "walked"]

#: What was trusted by prefix, once.
LIBRARIES = (
    "torch.optim",
    "torch.nn",
    "torchmetrics",
    "lightning.pytorch.callbacks",
    "lightning.pytorch.loggers",
    "lightning.pytorch.strategies",
    "lightning.pytorch.plugins",
    "lightning.pytorch.profilers",
    "sklearn.ensemble",
    "sklearn.gaussian_process",
    "sklearn.linear_model",
    "sklearn.neighbors",
    "lightning.fabric.strategies",
    "lightning.fabric.plugins",
    *(f"alrun.{room}" for room in ("data", "backbone", "learner", "training", "inference", "query", "cold_start")),
    *(f"alrun.{room}" for room in ("label", "metrology", "stopping", "callbacks", "transform")),
)
#: One place of a config for each slot.
PLACES: Sequence[tuple[str, ...]] = (
    ("data",),
    ("transform", "x"),
    ("transform", "x", "source"),
    ("transform", "x", "model"),
    ("transform", "x", "model", "y"),
    ("transform", "x", "y"),
    ("learner",),
    ("inference",),
    ("label",),
    ("cold_start",),
    ("query", "x"),
    ("metrology", "x"),
    ("stopping", "x"),
    ("logger", "x"),
    ("callbacks", "x"),
    ("training", "loop"),
    ("training", "loop", "callbacks"),
    ("training", "loop", "logger"),
    ("logger", "x", "logger"),
    ("callbacks", "x", "logger"),
    ("training", "loop", "strategy"),
    ("training", "loop", "strategy", "precision_plugin"),
    ("training", "loop", "trainer_kwargs", "plugins"),
    ("training", "loop", "trainer_kwargs", "profiler"),
    ("training", "train_step_fn"),
    ("training", "validate_step_fn"),
    ("data", "function"),
    ("label", "function"),
    ("cold_start", "features"),
    ("query", "x", "features"),
    ("cold_start", "features", "of"),
    ("query", "x", "features", "of"),
    ("cold_start", "selector"),
    ("query", "x", "selector"),
    ("query", "x", "expression", "left"),
    ("query", "x", "criterion"),
    ("training", "optimizer"),
    ("learner", "optimizer"),
    ("learner", "discriminator_optimizer"),
    ("learner", "scheduler"),
    ("learner", "x_scheduler"),
    ("learner", "activation"),
    ("learner", "x_activation"),
    ("learner", "losses", "x"),
    ("learner", "losses", "x", "loss"),
    ("learner", "x_loss"),
    ("learner", "loss_fn"),
    ("learner", "criterion"),
    ("learner", "augmentation"),
    ("learner", "strong_augmentation"),
    ("learner", "estimator"),
    ("learner", "estimator", "kernel"),
    ("learner", "x", "y"),
    ("data", "backbone"),
    ("metrology", "x", "base_metric"),
    ("query", "x", "strategy"),
    ("cold_start", "strategy"),
    ("data", "dataset"),
    *((group, "x", "y") for group in ("training", "inference", "label", "stopping", "logger", "callbacks")),
)


def targets(number: int | None = None) -> list[str]:
    """Return names that lead to something callable: all, or about ``number`` of them, every room and library alike.

    Of modules that are imported already; ``import_all`` imports the others.
    """
    names = sorted(walked())
    return names if number is None else names[:: max(1, len(names) // number)]


def import_all() -> None:
    """Import every module below ``LIBRARIES`` that can be imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for root in LIBRARIES:
            path = getattr(importlib.import_module(root), "__path__", ())
            for found in pkgutil.walk_packages(path, f"{root}.", onerror=lambda name: None):
                try:
                    importlib.import_module(found.name)
                except Exception:  # noqa: S112 - what is not installed is no way either
                    continue


def walked() -> dict[str, Any]:
    """Return what is callable and can be reached by dots within three steps from the modules below ``LIBRARIES``.

    Each object once, under the first of its names.
    """
    roots = sorted(name for name in sys.modules if any(f"{name}.".startswith(f"{root}.") for root in LIBRARIES))
    found: dict[int, tuple[str, Any]] = {}
    queue: list[tuple[str, Any, int]] = [(name, sys.modules[name], 0) for name in roots]
    seen = set(map(id, sys.modules.values()))
    for name, owner, depth in queue:
        for full, value in _attributes(name, owner):
            if isinstance(value, ModuleType):
                if id(value) not in seen or depth == 0:
                    seen.add(id(value))
                    found.update(_members(full, value))
            elif callable(value):
                found.setdefault(id(getattr(value, "__func__", value)), (full, value))
                if isinstance(value, type) and depth < 2 and found[id(value)][0] == full:
                    queue.append((full, value, depth + 1))
    return dict(found.values())


def _members(name: str, module: ModuleType) -> dict[int, tuple[str, Any]]:
    """Return what a module that others only import would lead to."""
    return {id(value): (full, value) for full, value in _attributes(name, module) if callable(value)}


def _attributes(name: str, owner: Any) -> Iterator[tuple[str, Any]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for attribute in sorted(vars(owner)):
            if "__" not in attribute:
                try:
                    yield f"{name}.{attribute}", getattr(owner, attribute)
                except Exception:  # noqa: S112 - a lazy attribute that needs what is not installed
                    continue
