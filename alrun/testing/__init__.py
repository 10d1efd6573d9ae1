"""Conformance suites for strategies, and fault injection, for use in other packages.

Subclass a suite in your own tests, or run ``pytest --pyargs alrun.testing --strategy my_pkg.Mine``::

    from alrun.testing import QueryConformance


    class TestMine(QueryConformance):
        def strategy(self, max_samples):
            return Mine(max_samples=max_samples, alpha=2.0)

Every check runs on alrun's own driver, pools and learners. Importing this package loads no torch.

``alrun.testing.faults`` has the process die, or the disk refuse, at any write; ``alrun.testing.crash_states`` has the
power fail at any moment, and returns what may then be on the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alrun.testing.cold_start import ColdStartConformance
    from alrun.testing.inference import InferenceConformance
    from alrun.testing.label import LabelConformance
    from alrun.testing.learner import LearnerConformance
    from alrun.testing.metrology import MetrologyConformance
    from alrun.testing.pool import PoolConformance
    from alrun.testing.query import QueryConformance
    from alrun.testing.source import SourceConformance
    from alrun.testing.stopping import StoppingConformance

__all__ = [
    "ColdStartConformance",
    "InferenceConformance",
    "LabelConformance",
    "LearnerConformance",
    "MetrologyConformance",
    "PoolConformance",
    "QueryConformance",
    "SourceConformance",
    "StoppingConformance",
]

_HOMES = {
    "ColdStartConformance": "alrun.testing.cold_start",
    "InferenceConformance": "alrun.testing.inference",
    "LabelConformance": "alrun.testing.label",
    "LearnerConformance": "alrun.testing.learner",
    "MetrologyConformance": "alrun.testing.metrology",
    "PoolConformance": "alrun.testing.pool",
    "QueryConformance": "alrun.testing.query",
    "SourceConformance": "alrun.testing.source",
    "StoppingConformance": "alrun.testing.stopping",
}


def __getattr__(name: str) -> Any:
    """Import a suite when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
