"""Run: one experiment on disk as an object, with its tables, its curve and its learner."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.errors import ConfigError, Problem
from alrun.report.results import labels_of, picks_of, readable_run, records_of, timing_of
from alrun.report.runs import Run as Description
from alrun.report.runs import read_run

if TYPE_CHECKING:
    import pandas as pd

    from alrun.api.plot import Plot

__all__ = ["Run"]


class Run:
    """One run directory.

    Everything is read when it is asked for, so that a run which goes on, here or elsewhere, is seen as it stands. In a
    notebook it shows its learning curve and the latest metrics.

    Args:
        path: The run directory.
        trust: What its learner may be built from beyond alrun's own, as ``--trust`` names it.

    Attributes:
        path: The run directory, absolute.

    Raises:
        ConfigError: There is no run.
    """

    def __init__(self, path: str | os.PathLike[str], *, trust: Sequence[str] = ()) -> None:
        self.path = Path(path).expanduser().absolute()
        self._trust = tuple(trust)
        if not (self.path / "run.json").exists():
            raise ConfigError(Problem("there is no run here", str(path), "alrun status lists the runs below outputs"))

    @property
    def description(self) -> Description:
        """What ``run.json`` says: status, reason, seed, choices, step, labels, budget, metrics, versions, machines."""
        return read_run(self.path)

    @property
    def status(self) -> str:
        """``running``, ``finished``, ``failed``, ``interrupted`` or ``unreadable``."""
        return self.description.status

    @property
    def metrics(self) -> Mapping[str, float]:
        """Latest value of every metric."""
        return self.description.metrics

    @property
    def config(self) -> dict[str, Any]:
        """The config as plain containers, without Hydra's node; secrets are their references."""
        from alrun.config.environment import described
        from alrun.config.targets import Trust
        from alrun.runner.reopened import opened, stored

        directory = opened(str(self.path))
        return described(stored(directory, (), Trust()).config, directory.info()["environment"])

    @property
    def records(self) -> pd.DataFrame:
        """All records: ``step``, ``labels``, ``strategy``, ``split``, ``metric``, ``value``, ``higher_is_better``."""
        return _own(records_of([readable_run(self.path)]))

    @property
    def picks(self) -> pd.DataFrame:
        """Every sample acquired, in the order of the queries; columns as of ``alrun.picks``."""
        return _own(picks_of([readable_run(self.path)]))

    @property
    def labels(self) -> pd.DataFrame:
        """The labels given, as ``alrun.labels`` has them, without the columns that say of which run a row is."""
        return _own(labels_of([readable_run(self.path)]))

    @property
    def timing(self) -> pd.DataFrame:
        """The seconds of each phase: ``step``, ``phase``, ``seconds``."""
        return _own(timing_of([readable_run(self.path)]))

    def curve(self, metric: str | None = None) -> pd.DataFrame:
        """Return the learning curve: ``labels``, ``value``.

        Args:
            metric: Its name; by default accuracy, or else rmse, or the first by name.

        Raises:
            ConfigError: There is no such metric, or nothing has been measured.
        """
        from alrun.api.curves import readable_records
        from alrun.report.choice import choose_metric
        from alrun.report.curves import select_metric

        records = readable_records([self.description])
        name = choose_metric(records, metric)
        return select_metric(records.frame(name), name)[["labels", "value"]].reset_index(drop=True)

    def plot(self, *others: Run, metric: str | None = None) -> Plot:
        """Return the learning curves of this run and ``others``, which a notebook shows.

        Runs that differ in their seeds alone are one curve, with its 95 % interval.

        Raises:
            ConfigError: As of ``curve``, or charts cannot be drawn here (``pip install "alrun[report]"``).
        """
        from alrun.api.plot import Plot

        return Plot.of([self.description, *(other.description for other in others)], metric)

    def learner(self, step: int | None = None) -> Any:
        """Return the learner with its weights, in eval mode: built anew from the stored config at each call.

        What the config names is built under the rules of ``alrun resume``: alrun's own classes, and what ``trust``
        names. Nothing else of the config is built than data, learner and inference.

        Args:
            step: The step after whose training the weights were committed; by default the newest that hold.

        Raises:
            ConfigError: The learner may not be built, or not from what is installed here.
            StoreError: There are no such weights.
        """
        from alrun.config.targets import Trust
        from alrun.runner.learner import restored_learner
        from alrun.runner.reopened import opened

        return restored_learner(opened(str(self.path)), Trust(self._trust), step)[0]

    def resume(self, *overrides: str) -> Run:
        """Go on with it, as ``alrun resume DIR budget=400`` does, and return it.

        Raises:
            AlrunError: As of ``alrun.run``.
        """
        from alrun.api.finish import finish
        from alrun.config.targets import Trust
        from alrun.runner.reopened import opened, stored
        from alrun.runner.run import Experiment

        trust = Trust(self._trust)
        directory = opened(str(self.path))
        finish(Experiment(stored(directory, overrides, trust), trust, place=directory.path))
        return self

    def replay(self, *overrides: str, config_dir: str | os.PathLike[str] | None = None) -> Run:
        """Train another learner on its picks, as ``alrun replay DIR learner=linear`` does, and return that run.

        Raises:
            AlrunError: As of ``alrun.run``.
        """
        from alrun.api.finish import finish
        from alrun.config.compat import hydra_apart
        from alrun.config.targets import Trust
        from alrun.core.generators import generators_kept
        from alrun.runner.reopened import opened
        from alrun.runner.replay import prepared_replay

        folder = None if config_dir is None else Path(config_dir)
        with generators_kept(), hydra_apart():
            experiment, _ = prepared_replay(opened(str(self.path)), overrides, Trust(self._trust), folder)
        return Run(finish(experiment).directory, trust=self._trust)

    def __repr__(self) -> str:
        """Return path, status, labels and main metric on one line."""
        from alrun.api.shown import summary

        return f"Run({str(self.path)!r}: {summary(self.description)})"

    def _repr_html_(self) -> str:
        """Return curve and table for a notebook; all that comes from data is escaped."""
        from alrun.api.shown import run_html

        return run_html(self)


def _own(table: pd.DataFrame) -> pd.DataFrame:
    """Return ``table`` without the columns that say of which run a row is."""
    return table.iloc[:, list(table.columns).index("seed") + 1 :]
