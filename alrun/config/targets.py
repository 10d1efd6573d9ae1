"""Trusted names beyond the slots: packages, modules and single classes, from ``--trust`` and plugins."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

from alrun.core.errors import Problem
from alrun.core.suggest import did_you_mean

__all__ = ["NAME", "Trust", "below", "is_public"]

ENTRY_POINTS = "alrun.plugins"
NAME = re.compile(r"\w+(\.\w+)+")
#: The program that calls alrun, whose own classes may be trusted as those of a module.
SCRIPT = "__main__."
ELSEWHERE = "start the program that defines it, or move it to a module of its own"
OWN = "name a class that the trusted package itself defines"
#: What can do anything: trusted class by class, never as a whole.
WHOLLY = frozenset(
    {
        *("alrun", "hydra", "omegaconf", "torch", "torchmetrics", "lightning", "lightning_utilities", "fsspec", "yaml"),
        *("numpy", "pandas", "pyarrow", "scipy", "sklearn", "sympy", "joblib", "rich", "safetensors"),
        *sys.stdlib_module_names,
    }
)


class Trust:
    """What one invocation trusts beyond the slots.

    It is made from installed plugins and the command line; nothing in a config can widen it.
    """

    def __init__(self, packages: Sequence[str] = ()) -> None:
        """Trust ``packages`` (from ``--trust``): packages, modules or single classes and functions, by dotted name."""
        self.packages = tuple(packages)

    @cached_property
    def _all(self) -> tuple[str, ...]:
        return (*self.packages, *_plugins())

    @cached_property
    def _whole(self) -> tuple[str, ...]:
        """Names of which everything that is defined below them is trusted."""
        return tuple(name for name in self._all if name.split(".")[0] not in WHOLLY)

    def names(self, target: str) -> bool:
        """Return whether ``target`` may be imported; a double underscore leads into a class, never to one."""
        inside = "__" not in target.removeprefix(SCRIPT)
        return bool(NAME.fullmatch(target)) and inside and (target in self._all or below(target, self._whole))

    def load(self, target: str, where: str) -> Any:
        """Import what the trusted name ``target`` stands for.

        Returns:
            The class or function, or a ``Problem``: no such module, no such name, or a re-export of another package.
        """
        module, names = _deepest_module(target)
        if isinstance(module, Problem):
            return Problem(module.what, where, module.hint)
        value: Any = module
        for position, name in enumerate(names):
            owner = ".".join([module.__name__, *names[:position]])
            if not hasattr(value, name):
                near = self._nearest(name, value, owner) or ELSEWHERE * (owner == "__main__")
                return Problem(f"{owner} has no {name!r}", where, near)
            value = getattr(value, name)
            if isinstance(value, ModuleType):
                return Problem(
                    f"_target_ {target!r} is not trusted: {owner} only imports {name}", where, "name a class"
                )
        if isinstance(value, ModuleType):
            return Problem(f"{target} is a module, not a class", where, self._nearest(target, value, target))
        if not callable(value) or not (target in self._all or self._defines(value)):
            what = f"_target_ {target!r} is not trusted: it is of {getattr(value, '__module__', None)}"
            return Problem(what, where, OWN)
        return value

    def _defines(self, value: Any) -> bool:
        module = getattr(value, "__module__", None)
        return isinstance(module, str) and below(module, self._whole)

    def _nearest(self, name: str, owner: Any, path: str) -> str:
        public = {key: value for key, value in vars(owner).items() if not key.startswith("_")}
        classes = [key for key, value in public.items() if isinstance(value, type) and self._defines(value)]
        return did_you_mean(name, classes, prefix=f"{path}.")


def below(name: str, prefixes: Sequence[str]) -> bool:
    """Return whether ``name`` is one of ``prefixes`` or lies in one of them."""
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def is_public(name: str) -> bool:
    """Return whether no part of the dotted ``name`` begins with an underscore."""
    return not any(part.startswith("_") for part in name.split("."))


def _plugins() -> tuple[str, ...]:
    """Return the plugins of installed packages; the working directory, which may be on the path, installs none."""
    here = Path.cwd().resolve()
    return _installed(tuple((folder, _changed(folder)) for folder in sys.path if Path(folder).resolve() != here))


def _changed(folder: str) -> int:
    """Return when something was last put in ``folder``, or taken out, in nanoseconds; 0 where it is none."""
    try:
        return Path(folder).stat().st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=8)
def _installed(folders: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    """Return the plugins in ``folders`` as they were changed last: one small file of each package is read."""
    from importlib.metadata import distributions

    points = (point for found in distributions(path=[name for name, _ in folders]) for point in found.entry_points)
    return tuple(dict.fromkeys(p.value.split(":")[0].strip() for p in points if p.group == ENTRY_POINTS))


def _deepest_module(target: str) -> tuple[ModuleType | Problem, list[str]]:
    parts = target.split(".")
    for length in range(len(parts), 0, -1):
        name = ".".join(parts[:length])
        try:
            return importlib.import_module(name), parts[length:]
        except ModuleNotFoundError as error:
            if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
                return Problem(f"importing {name} failed: {error}", hint="install what it needs"), []
        except ImportError as error:
            return Problem(f"importing {name} failed: {error}", hint="install what it needs"), []
        except (Exception, SystemExit) as error:  # whatever a module does while it is imported
            what = f"importing {name} failed: {type(error).__name__}: {error}"
            return Problem(what, hint=f"python -c 'import {name}' says where"), []
    return Problem(f"there is no module for {target!r}", hint=f"is {parts[0]} installed, or in this folder?"), []
