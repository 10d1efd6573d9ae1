"""pytest plugin: the options that say which strategy the shipped conformance suite examines.

pytest loads this in every session of everybody who has alrun installed, so it imports nothing heavy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

__all__ = ["pytest_addoption"]


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
