"""Values set in a config that Hydra has composed once: the difference between jobs with the same options."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from alrun.config.compat import child, is_interpolation, is_missing, is_none, steps_of, written
from alrun.config.compose import Composed
from alrun.config.resolvers import interpolation_problems, only, problem_of
from alrun.core.errors import ConfigError

if TYPE_CHECKING:
    from alrun.config.overrides import ParsedOverride

__all__ = ["Combination", "moves"]

Path = tuple[str | int, ...]
#: A reference to a key by its full name.
REFERENCE = re.compile(r"\$\{(\w[\w.]*)\}")


def moves(override: ParsedOverride, values: Sequence[str], others: Sequence[ParsedOverride]) -> bool:
    """Return whether the values of ``override`` can be put in place, one after the other.

    They can where each replaces the one before wholly, and where no other word reads or writes the same key.
    """
    if not override.is_sweep or override.parsed.is_delete() or override.key.startswith("hydra"):
        return False
    if override.key.endswith("_target_"):  # what else is in its node goes by it
        return False
    if any(_overlap(override.key, other.key) for other in others) or any(o.parsed.is_delete() for o in others):
        return False
    read = [value_of(word) for word in values]
    if override.is_added:
        return not any(isinstance(value, dict | list) for value in read)
    return not any(isinstance(value, dict) for value in read)


def _overlap(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}.") or other.startswith(f"{one}.")


@cache
def _parser() -> Any:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    return OverridesParser.create()


def value_of(word: str) -> Any:
    """Return the value of ``key=value`` as Hydra reads it."""
    return _parser().parse_override(word).value()


class Combination:
    """One choice of options: a config, and the words whose values are put in place in it."""

    def __init__(self, loaded: Composed, moving: Sequence[ParsedOverride]) -> None:
        """Begin with ``loaded``, which has values of the words ``moving`` already."""
        self._loaded = loaded
        self._keys = [override.key for override in moving]
        self._added = [override.is_added for override in moving]
        self._values: dict[str, Any] = {}
        self._read: dict[str, Any] | None = None
        self._paths: list[Path] | None = None
        self._is_plain = not any(":" in str(text) for _, text in _interpolations(loaded.config))

    def job(self, words: tuple[str, ...], moving: Sequence[str]) -> Composed:
        """Return the config of ``words``; the one that was returned before is changed by it."""
        from omegaconf import OmegaConf

        config = self._loaded.config
        for word, key, added in zip(moving, self._keys, self._added, strict=True):
            OmegaConf.update(config, key, self._value(word), merge=True, force_add=added)
        # A resolver may read the environment, of which an experiment keeps more than the values.
        is_plain = self._is_plain and not any("${" in word for word in moving)
        return Composed(config, self._loaded.choices, self._loaded.hydra, words, self._resolved() if is_plain else None)

    def _value(self, word: str) -> Any:
        if word not in self._values:
            self._values[word] = value_of(word)
        return self._values[word]

    def _resolved(self) -> dict[str, Any]:
        """Return the config as plain containers: what was read for the first job, and anew what can differ."""
        from omegaconf.errors import OmegaConfBaseException

        from alrun.config.compose import resolved

        config = self._loaded.config
        if self._read is None:
            self._paths, self._read = _differing(config, self._keys), resolved(config)
            return copy.deepcopy(self._read)
        if self._paths is None:
            return resolved(config)
        values = copy.deepcopy(self._read)
        try:
            with only():
                for path in self._paths:
                    _put(values, path, _plain(config, path))
        except OmegaConfBaseException as error:
            raise ConfigError(list(interpolation_problems(config)) or [problem_of(error)]) from error
        return values


def _differing(config: Any, keys: Sequence[str]) -> list[Path] | None:
    """Return where jobs can differ: at ``keys`` and at interpolations; ``None`` if a key leads elsewhere."""
    own = [_path(config, key) for key in keys]
    if not all(own):
        return None
    written = dict(_interpolations(config))
    others = [p for p in written if not _is_constant(written[p], keys, written)]
    others = [p for p in others if not any(p[:depth] in own for depth in range(1, len(p) + 1))]
    return [*own, *others]


def _path(config: Any, key: str) -> Path:
    """Return the steps to ``key``; none where one of them is an interpolation."""
    from omegaconf import ListConfig

    path: list[str | int] = []
    node = config
    for name in steps_of(key):
        if node is None or is_interpolation(node):
            return ()
        path.append(int(name) if isinstance(node, ListConfig) else name)
        node = child(node, path[-1])
    return tuple(path)


def _is_constant(text: Any, keys: Sequence[str], written: Mapping[Path, Any]) -> bool:
    """Return whether an interpolation refers to a key that no word changes and that nothing is interpolated in."""
    found = REFERENCE.fullmatch(str(text))
    if found is None:
        return False
    others = (".".join(map(str, path)) for path in written)
    return not any(_overlap(found[1], key) for key in (*keys, *others))


def _interpolations(node: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield where the interpolations are, and how they are written."""
    from omegaconf import DictConfig, ListConfig

    if is_interpolation(node):
        yield path, written(node)
    elif isinstance(node, DictConfig) and not is_none(node) and not is_missing(node):
        for key in node:
            yield from _interpolations(child(node, key), (*path, str(key)))
    elif isinstance(node, ListConfig) and not is_none(node) and not is_missing(node):
        for number in range(len(node)):
            yield from _interpolations(child(node, number), (*path, number))


def _plain(config: Any, path: Path) -> Any:
    from omegaconf import Container, OmegaConf

    node = config
    for key in path:
        node = node[key]
    return OmegaConf.to_container(node, resolve=True, throw_on_missing=True) if isinstance(node, Container) else node


def _put(values: Any, path: Path, value: Any) -> None:
    for key in path[:-1]:
        values = values[key]
    values[path[-1]] = value
