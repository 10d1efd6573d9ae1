"""Stored config of a run, which may have come from elsewhere: read within limits of size and depth."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from alrun.config.compat import new_yaml_loader
from alrun.core.errors import ConfigError, Problem
from alrun.core.parsing import parse_yaml

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["FORMER", "parse_config", "yaml_loader"]

#: Keys asked of one command that have other names now: configs of older runs hold them, which changes no run.
FORMER = {"mend": "repair"}
#: Interpolations in a config, and characters of a value that has some; alrun's own have about ten, of twenty.
MOST_INTERPOLATIONS, MOST_INTERPOLATED = 1000, 4096
#: Nodes and characters that a config may come to when it is resolved.
MOST_RESOLVED = 1_000_000
_INNERMOST = re.compile(r"\$\{([^${}]*)\}")
_PARTS = re.compile(r"[.\[\]]+")


def parse_config(text: str, where: str) -> DictConfig:
    """Return the config in YAML ``text``, unresolved.

    Keys in ``FORMER`` are left out.

    Args:
        text: The content of ``config.yaml``.
        where: Its path, for the message.

    Raises:
        ConfigError: It is no YAML mapping, or beyond the limits, as it stands or when it is resolved.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        values = parse_yaml(text, yaml_loader())
        _Extent(values).check()
        if not isinstance(values, dict):  # a text would be taken for YAML once more, beyond the limits
            raise ConfigError(Problem("is not a mapping", where))
        config: DictConfig = OmegaConf.create({key: value for key, value in values.items() if key not in FORMER})
    except (ValueError, RecursionError, OmegaConfBaseException) as error:
        told = " ".join(str(error).split()) or type(error).__name__
        raise ConfigError(Problem(f"cannot be read: {told}", where)) from error
    return config


@cache
def yaml_loader() -> Any:
    """Return OmegaConf's loader, which makes paths of no tag here, and has libyaml's parser where there is one.

    That takes a tenth of the time.
    """
    import yaml

    loader = new_yaml_loader()
    loader.yaml_constructors = dict(yaml.SafeLoader.yaml_constructors)
    if not hasattr(yaml, "CSafeLoader"):
        return loader
    from yaml.constructor import SafeConstructor
    from yaml.cyaml import CParser
    from yaml.resolver import Resolver

    class Loader(CParser, loader):  # type: ignore[misc, valid-type]
        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            SafeConstructor.__init__(self)
            Resolver.__init__(self)

    return Loader


class _Extent:
    """How much a config comes to when every interpolation is replaced by what it refers to.

    A dozen lines that each name the one before twice would stand for thousands. The numbers are bounds from above: a
    name that is itself put together counts as the whole of what it may lead to.
    """

    def __init__(self, root: Any) -> None:
        self._root = root
        self._known: dict[tuple[str, ...], int] = {}
        self._under_way: set[tuple[str, ...]] = set()
        self._interpolations = 0

    def check(self) -> None:
        """Raise ``ValueError`` where it is more than any config comes to."""
        self._size(self._root, ())

    def _size(self, node: Any, place: tuple[str, ...]) -> int:
        if place in self._known:
            return self._known[place]
        if place in self._under_way:
            raise ValueError(f"{'.'.join(place) or 'it'} refers to itself")
        self._under_way.add(place)
        if isinstance(node, dict):
            size = 1 + sum(self._size(value, (*place, str(key))) for key, value in node.items())
        elif isinstance(node, list):
            size = 1 + sum(self._size(value, (*place, str(number))) for number, value in enumerate(node))
        else:
            size = self._text(node, place) if isinstance(node, str) else 1
        if size > MOST_RESOLVED:
            raise ValueError(f"{'.'.join(place)} comes to more than {MOST_RESOLVED} characters when it is resolved")
        self._under_way.discard(place)
        self._known[place] = size
        return size

    def _text(self, text: str, place: tuple[str, ...]) -> int:
        size = 1 + len(text)
        if "${" not in text:
            return size
        self._interpolations += text.count("${")
        if self._interpolations > MOST_INTERPOLATIONS:
            raise ValueError(f"has more than {MOST_INTERPOLATIONS} interpolations")
        if len(text) > MOST_INTERPOLATED:
            raise ValueError(f"{'.'.join(place)} is an interpolation of {len(text)} characters")
        while found := _INNERMOST.findall(text):
            for inner in found:
                _, colon, arguments = inner.partition(":")
                for name in arguments.split(",") if colon else [inner]:
                    size += self._referred(name.strip(), place)
            text = _INNERMOST.sub("", text)
        return size

    def _referred(self, name: str, place: tuple[str, ...]) -> int:
        """Return the size of what a name leads to, as far as it can be followed; nothing where it leads nowhere."""
        up = len(name) - len(name.lstrip("."))
        start = place[: len(place) - up] if up else ()
        node, reached = self._at(start), start
        for part in filter(None, _PARTS.split(name)):
            if isinstance(node, dict):
                below = {str(key): value for key, value in node.items()}
                if part not in below:
                    return 1 if reached == start else self._size(node, reached)
                node = below[part]
            elif isinstance(node, list) and part.isdecimal() and int(part) < len(node):
                node = node[int(part)]
            else:
                break
            reached = (*reached, part)
        return self._size(node, reached)

    def _at(self, place: tuple[str, ...]) -> Any:
        node = self._root
        for part in place:
            node = node[int(part)] if isinstance(node, list) else {str(k): v for k, v in node.items()}[part]
        return node
