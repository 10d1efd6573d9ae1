"""Templates of ``alrun new``: module, config option and test for each kind of strategy, one kind per module.

A template is code that works. ``Mine`` and ``mine`` stand for the names that are asked for; imports are put in order
when a file is written. tests/cli/test_new.py runs what is written through the suites, ruff and mypy.
"""

from __future__ import annotations

from alrun.cli.templates.callback import CALLBACK
from alrun.cli.templates.data import DATA
from alrun.cli.templates.label import LABEL
from alrun.cli.templates.metrology import METROLOGY
from alrun.cli.templates.query import QUERY
from alrun.cli.templates.stopping import STOPPING
from alrun.cli.templates.template import Template

__all__ = ["TEMPLATES", "Template"]

#: By the word that is typed after ``alrun new``.
TEMPLATES = {
    "query": QUERY,
    "metrology": METROLOGY,
    "label": LABEL,
    "stopping": STOPPING,
    "callback": CALLBACK,
    "data": DATA,
}
