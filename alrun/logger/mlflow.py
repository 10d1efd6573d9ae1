"""Metrics, config and files in MLflow: on the server that the environment names, or in a database beside the runs."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from alrun.core.tracking import Point, TrackedRun, Tracker, required

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["MLflow"]

#: Tag by which the run is found again.
RUN = "alrun.run"
#: Of a server that does not answer, long after the run has gone on: MLflow's own patience is minutes for each request.
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "20"}
QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
STATES = {"finished": "FINISHED", "failed": "FAILED", "interrupted": "KILLED"}
MOST_METRICS, MOST_PARAMS, MOST_TAGS = 1000, 100, 100
MOST_NAME, MOST_PARAM, MOST_TAG = 250, 6000, 8000
LARGEST = 1.7976931348623157e308
_REFUSED = re.compile(r"[^\w\-. /]", re.ASCII)

#: A value in MLflow: key, step, value.
Entry = tuple[str, int, str]


class MLflow(Tracker):
    """Keeps one run in MLflow, in the experiment of the run's ``name``, found by the tag ``alrun.run``.

    The server is that of ``MLFLOW_TRACKING_URI``; without it, MLflow writes to ``mlflow.db`` in the folder of all runs
    (``mlflow ui --backend-store-uri sqlite:///outputs/mlflow.db``). A config cannot name one, so that one from
    elsewhere sends nothing anywhere.

    The step of a metric is the number of labels; the active-learning step is the metric ``step``. What MLflow holds is
    asked when a session begins and after a failure, and only what is missing is sent. Parameters are what counts of the
    config, seed included; what may change (budget, tags, notes) are tags. Files go along when the session ends.

    Names: a character that MLflow refuses is written ``:`` and its number in hexadecimal digits (``:3d`` for ``=``), so
    that no two metrics share a name. Infinite values are the largest of their sign, as MLflow has it. Where MLflow
    holds something else than the records do, as after a run was computed anew with other results, that run is renamed
    and kept, and a new one takes its place.
    """

    keeps_files = True

    def __init__(self) -> None:
        """Connect to nothing yet.

        Raises:
            ConfigError: MLflow is not installed.
        """
        required("mlflow", "mlflow")
        self._client: MlflowClient | None = None
        self._id = ""
        self._sent = 0
        self._held: Counter[Entry] = Counter()
        self._told: Mapping[str, str] = {}

    def project(self, run: TrackedRun) -> None:
        """Send what MLflow does not hold of ``run``."""
        if self._client is None:
            self._open(run)
        assert self._client is not None  # noqa: S101 - it has just been opened
        missing = [
            metric for point in run.points[self._sent :] for metric in _metrics(point) if not self._holds(metric)
        ]
        if self._holds_otherwise(run):
            self._replace(self._client, run)
            missing = [metric for point in run.points for metric in _metrics(point)]
        self._log(missing)
        self._sent = len(run.points)
        self._describe(run)
        for path in run.files.values():
            self._client.log_artifact(self._id, str(path))

    def close(self) -> None:
        """Ask MLflow the next time."""
        self._client, self._id, self._sent, self._held, self._told = None, "", 0, Counter(), {}

    def _open(self, run: TrackedRun) -> None:
        for name, value in {**PATIENCE, **QUIET}.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        own = f"sqlite:///{run.folder.absolute() / 'mlflow.db'}"
        uri = os.environ.get("MLFLOW_TRACKING_URI") or own
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        artifacts = str(run.folder.absolute() / "mlartifacts" / run.name) if uri == own else None
        experiment = _experiment(client, run.name, artifacts)
        found = client.search_runs(
            [experiment], f"tags.`{RUN}` = '{run.key}'", order_by=["attribute.start_time"], max_results=1
        )
        self._id = found[0].info.run_id if found else self._created(client, run, experiment)
        self._held = Counter(_held(client, self._id, found[0].data.metrics)) if found else Counter()
        self._client = client

    def _holds(self, metric: Any) -> bool:
        """Return whether MLflow held ``metric`` when it was asked, as often as it has been wanted by now."""
        entry = _entry(metric)
        if entry not in self._held:
            return False
        self._held[entry] -= 1
        if not self._held[entry]:
            del self._held[entry]
        return True

    def _holds_otherwise(self, run: TrackedRun) -> bool:
        """Return whether MLflow held something that ``run`` does not have; what lies ahead of it may still come."""
        reached = run.points[-1].labels if run.points else 0
        return any(step < reached or run.status == "finished" for _, step, _ in self._held)

    def _replace(self, client: MlflowClient, run: TrackedRun) -> None:
        """Rename what MLflow holds of the run, so that it is not found any more, and begin anew."""
        old = client.get_run(self._id).info
        client.set_tag(old.run_id, "mlflow.runName", f"{old.run_name} (replaced)")
        client.delete_tag(old.run_id, RUN)
        self._id = self._created(client, run, old.experiment_id)
        self._held, self._told = Counter(), {}

    def _created(self, client: MlflowClient, run: TrackedRun, experiment: str) -> str:
        started = int(1000 * run.points[0].time) if run.points else None
        made = client.create_run(experiment, start_time=started, tags={RUN: run.key}, run_name=run.title)
        return str(made.info.run_id)

    def _log(self, metrics: Sequence[Any]) -> None:
        assert self._client is not None  # noqa: S101 - the callers have opened it
        for first in range(0, len(metrics), MOST_METRICS):
            self._client.log_batch(self._id, metrics=metrics[first : first + MOST_METRICS])

    def _describe(self, run: TrackedRun) -> None:
        """Send parameters and tags, where they are not what was sent last; and how the run stands."""
        assert self._client is not None  # noqa: S101 - the caller has opened it
        from mlflow.entities import Param, RunTag

        wanted = dict(_tags(run))
        if wanted != self._told:
            now = self._client.get_run(self._id)
            params = [Param(key, text) for key, text in _params(run) if key not in now.data.params]
            for first in range(0, len(params), MOST_PARAMS):
                self._client.log_batch(self._id, params=params[first : first + MOST_PARAMS])
            tags = [RunTag(key, text) for key, text in wanted.items() if now.data.tags.get(key) != text]
            for first in range(0, len(tags), MOST_TAGS):
                self._client.log_batch(self._id, tags=tags[first : first + MOST_TAGS])
            for name in now.data.tags.get("alrun.tags", "").split(","):
                if name and name not in run.tags:
                    self._client.delete_tag(self._id, _allowed(name))
            self._told = wanted
        if run.status in STATES:
            self._client.set_terminated(self._id, STATES[run.status])
        elif run.points:
            self._client.update_run(self._id, status="RUNNING")


def _experiment(client: MlflowClient, name: str, artifacts: str | None) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None and found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    if found is None:
        try:
            return str(client.create_experiment(name, artifact_location=artifacts))
        except MlflowException:  # another run was faster
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    return str(found.experiment_id)


def _metrics(point: Point) -> list[Any]:
    from mlflow.entities import Metric

    values = {"step": float(point.step), **point.values}
    return [
        Metric(
            _allowed(name),
            max(-LARGEST, min(LARGEST, value)) if value == value else value,
            int(1000 * point.time),
            point.labels,
        )
        for name, value in values.items()
    ]


def _held(client: MlflowClient, run: str, names: Mapping[str, float]) -> Iterator[Entry]:
    for name in names:
        yield from map(_entry, client.get_metric_history(run, name))


def _entry(metric: Any) -> Entry:
    return metric.key, metric.step, "nan" if math.isnan(metric.value) else repr(float(metric.value))


def _params(run: TrackedRun) -> Iterator[tuple[str, str]]:
    for key, value in run.config.items():
        yield _allowed(key), _text(value)[:MOST_PARAM]


def _tags(run: TrackedRun) -> Iterator[tuple[str, str]]:
    yield "mlflow.runName", run.title
    yield "mlflow.note.content", run.notes[:MOST_TAG]
    yield "alrun.tags", ",".join(run.tags)
    for tag in run.tags:
        yield _allowed(tag), "true"
    yield RUN, run.key
    known = {"alrun.identity": run.identity, "alrun.name": run.name, "alrun.seed": str(run.seed)}
    for key, text in (known | {f"alrun.{group}": option for group, option in run.choices.items()}).items():
        yield _allowed(key), text[:MOST_TAG]
    yield "alrun.reason", run.reason[:MOST_TAG]
    for key, value in run.settings.items():
        yield _allowed(key), _text(value)[:MOST_TAG]


def _text(value: str | float | None) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _allowed(name: str) -> str:
    """Return ``name`` as MLflow takes it: no two names become one, unless they agree in all that there is room for."""
    text = _REFUSED.sub(lambda found: f":{ord(found[0]):x}", name)
    parts = (part.replace(".", ":2e") if not part.strip(".") else part for part in text.split("/"))
    return "/".join(part or ":" for part in parts)[:MOST_NAME]
