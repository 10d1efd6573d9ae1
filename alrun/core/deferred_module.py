"""Modules that are imported when something is first asked of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["DeferredModule", "defer"]

#: What ``inspect``, ``warnings`` and ``unittest`` ask of all modules that there are.
LOOKED_OVER = frozenset({"__file__", "__warningregistry__", "__wrapped__"})


def defer(
    name: str, given: Mapping[str, Any], loaded: Callable[[ModuleType], object] = lambda module: None
) -> DeferredModule | None:
    """Have ``import name`` cost nothing until something is asked of the module beyond what is ``given``.

    Args:
        name: The module, with its packages.
        given: What is answered without an import, by name: what importers take from it without using it.
        loaded: Called once with the module itself, when it has been imported.

    Returns:
        What stands in ``sys.modules`` for it; nothing where the module has been imported already.
    """
    if name in sys.modules:
        return None
    module = sys.modules[name] = DeferredModule(name, given, loaded)
    if not any(isinstance(finder, Submodules) for finder in sys.meta_path):
        sys.meta_path.insert(0, Submodules())
    return module


class DeferredModule(ModuleType):
    """A module that imports the one of its name when it is asked for anything that it was not given."""

    def __init__(self, name: str, given: Mapping[str, Any], loaded: Callable[[ModuleType], object]) -> None:
        """Stand for the module called ``name``; see ``defer``."""
        super().__init__(name)
        vars(self).update(given, __path__=[], __spec__=ModuleSpec(name, None, is_package=True), _loaded=loaded)

    def __getattr__(self, name: str) -> Any:
        if name in LOOKED_OVER:
            raise AttributeError(f"module {self.__name__!r} has not been imported yet")
        return getattr(self.load(), name)

    def load(self) -> ModuleType:
        """Import the module itself, which takes this one's place."""
        if sys.modules.get(self.__name__) is not self:
            return import_module(self.__name__)
        del sys.modules[self.__name__]
        module = import_module(self.__name__)
        vars(self)["_loaded"](module)
        return module


class Submodules(MetaPathFinder):
    """Loads a deferred package when one of its submodules is imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where the submodule ``fullname`` of a deferred package is found; nothing for all others."""
        package = sys.modules.get(fullname.rpartition(".")[0])
        if not isinstance(package, DeferredModule):
            return None
        loaded = package.load()
        if fullname in sys.modules:
            return ModuleSpec(fullname, Present(sys.modules[fullname]))
        finders = [finder for finder in sys.meta_path if finder is not self]
        specs = (finder.find_spec(fullname, loaded.__path__, target) for finder in finders)
        return next((spec for spec in specs if spec is not None), None)


class Present(Loader):
    """Gives a module that its package has imported meanwhile, as it is."""

    def __init__(self, module: ModuleType) -> None:
        """Give ``module``."""
        self._module = module
        self._spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return the module."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module as it is, with where it came from."""
        module.__spec__ = self._spec
