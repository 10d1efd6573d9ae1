"""Uses of private names of Hydra and OmegaConf: all there are, each with the version that it was checked against.

Where a new release changes one, this file changes and no other. ``ConfigLoaderImpl`` and ``FileConfigSource``, to be
derived from, are classes of Hydra 1.3.8; they are imported when they are first asked for.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hydra._internal.callbacks import Callbacks
    from hydra._internal.config_loader_impl import ConfigLoaderImpl
    from hydra._internal.core_plugins.file_config_source import FileConfigSource
    from hydra.core.config_search_path import ConfigSearchPath
    from omegaconf import DictConfig

__all__ = [
    "BASIC_LAUNCHER",
    "BASIC_SWEEPER",
    "ConfigLoaderImpl",
    "FileConfigSource",
    "apply_overrides",
    "child",
    "file_name",
    "flags_parser",
    "header_of",
    "hydra_apart",
    "is_interpolation",
    "is_missing",
    "is_none",
    "main_loader",
    "new_search_path",
    "new_yaml_loader",
    "no_callbacks",
    "only_resolvers",
    "steps_of",
    "written",
]

#: Hydra 1.3.8.
BASIC_LAUNCHER = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
#: Hydra 1.3.8.
BASIC_SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


def __getattr__(name: str) -> Any:
    """Import a class of Hydra when it is first asked for (Hydra 1.3.8)."""
    if name == "ConfigLoaderImpl":
        from hydra._internal.config_loader_impl import ConfigLoaderImpl

        return ConfigLoaderImpl
    if name == "FileConfigSource":
        from hydra._internal.core_plugins.file_config_source import FileConfigSource

        return FileConfigSource
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def flags_parser() -> tuple[ArgumentParser, list[str]]:
    """Return the parser of Hydra's command line, and the flags that it knows (Hydra 1.3.8, Python's argparse)."""
    from hydra._internal.utils import get_args_parser

    parser = get_args_parser()
    return parser, [flag for action in parser._actions for flag in action.option_strings]


def new_search_path(folder: str) -> ConfigSearchPath:
    """Return the folders that Hydra reads configs from, with ``folder`` as the main one (Hydra 1.3.8)."""
    from hydra._internal.utils import create_config_search_path

    return create_config_search_path(folder)


def main_loader(path: ConfigSearchPath) -> ConfigLoaderImpl:
    """Return a config loader for ``path``; Hydra keeps its state globally (Hydra 1.3.8)."""
    from hydra._internal.hydra import Hydra

    return Hydra.create_main_hydra2(task_name="alrun", config_search_path=path).config_loader  # type: ignore[return-value]


def no_callbacks() -> Callbacks:
    """Return what Hydra calls at the beginning and end of a sweep: nothing (Hydra 1.3.8)."""
    from hydra._internal.callbacks import Callbacks

    return Callbacks()


def apply_overrides(loader: ConfigLoaderImpl, overrides: Sequence[Any], config: DictConfig) -> None:
    """Put the values of parsed ``overrides`` in ``config`` (Hydra 1.3.8)."""
    loader._apply_overrides_to_config(list(overrides), config)


def file_name(source: FileConfigSource, config_path: str) -> str:
    """Return ``config_path`` with the ending of a config file (Hydra 1.3.8)."""
    return source._normalize_file_name(config_path)


def header_of(source: FileConfigSource, text: str) -> dict[str, Any]:
    """Return what the ``@package`` lines of a config file say, where there are any (Hydra 1.3.8)."""
    return source._get_header_dict(text)


@contextmanager
def hydra_apart() -> Iterator[None]:
    """Use Hydra as if nobody had before, and put back what its caller had set up (OmegaConf 2.3.1).

    Whoever calls alrun from Python may have initialized Hydra, chosen a version base, stored configs and registered
    resolvers; none of that may change what alrun composes, nor be changed by it.
    """
    from hydra.core.config_store import ConfigStore
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.core.singleton import Singleton
    from hydra.version import VersionBase
    from omegaconf.basecontainer import BaseContainer

    callers, resolvers = dict(Singleton._instances), dict(BaseContainer._resolvers)
    for kind in (GlobalHydra, HydraConfig, VersionBase, ConfigStore):
        Singleton._instances.pop(kind, None)
    stored: Any = callers.get(ConfigStore)
    repo: dict[str, Any] = {} if stored is None else stored.repo
    for name, node in repo.items():
        if name == "hydra" or getattr(node, "provider", "") == "hydra":
            ConfigStore.instance().repo[name] = node
    try:
        yield
    finally:
        for kind in (GlobalHydra, HydraConfig, VersionBase, ConfigStore):
            Singleton._instances.pop(kind, None)
        Singleton._instances.update(callers)
        BaseContainer._resolvers = resolvers


def child(node: Any, key: Any) -> Any:
    """Return the node at ``key`` of a container, nothing resolved; ``None`` where there is none (OmegaConf 2.3.1)."""
    return node._get_node(key)


def written(node: Any) -> Any:
    """Return the value of a node as it is written, nothing resolved (OmegaConf 2.3.1)."""
    return node._value()


def is_interpolation(node: Any) -> bool:
    """Return whether a node is an interpolation (OmegaConf 2.3.1)."""
    return bool(node._is_interpolation())


def is_none(node: Any) -> bool:
    """Return whether a node is ``null`` (OmegaConf 2.3.1)."""
    return bool(node._is_none())


def is_missing(node: Any) -> bool:
    """Return whether a node is a mandatory value that is missing, ``???`` (OmegaConf 2.3.1)."""
    return bool(node._is_missing())


def steps_of(key: str) -> list[str]:
    """Return the parts of a key such as ``a.b[0]`` (OmegaConf 2.3.1)."""
    from omegaconf._utils import split_key

    return split_key(key)


def new_yaml_loader() -> Any:
    """Return a class of PyYAML's loader that reads numbers and repeated keys as configs have them (OmegaConf 2.3.1)."""
    from omegaconf._utils import get_yaml_loader

    return get_yaml_loader()


@contextmanager
def only_resolvers(names: Sequence[str]) -> Iterator[None]:
    """Put those of the resolvers that are called ``names`` in place of all for a while (OmegaConf 2.3.1)."""
    from omegaconf.basecontainer import BaseContainer

    before = BaseContainer._resolvers
    BaseContainer._resolvers = {name: before[name] for name in names if name in before}
    try:
        yield
    finally:
        BaseContainer._resolvers = before
