"""Data of a config, with what its transformations make of them, and nothing else of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alrun.config.check import cheap_problems, checked
from alrun.config.compose import Composed
from alrun.config.environment import resolve
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError
from alrun.core.generators import generators_kept
from alrun.runner.build import Builder
from alrun.runner.data_files import located

__all__ = ["built_source"]

PARTS = ("data", "transform")


def built_source(composed: Composed, trust: Trust) -> Any:
    """Return what the group ``data`` builds, transformed.

    Raises:
        ConfigError: With everything that is wrong with the config, or the data.
    """
    resolved = resolve(composed.config)
    with resolved.secrets.kept(), generators_kept():
        problems = list(cheap_problems(resolved.values, trust))
        if problems:
            raise ConfigError(problems)
        config = located(resolved.values, (Path.cwd(),))
        bound = checked({part: config[part] for part in PARTS if part in config}, trust)
        return Builder({**config, **bound}).source()
