"""Modules that load at their first use: whoever imports them sees what he would without that."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from alrun.core.deferred_module import DeferredModule, defer

PACKAGE = "deferred_package"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package that imports one of its two submodules, and is nowhere imported yet."""
    folder = tmp_path / PACKAGE
    folder.mkdir()
    (folder / "__init__.py").write_text(
        f"from {PACKAGE} import near\n__version__ = '1.0'\nvalue, given = near.value + 1, 'its own'\n"
    )
    (folder / "near.py").write_text("value = 1\n")
    (folder / "far.py").write_text(f"import {PACKAGE}\nvalue = {PACKAGE}.value + 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield PACKAGE
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def is_loaded() -> bool:
    return not isinstance(sys.modules[PACKAGE], DeferredModule)


def test_what_is_given_is_answered_without_an_import(package: str) -> None:
    defer(package, {"given": "given"})
    taken: dict[str, Any] = {}
    exec(f"import {package}\nfrom {package} import given", taken)  # noqa: S102
    assert taken["given"] == "given"
    assert not hasattr(taken[package], "__file__")
    assert importlib.util.find_spec(package) is not None
    assert not is_loaded()


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (lambda name: importlib.import_module(name).value, 2),
        (lambda name: importlib.import_module(name).__version__, "1.0"),
        (lambda name: importlib.import_module(f"{name}.near").value, 1),
        (lambda name: importlib.import_module(f"{name}.far").value, 3),
        (lambda name: importlib.import_module(name).far_away, AttributeError),
        (lambda name: importlib.import_module(f"{name}.far_away"), ModuleNotFoundError),
    ],
    ids=["a name", "its version", "a submodule of its own", "another submodule", "no name", "no submodule"],
)
def test_anything_else_imports_it_once(ask: Callable[[str], Any], answer: Any, package: str) -> None:
    seen: list[ModuleType] = []
    held = defer(package, {"given": "given"}, seen.append)
    if isinstance(answer, type):
        with pytest.raises(answer, match="far_away"):
            ask(package)
    else:
        assert ask(package) == answer
    assert is_loaded()
    module = importlib.import_module(package)
    assert seen == [module]
    near = importlib.import_module(f"{package}.near")
    assert module.near is near
    assert near.__spec__ is not None
    assert near.__spec__.origin == near.__file__
    assert held is not None
    assert (held.value, held.load()) == (2, module), "who has kept it is told what the module is"
    assert seen == [module]
    assert module.given == "its own"


def test_one_that_is_imported_stays(package: str) -> None:
    module = importlib.import_module(package)
    assert defer(package, {}) is None
    assert sys.modules[package] is module


def test_one_that_does_not_load_says_why_each_time(package: str, tmp_path: Path) -> None:
    (tmp_path / PACKAGE / "__init__.py").write_text("raise ImportError('a library is missing')")
    held = defer(package, {"given": 1})
    assert held is not None
    for _ in range(2):
        with pytest.raises(ImportError, match="a library is missing"):
            _ = held.value
    assert held.given == 1
