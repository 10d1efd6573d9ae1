"""Cache of compositions: one per choice of options, to which values are then applied.

Of the time that Hydra takes for a config, nine tenths go into the defaults list and into merging the options; both
depend on the options alone. So these are composed once, and each config begins with a copy, as long as the folders
would answer all that was asked of them in the same way.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.config.compat import apply_overrides
from alrun.config.hydra_sources import Answers, noted

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

    from alrun.config.compat import ConfigLoaderImpl

__all__ = ["CONFIG_NAME", "compose"]

CONFIG_NAME = "config"
#: Choices of options that are kept, the latest.
KEPT = 64
_kept: OrderedDict[Hashable, tuple[DictConfig, Answers]] = OrderedDict()


def compose(loader: ConfigLoaderImpl, words: Sequence[str]) -> DictConfig:
    """Return what Hydra makes of ``words``, its own node in it.

    Raises:
        HydraException: It cannot make anything of them. What else it raises is raised, too.
    """
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.types import RunMode

    overrides = OverridesParser.create().parse_overrides(list(words))
    values = [override for override in overrides if _is_value(loader, override)]
    if any(override.is_hydra_override() for override in values):
        return _composed(loader, words)
    loader.validate_sweep_overrides_legal(overrides, RunMode.RUN, from_shell=False)
    chosen = [str(override.input_line) for override in overrides if override not in values]
    if any("$" in word for word in chosen):
        return _composed(loader, words)
    config = _chosen(loader, chosen)
    if config.hydra.job.env_copy:
        return _composed(loader, words)
    config.hydra.runtime.cwd = str(Path.cwd())
    apply_overrides(loader, values, config)
    return config


def _is_value(loader: ConfigLoaderImpl, override: Override) -> bool:
    return isinstance(override.value(), dict) or not loader.repository.group_exists(override.key_or_group)


def _composed(loader: ConfigLoaderImpl, words: Sequence[str]) -> DictConfig:
    from hydra.types import RunMode

    return loader.load_configuration(
        config_name=CONFIG_NAME, overrides=list(words), run_mode=RunMode.RUN, from_shell=False
    )


def _chosen(loader: ConfigLoaderImpl, words: Sequence[str]) -> DictConfig:
    """Return the config of ``words``, which choose options and say no values; it is the caller's own."""
    key = _key(loader, words)
    if key not in _kept or not _kept[key][1].still_hold():
        with noted() as answers:
            _kept[key] = _composed(loader, words), answers
    _kept.move_to_end(key)
    while len(_kept) > KEPT:
        _kept.popitem(last=False)
    return deepcopy(_kept[key][0])


def _key(loader: ConfigLoaderImpl, words: Sequence[str]) -> Hashable:
    """Return what a composition depends on beside the files."""
    from hydra.core.config_store import ConfigStore
    from hydra.version import getbase

    folders = tuple(f"{source.provider} {source.path}" for source in loader.repository.sources)
    return (*words, folders, str(getbase()), tuple(_names(ConfigStore.instance().repo)))


def _names(stored: Any) -> list[str]:
    return sorted(stored) + [name for node in stored.values() if isinstance(node, dict) for name in _names(node)]
