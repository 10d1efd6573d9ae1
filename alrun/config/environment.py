"""Environment variables in configs: secrets, which are not part of the identity, and values that are.

``${oc.env:TOKEN}`` is taken for a secret or a place: the experiment is the same whatever it holds, so its identity, the
run directory and every message have the reference itself. ``${alrun.env:RATE}`` counts: its value is part of the
identity and is noted in ``run.json``. A number, a truth value or a list in JSON is read as that, all else as text.
Both take a default as a second argument.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from alrun.config.compat import child, written
from alrun.config.resolvers import interpolation_problems, only, problem_of
from alrun.config.secrets import Secrets
from alrun.core.errors import ConfigError

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["COUNTING", "SECRET", "Resolved", "described", "register", "resolve"]

SECRET, COUNTING = "oc.env", "alrun.env"
_NONE = object()


@dataclass(frozen=True)
class Resolved:
    """A config as plain containers.

    Attributes:
        values: With everything resolved, to build from.
        described: The same, with references to secrets in place of their values.
        secrets: What these values are.
        environment: The variables that count, with their values.
    """

    values: dict[str, Any]
    described: dict[str, Any]
    secrets: Secrets
    environment: dict[str, str]

    @classmethod
    def plain(cls, values: dict[str, Any]) -> Self:
        """Return a config of ``values`` that no environment had a part in."""
        return cls(values, values, Secrets(), {})


def register() -> None:
    """Let configs say ``${alrun.env:NAME}``."""
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver(COUNTING, _Counting(os.environ), replace=True)


def resolve(config: DictConfig) -> Resolved:
    """Resolve ``config`` in the environment of this process.

    Raises:
        ConfigError: With each interpolation that leads nowhere or that is not offered, and each value that is missing.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    secrets, counting = Secrets(), _Counting(os.environ)
    with _reading(_noting(secrets), counting):
        try:
            plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
        except OmegaConfBaseException as error:
            problems = list(interpolation_problems(config)) or [problem_of(error)]
            raise ConfigError(secrets.without(problems)) from None
    if not isinstance(plain, dict):
        raise ConfigError("the config is not a mapping")
    values = {str(key): value for key, value in plain.items()}
    told = described(config, counting.found) if secrets else values
    return Resolved(values, told, secrets, counting.found)


def described(config: DictConfig, environment: Mapping[str, str] | None) -> dict[str, Any]:
    """Return ``config`` resolved as far as that needs no environment.

    References to secrets stay what they are; an interpolation that one of them takes part in choosing stays as it is
    written.

    Args:
        config: The config.
        environment: The variables that count; ``None`` to leave references to these too.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    counting = partial(_reference, COUNTING) if environment is None else _Counting(environment)
    with _reading(partial(_reference, SECRET), counting):
        try:
            plain = OmegaConf.to_container(config, resolve=True)
        except OmegaConfBaseException:
            plain = _as_far_as_it_goes(config)
    return {str(key): value for key, value in plain.items()} if isinstance(plain, dict) else {}


def _as_far_as_it_goes(node: Any) -> Any:
    from omegaconf import DictConfig, ListConfig

    if isinstance(node, DictConfig):
        return {key: _entry(node, key) for key in node}
    return [_entry(node, number) for number in range(len(node))] if isinstance(node, ListConfig) else node


def _entry(node: Any, key: Any) -> Any:
    from omegaconf.errors import OmegaConfBaseException

    try:
        return _as_far_as_it_goes(node[key])
    except OmegaConfBaseException:
        return written(child(node, key))


@contextmanager
def _reading(secret: Callable[..., Any], counting: Callable[..., Any]) -> Iterator[None]:
    """Resolve references so for a while; OmegaConf keeps its resolvers for the whole process."""
    from omegaconf import OmegaConf

    with only():
        OmegaConf.register_new_resolver(SECRET, secret, replace=True)
        OmegaConf.register_new_resolver(COUNTING, counting, replace=True)
        yield


def _reference(resolver: str, name: Any, *default: Any) -> str:
    """Return the reference to a variable as one writes it."""
    told = ("null" if value is None else str(value) for value in (name, *default))
    return f"${{{resolver}:{','.join(told)}}}"


def _noting(secrets: Secrets) -> Callable[..., str | None]:
    def value(name: str, default: Any = _NONE) -> str | None:
        given = (default,) if default is not _NONE else ()
        found = _looked_up(os.environ, name, *given)
        secrets.note(found, _reference(SECRET, name, *given))
        return None if found is None else str(found)

    return value


class _Counting:
    """Reads variables that count, and notes which."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.found: dict[str, str] = {}

    def __call__(self, name: str, default: Any = _NONE) -> Any:
        if name in self._environment:
            self.found[name] = self._environment[name]
        return _typed(_looked_up(self._environment, name, *(() if default is _NONE else (default,))))


def _looked_up(environment: Mapping[str, str], name: str, *default: Any) -> Any:
    if name in environment:
        return environment[name]
    if not default:
        raise KeyError(f"Environment variable '{name}' not found")
    return default[0]


def _typed(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        read = json.loads(value, parse_constant=lambda text: text)
    except (ValueError, RecursionError):
        return value
    return read if isinstance(read, bool | int | float | list) else value
