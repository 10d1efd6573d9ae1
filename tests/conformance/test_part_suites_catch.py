"""Every check of the suites of learners, inference modules and stopping criteria fails for what breaks it."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from alrun.core.outputs import probabilities
from alrun.core.stopping import Progress
from alrun.core.types import TaskSpec
from alrun.inference.deterministic import Deterministic
from alrun.inference.mc_dropout import MCDropout
from alrun.learner.mlp import MLP
from alrun.testing import InferenceConformance, LearnerConformance, StoppingConformance


class Plain(MLP):
    """A learner that keeps its promises."""

    def __init__(self, spec: TaskSpec) -> None:
        super().__init__(spec, partial(torch.optim.Adam, lr=0.01), hidden=(8,), dropout=0.0)
        self.calls = 0


class Unseeded(Plain):
    def __init__(self, spec: TaskSpec) -> None:
        super().__init__(spec)
        with torch.no_grad():
            next(self.parameters()).mul_(random.SystemRandom().random())


class Probable(Plain):
    def inference_step(self, inputs: Tensor) -> Tensor:
        return torch.cat([super().inference_step(inputs)] * 2, dim=1)


class Centered(Plain):
    def inference_step(self, inputs: Tensor) -> Tensor:
        return super().inference_step(inputs - inputs.mean(dim=0))


class Drifting(Plain):
    def inference_step(self, inputs: Tensor) -> Tensor:
        next(self.parameters()).add_(0.01)
        return super().inference_step(inputs)


class Climbing(Plain):
    def training_step(self, batch: Any, batch_idx: int = 0) -> Tensor:
        return -super().training_step(batch, batch_idx)


class Gambling(Plain):
    def training_step(self, batch: Any, batch_idx: int = 0) -> Tensor:
        return super().training_step(batch, batch_idx) * random.SystemRandom().random()


class Forgetful(Plain):
    """Keeps a temperature beside its weights, which no checkpoint holds."""

    temperature = 1.0

    def training_step(self, batch: Any, batch_idx: int = 0) -> Tensor:
        self.temperature *= 0.99
        return super().training_step(batch, batch_idx)

    def inference_step(self, inputs: Tensor) -> Tensor:
        return super().inference_step(inputs) / self.temperature


class Inference:
    """Predicts with what ``change`` makes of the learner's outputs; ``stochastic`` as promised."""

    def __init__(self, change: Callable[[nn.Module, Tensor, Tensor], Tensor], stochastic: Any = False) -> None:
        self._change, self.stochastic = change, stochastic

    @contextmanager
    def prepared(self, learner: nn.Module, seeds: Any) -> Iterator[Callable[[Tensor], Tensor]]:
        with Deterministic().prepared(learner, seeds) as predict:
            yield lambda inputs: self._change(learner, inputs, predict(inputs))


class Undone(MCDropout):
    """Leaves dropout switched on."""

    @contextmanager
    def prepared(self, learner: nn.Module, seeds: Any) -> Iterator[Callable[[Tensor], Tensor]]:
        with super().prepared(learner, seeds) as predict:
            yield predict
        learner.train()
        learner.register_forward_hook(lambda *_: None)


class Restless:
    """Stops at every other question."""

    def __init__(self) -> None:
        self._asked = 0

    def __call__(self, progress: Progress) -> str | None:
        self._asked += 1
        return "enough" if self._asked % 2 else None


class Greedy:
    monitor = "accuracy"

    def __call__(self, progress: Progress) -> str | None:
        assert isinstance(progress.metrics, dict)
        progress.metrics.clear()
        return None


class Unmeasured:
    monitor = 3

    def __call__(self, progress: Progress) -> None:
        return None


class Dying:
    """Dies in the last step of the suite's run."""

    def __call__(self, progress: Progress) -> str | None:
        return str(1 // (20 - progress.labels))[:0] or None


def noisy(_: nn.Module, inputs: Tensor, outputs: Tensor) -> Tensor:
    return outputs + torch.randn_like(outputs)


def with_gradient(learner: nn.Module, inputs: Tensor, outputs: Tensor) -> Tensor:
    found: Tensor = learner(inputs)
    return found


LEARNERS = [
    ("test_same_seed_same_weights", Unseeded),
    ("test_outputs_have_the_promised_shape", Probable),
    ("test_a_row_does_not_depend_on_its_batch", Centered),
    ("test_predicting_leaves_it_as_it_was", Drifting),
    ("test_training_lowers_the_loss", Climbing),
    ("test_trains_the_same_again", Gambling),
    ("test_its_state_holds_all_that_it_predicts_with", Forgetful),
]
INFERENCES: list[tuple[str, Callable[[], Any]]] = [
    ("test_declares_what_it_is", lambda: Inference(lambda m, x, y: y, stochastic=None)),
    ("test_outputs_have_the_promised_shape", lambda: Inference(lambda m, x, y: y, stochastic=True)),
    ("test_outputs_have_the_promised_shape", lambda: Inference(lambda m, x, y: y * float("nan"))),
    ("test_outputs_have_the_promised_shape", lambda: Inference(with_gradient)),
    ("test_samples_differ", lambda: Inference(lambda m, x, y: torch.stack([y, y]), stochastic=True)),
    ("test_a_row_does_not_depend_on_its_batch", lambda: Inference(lambda m, x, y: y - probabilities(y).mean(dim=0))),
    ("test_same_seeds_same_outputs", lambda: Inference(noisy)),
    ("test_leaves_the_learner_as_it_was", lambda: Undone(3)),
]
CRITERIA: list[tuple[str, Callable[[], Any]]] = [
    ("test_answers_with_a_reason_or_nothing", lambda: lambda progress: progress.step > 3),
    ("test_answers_with_a_reason_or_nothing", lambda: lambda progress: "" if progress.step else None),
    ("test_the_answer_depends_on_the_progress_alone", Restless),
    ("test_the_answer_depends_on_the_progress_alone", lambda: lambda progress: str(random.random() > 0.5)),  # noqa: S311
    ("test_leaves_the_progress_alone", Greedy),
    ("test_names_the_metric_that_it_reads", Unmeasured),
    ("test_a_run_ends_with_it", Dying),
]
FAULTS = [
    *((LearnerConformance, check, {"learner": lambda _, spec, kind=kind: kind(spec)}) for check, kind in LEARNERS),
    *((InferenceConformance, check, {"inference": lambda _, new=new: new()}) for check, new in INFERENCES),
    *((StoppingConformance, check, {"criterion": lambda _, new=new: new()}) for check, new in CRITERIA),
]


@pytest.mark.parametrize(("base", "check", "content"), FAULTS)
def test_a_fault_is_caught(base: type, check: str, content: dict[str, Any], tmp_path: Path) -> None:
    examine = getattr(type("Suite", (base,), content)(), check)
    arguments = [tmp_path] if "tmp_path" in inspect.signature(examine).parameters else []
    with pytest.raises((AssertionError, ZeroDivisionError)):
        examine(*arguments)


@pytest.mark.parametrize("base", [LearnerConformance, InferenceConformance, StoppingConformance])
def test_every_check_has_a_fault(base: type) -> None:
    checks = {name for name in vars(base) if name.startswith("test_")}
    assert checks
    assert checks == {check for suite, check, _ in FAULTS if suite is base}


class TestPlain(LearnerConformance):
    """The learner that the faulty ones are made of passes, so that each fails for its fault alone."""

    def learner(self, spec: TaskSpec) -> Plain:
        return Plain(spec)
