"""pytest plugin: command-line options of the shipped conformance suite.

pytest loads this in every session of everybody who has alrun installed, so it imports nothing heavy.
"""

from __future__ import annotations

from typing import Any

import pytest

__all__ = ["pytest_addoption", "pytest_pycollect_makeitem"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--strategy`` and ``--strategy-args`` for ``pytest --pyargs alrun.testing``."""
    group = parser.getgroup("alrun", "alrun strategy conformance (with --pyargs alrun.testing)")
    group.addoption(
        "--strategy",
        action="append",
        default=[],
        metavar="PACKAGE.CLASS",
        help="strategy to examine, importable from here; may be repeated",
    )
    group.addoption(
        "--strategy-args",
        default="{}",
        metavar="JSON",
        help="constructor arguments of the strategies as a JSON object, e.g. '{\"alpha\": 2}'",
    )


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, name: str, obj: Any
) -> list[pytest.Class] | None:
    """Put one suite for each named strategy in the place of the class in ``alrun.testing.test_conformance``."""
    if name != "TestStrategies" or getattr(obj, "__module__", "") != "alrun.testing.test_conformance":
        return None
    from alrun.testing.subject import requested_suites

    try:
        suites = requested_suites(collector.config)
    except pytest.UsageError as error:
        raise collector.CollectError(str(error)) from error
    return [_class_item(collector, suite) for suite in suites]


def _class_item(collector: pytest.Module | pytest.Class, suite: type) -> pytest.Class:
    item: pytest.Class = pytest.Class.from_parent(collector, name=suite.__name__)
    item.obj = suite
    return item
