"""Collected by ``pytest --pyargs alrun.testing --strategy my_pkg.Mine``; the plugin puts the suites in this place."""

from __future__ import annotations


class TestStrategies:
    """Stands for the suites of the strategies that ``--strategy`` names."""
