"""alrun: the experiment runner for active learning.

What happens, from the command line to the disk::

    conf/<group>/*.yaml ──compose──► cli ──► runner ──builds──► driver ──calls──► strategies
                                      │                           │ train → measure → query → label → integrate
                                      └──► report  viewer         ▼
                                             └────read────────► store ──writes──► outputs/<name>/<run>/

A folder is a room. It imports the rooms in the last column, never one beside it::

    api         compose, run, step, Run: from Python            every room below
    cli         argv to a command, one file a command           every room below
    export      a run as files that need no alrun               runner  report  store  pool  core
    runner      config to objects; place, lock, resume          config  driver  store  pool  core
    viewer      the web page that follows runs; no torch        report  store  core
    report      records of many runs to tables; no torch        store  core
    config      compose, check, trust                           core
    driver      the loop and its five phases                    store  pool  core
    backbone    what the heads of a multi-task learner share    learner  core
    data  transform  learner  training  inference  query  cold_start  label  metrology  stopping  callbacks
                strategies, one a file                          pool  core
    logger      records to trackers, one a file                 store  core
    pool        who is labeled, subsets of a source, training   core
    store       checkpoints, label log, records, lock           core
    core        protocols, plain types, seeds, errors           no room
    testing     shipped: conformance suite, faults              every room above

The driver imports no strategy and a strategy no driver: they meet in core's protocols. The runner builds strategies
from the names in the config. Hydra is known to cli, runner and config alone; only store opens files for writing.
A new strategy is a file in its room, a YAML in the config group and a test in the folder of the same name.
import-linter (pyproject.toml) and tests/architecture hold all this.

Importing alrun loads neither torch nor Hydra: the names below are imported when they are first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alrun.api.composed_config import compose
    from alrun.api.run import Run
    from alrun.api.start import run, steps
    from alrun.core.callback import Callback
    from alrun.core.errors import (
        AlrunError,
        ConfigError,
        DataError,
        Interrupted,
        LockedError,
        Problem,
        StoreError,
        StrategyError,
    )
    from alrun.core.phases import ActiveLearningPhase
    from alrun.core.protocols.pool import Pools
    from alrun.core.protocols.strategies import LabelStrategy, MetrologyStrategy, QueryStrategy
    from alrun.core.seeding import Role, Seeds
    from alrun.core.stopping import Progress, StoppingCriterion
    from alrun.core.tracking import Point, TrackedRun, Tracker
    from alrun.core.types import Annotation, LabelStatus, Prediction, QueryReport, Split, Task, TaskSpec
    from alrun.driver.driver import Driver
    from alrun.driver.settings import Components, Settings, TrainingSettings
    from alrun.query.base import ScoreQuery
    from alrun.report.results import labels, picks, records, runs, timing

__version__ = "0.1.0"

_HOMES = {
    "alrun.api.composed_config": ("compose",),
    "alrun.api.run": ("Run",),
    "alrun.api.start": ("run", "steps"),
    "alrun.core.callback": ("Callback",),
    "alrun.core.errors": (
        "AlrunError",
        "ConfigError",
        "DataError",
        "Interrupted",
        "LockedError",
        "Problem",
        "StoreError",
        "StrategyError",
    ),
    "alrun.core.phases": ("ActiveLearningPhase",),
    "alrun.core.protocols.pool": ("Pools",),
    "alrun.core.protocols.strategies": ("LabelStrategy", "MetrologyStrategy", "QueryStrategy"),
    "alrun.core.seeding": ("Role", "Seeds"),
    "alrun.core.stopping": ("Progress", "StoppingCriterion"),
    "alrun.core.tracking": ("Point", "TrackedRun", "Tracker"),
    "alrun.core.types": ("Annotation", "LabelStatus", "Prediction", "QueryReport", "Split", "Task", "TaskSpec"),
    "alrun.driver.driver": ("Driver",),
    "alrun.driver.settings": ("Components", "Settings", "TrainingSettings"),
    "alrun.query.base": ("ScoreQuery",),
    "alrun.report.results": ("labels", "picks", "records", "runs", "timing"),
}

__all__ = [
    "ActiveLearningPhase",
    "AlrunError",
    "Annotation",
    "Callback",
    "Components",
    "ConfigError",
    "DataError",
    "Driver",
    "Interrupted",
    "LabelStatus",
    "LabelStrategy",
    "LockedError",
    "MetrologyStrategy",
    "Point",
    "Pools",
    "Prediction",
    "Problem",
    "Progress",
    "QueryReport",
    "QueryStrategy",
    "Role",
    "Run",
    "ScoreQuery",
    "Seeds",
    "Settings",
    "Split",
    "StoppingCriterion",
    "StoreError",
    "StrategyError",
    "Task",
    "TaskSpec",
    "TrackedRun",
    "Tracker",
    "TrainingSettings",
    "compose",
    "labels",
    "picks",
    "records",
    "run",
    "runs",
    "steps",
    "timing",
]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    from importlib import import_module

    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(home), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
