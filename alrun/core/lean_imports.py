"""Imports that Lightning and torchmetrics make and runs seldom need, put off until something needs them.

Of the 8 s of a processor that ``import lightning.pytorch`` takes, 2 are ``torch._dynamo``, of which Lightning wants a
class for ``isinstance`` and torch's optimizers two functions that do nothing where nothing is compiled; and 1.5 are
``scipy.signal``, in which torchmetrics looks for a name. Where transformers is installed it is another second, for two
names that a metric of texts uses. Checked against torch 2.13.0, Lightning 2.6.6, torchmetrics 1.9.0, SciPy 1.17.1 and
transformers 5.24.0; what another version asks of them beyond that imports them, as without this module.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial, wraps
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from alrun.core.deferred_module import defer

__all__ = ["put_off"]


def put_off() -> None:
    """Put the imports off in this process; call it before the first of torch or Lightning (torch 2.13.0)."""
    compiler = Compiler()
    given = {"OptimizedModule": OptimizedModule, "disable": compiler.disable, "graph_break": _graph_break}
    defer("torch._dynamo", given, compiler.loaded)
    defer("scipy.signal", {"hamming": _hamming}, _patch)
    if find_spec("transformers") is not None:
        defer("transformers", {name: _Later(name, (), {}) for name in ("AutoModel", "AutoTokenizer")})


class _IfCompiled(type):
    def __instancecheck__(cls, instance: object) -> bool:
        frames = sys.modules.get("torch._dynamo.eval_frame")
        return frames is not None and isinstance(instance, frames.OptimizedModule)


class OptimizedModule(metaclass=_IfCompiled):
    """What ``torch.compile`` returns for a module, as far as ``isinstance`` is concerned."""


class _Later(type):
    """Type of what stands for a class of transformers of the same name; it has what that one has."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return getattr(getattr(import_module("transformers.models.auto"), cls.__name__), name)


class Compiler:
    """What torch and Lightning ask of ``torch._dynamo`` while nothing is compiled."""

    def __init__(self) -> None:
        """Begin with nothing that is to be kept from being compiled."""
        self._module: ModuleType | None = None
        self._kept: list[Callable[[ModuleType], None]] = []

    def disable(self, fn: Any = None, recursive: bool = True, **options: Any) -> Any:
        """Return ``fn``, or what calls it; a compiler that is loaded later is told to leave it alone."""
        if fn is None:
            return partial(self.disable, recursive=recursive, **options)
        if self._module is not None:
            return self._module.disable(fn, recursive, **options)
        if options == {"wrapping": False}:
            # torch keeps what it gets here under this name.
            self._kept.append(
                lambda module: vars(fn).update(__dynamo_disable=module.disable(fn, recursive, wrapping=False))
            )
            return fn
        target = {"call": fn}

        @wraps(fn)
        def call(*args: Any, **kwargs: Any) -> Any:
            return target["call"](*args, **kwargs)

        self._kept.append(lambda module: target.update(call=module.disable(fn, recursive, **options)))
        return call

    def loaded(self, module: ModuleType) -> None:
        """Have the compiler leave alone what it was not there to be told of."""
        self._module = module
        for keep in self._kept:
            keep(module)


def _graph_break(msg: str = "") -> None:
    """Divide what is compiled at this place; there is nothing that is (torch 2.13.0)."""


def _hamming(*args: Any, **kwargs: Any) -> Any:
    """Return what SciPy's window of this name does, which has moved (SciPy 1.17.1)."""
    return import_module("scipy.signal.windows").hamming(*args, **kwargs)


def _patch(signal: ModuleType) -> None:
    """Give SciPy the former name that torchmetrics gives it for a library of its own (SciPy 1.17.1)."""
    if not hasattr(signal, "hamming"):
        vars(signal)["hamming"] = signal.windows.hamming
