"""Defaults of the settings as the config ``settings``, the first in the defaults list of ``config.yaml``."""

from __future__ import annotations

from alrun.core.knobs import defaults
from alrun.core.settings import Config

__all__ = ["NAME", "register"]

NAME = "settings"


def register() -> None:
    """Let Hydra find the defaults, which no file repeats.

    They are plain values, not a structured config: that would convert what is given to their types before it is
    checked, and stop at the first value that cannot be.
    """
    from hydra.core.config_store import ConfigStore

    ConfigStore.instance().store(NAME, defaults(Config), provider="alrun")
