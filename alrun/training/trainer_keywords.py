"""Keyword arguments of Lightning's Trainer that a config may set directly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alrun.core.errors import ConfigError, Problem
from alrun.core.suggest import did_you_mean

__all__ = ["check_callbacks", "check_keywords", "check_logger"]

PREFIX = "training.loop.trainer_kwargs."
OWNED = {
    "max_epochs": "training.max_epochs",
    "max_steps": "training.max_train_steps",
    "limit_val_batches": "training.max_val_steps",
    "enable_checkpointing": "training.checkpoint_every",
    "default_root_dir": "output_dir",
    **{
        name: f"training.loop.{name}"
        for name in (
            "accelerator",
            "devices",
            "precision",
            "strategy",
            "gradient_clip_val",
            "gradient_clip_algorithm",
            "callbacks",
            "logger",
        )
    },
}


def check_keywords(keywords: Mapping[str, Any]) -> None:
    """Raise ``ConfigError`` for keywords that the Trainer does not know, or that have a key of their own."""
    import inspect

    from lightning.pytorch import Trainer

    known = set(inspect.signature(Trainer).parameters) - set(OWNED)
    problems = []
    for name in keywords:
        key = f"{PREFIX}{name}"
        if name in OWNED:
            problems.append(Problem(f"{name} has a key of its own", key, f"{OWNED[name]}=…"))
        elif name not in known:
            problems.append(
                Problem(f"unknown Trainer keyword {name!r}", key, did_you_mean(name, known, prefix=PREFIX, most=None))
            )
    if problems:
        raise ConfigError(problems)


def check_callbacks(callbacks: Sequence[Any]) -> None:
    """Raise ``ConfigError`` for entries that are no Lightning callbacks."""
    from lightning.pytorch import Callback

    hint = "'training.loop.callbacks=[{_target_: lightning.pytorch.callbacks.DeviceStatsMonitor}]'"
    problems = [
        Problem(f"{callback!r} is not a Lightning callback", f"training.loop.callbacks[{number}]", hint)
        for number, callback in enumerate(callbacks)
        if not isinstance(callback, Callback)
    ]
    if problems:
        raise ConfigError(problems)


def check_logger(logger: Any) -> None:
    """Raise ``ConfigError`` unless ``logger`` is a Lightning logger; for ``True`` Lightning would choose one."""
    from lightning.pytorch.loggers import Logger

    loggers = logger if isinstance(logger, list | tuple) else [logger]
    hint = "training.loop.logger={_target_: lightning.pytorch.loggers.CSVLogger, save_dir: logs}"
    problems = [
        Problem(f"{one!r} is not a Lightning logger", "training.loop.logger", hint)
        for one in loggers
        if not isinstance(one, Logger)
    ]
    if problems:
        raise ConfigError(problems)
