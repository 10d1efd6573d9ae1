"""Metrics as TensorBoard events in the run directory, with config, tags and notes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from io import BytesIO
from typing import Any

from alrun.core.tracking import Point, TrackedRun, Tracker, required
from alrun.store.mirror import Mirror

__all__ = ["TensorBoard"]

#: TensorBoard takes any file with ``tfevents`` in its name; one of a fixed name is continued.
FILE = "events.out.tfevents.alrun"
#: Data type of text, as TensorFlow numbers them.
TEXT = 7


class TensorBoard(Tracker):
    """Keeps one event file, ``tensorboard/`` in the run directory: ``tensorboard --logdir outputs``.

    The step of a scalar is the number of labels, so that curves of different batches compare; the active-learning step
    is the scalar ``step``. Values are rounded to 32-bit floats, as TensorBoard has no others. Config, tags and notes
    are text; what counts of the config is also in the table of hyper-parameters. A change of them, or a run that was
    computed anew with other results, replaces the file in one go; TensorBoard shows it after a reload.
    """

    def __init__(self) -> None:
        """Write nothing yet.

        Raises:
            ConfigError: TensorBoard is not installed.
        """
        required("tensorboard", "tensorboard")
        self._mirror: Mirror | None = None
        self._description: list[bytes] = []
        self._held = 0

    def project(self, run: TrackedRun) -> None:
        """Bring the event file to hold the steps of ``run``: new ones are added, another description rewrites it."""
        if not run.points:
            return
        if self._mirror is None:
            self._mirror = Mirror(run.directory / "tensorboard" / FILE)
        description = _description(run)
        known = self._held > 0 and description == self._description
        if not (known and self._mirror.add(_framed(map(_scalars, run.points[self._held :])))):
            self._mirror.hold(_framed([*description, *map(_scalars, run.points)]))
        self._description, self._held = description, len(run.points)

    def close(self) -> None:
        """Look at the file anew the next time."""
        self._mirror, self._description, self._held = None, [], 0


def _framed(events: Iterable[bytes]) -> bytes:
    from tensorboard.summary.writer.record_writer import RecordWriter

    file = BytesIO()
    writer = RecordWriter(file)
    for event in events:
        writer.write(event)
    return file.getvalue()


def _scalars(point: Point) -> bytes:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    values = {"step": float(point.step), **point.values}
    summary = Summary(value=[Summary.Value(tag=name, simple_value=value) for name, value in values.items()])
    event = Event(wall_time=point.time, step=point.labels, summary=summary)
    return bytes(event.SerializeToString(deterministic=True))


def _description(run: TrackedRun) -> list[bytes]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.plugins.hparams.summary_v2 import hparams_pb

    began = run.points[0].time
    texts = {
        "config": "\n".join(f"    {key}: {json.dumps(value)}" for key, value in {**run.config, **run.settings}.items()),
        "tags": ", ".join(run.tags),
        "notes": run.notes,
    }
    hyper = {key: "null" if value is None else value for key, value in run.config.items()}
    summaries = [_text(name, text) for name, text in texts.items() if text]
    summaries.append(hparams_pb(hyper, trial_id=run.key, start_time_secs=began))
    version = Event(wall_time=began, file_version="brain.Event:2")
    events = [version, *(Event(wall_time=began, summary=summary) for summary in summaries)]
    return [bytes(event.SerializeToString(deterministic=True)) for event in events]


def _text(name: str, text: str) -> Any:
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    shape = TensorShapeProto(dim=[TensorShapeProto.Dim(size=1)])
    tensor = TensorProto(dtype=TEXT, tensor_shape=shape, string_val=[text.encode()])
    return Summary(value=[Summary.Value(tag=name, metadata=metadata, tensor=tensor)])
