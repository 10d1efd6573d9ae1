"""Worker processes of a prediction end with it, also when it fails or is left half-way."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from alrun.core.seeding import Seeds
from alrun.core.types import Prediction, Task, TaskSpec
from alrun.data.source import ArraySource
from alrun.driver.supply.predictor import StreamedPredictor
from alrun.driver.supply.stream import _die_with_parent
from alrun.inference.deterministic import Deterministic
from alrun.pool.subset import Subset


class Workers(Subset):
    """Rows that worker processes read."""

    @property
    def workers(self) -> int:
        return 2


class Failing(nn.Linear):
    """Raises at its second batch."""

    def __init__(self) -> None:
        super().__init__(2, 3)
        self.calls = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls += 1
        if self.calls == 2:
            raise FloatingPointError("second batch")
        return super().forward(inputs)


def predictions(learner: nn.Module) -> Iterator[Prediction]:
    source = ArraySource(torch.randn(60, 2), torch.arange(60) % 3, TaskSpec(Task.CLASSIFICATION, (2,), 3))
    predictor = StreamedPredictor(
        learner,
        Deterministic(),
        batch_size=8,
        device=torch.device("cpu"),
        seeds=lambda: Seeds(0),
        progress=lambda *_: None,
    )
    return predictor(Workers(source, torch.arange(60)))


def test_workers_have_ended_when_an_error_arrives() -> None:
    stream = predictions(Failing())
    assert len(next(stream).outputs) == 8
    assert len(multiprocessing.active_children()) == 2
    with pytest.raises(FloatingPointError) as caught:
        next(stream)
    assert caught.tb is not None  # the frames, and so whatever they hold, are alive
    assert multiprocessing.active_children() == []


def test_workers_have_ended_when_a_prediction_is_left() -> None:
    stream = predictions(nn.Linear(2, 3))
    next(stream)
    assert len(multiprocessing.active_children()) == 2
    stream.close()  # type: ignore[attr-defined]
    assert multiprocessing.active_children() == []


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel of Linux")
def test_the_kernel_ends_a_worker_with_its_parent() -> None:
    worker = os.fork()
    if worker == 0:
        _die_with_parent(0)
        found = ctypes.c_int()
        ctypes.CDLL(None).prctl(2, ctypes.byref(found))  # PR_GET_PDEATHSIG
        os._exit(found.value)
    assert os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1]) == signal.SIGKILL
