"""Conformance suite of inference modules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from alrun.cold_start.random import Random
from alrun.core.compat import count_hooks
from alrun.core.learners import attach
from alrun.core.seeding import Seeds
from alrun.core.types import Task
from alrun.driver.driver import Driver
from alrun.stopping.steps import Steps
from alrun.testing.host import NUM_CLASSES, hosted, source
from alrun.testing.watch import generators_in_state, generators_untouched, learner_untouched

__all__ = ["InferenceConformance"]


class InferenceConformance:
    """Examines an inference module. Subclass it under a name that starts with ``Test`` and write ``inference``.

    It is examined over a small MLP with dropout, or what ``learner`` makes of a ``TaskSpec``, trained for one phase.
    """

    learner: ClassVar[Callable[..., Any] | None] = None

    def inference(self) -> Any:
        """Return a new inference module."""
        raise NotImplementedError("write inference(self) in your subclass of the conformance suite")

    def test_declares_what_it_is(self) -> None:
        """It says whether outputs have a leading dimension of samples."""
        assert isinstance(self.inference().stochastic, bool)

    def test_outputs_have_the_promised_shape(self, tmp_path: Path) -> None:
        """``[B, C]``, or ``[K, B, C]`` with ``K`` samples of a posterior; finite, and without a gradient."""
        with self._trained(tmp_path) as driver:
            outputs = _outputs(driver, self.inference(), _inputs())
        stochastic = self.inference().stochastic
        assert outputs.ndim == (3 if stochastic else 2), f"outputs have shape {tuple(outputs.shape)}"
        assert tuple(outputs.shape[-2:]) == (len(_inputs()), NUM_CLASSES), f"outputs have shape {tuple(outputs.shape)}"
        assert bool(outputs.isfinite().all()), "outputs are not finite"
        assert not outputs.requires_grad, "outputs keep the graph of the learner"

    def test_samples_differ(self, tmp_path: Path) -> None:
        """Where it gives several samples of a posterior, they are not all the same."""
        with self._trained(tmp_path) as driver:
            outputs = _outputs(driver, self.inference(), _inputs())
        if self.inference().stochastic and len(outputs) > 1:
            assert not bool((outputs == outputs[:1]).all()), "all posterior samples are equal"

    def test_a_row_does_not_depend_on_its_batch(self, tmp_path: Path) -> None:
        """Samples are the same in whatever chunks, and in whatever order, a pool is predicted."""
        inputs = _inputs()
        with self._trained(tmp_path) as driver:
            together = _outputs(driver, self.inference(), inputs)
            backwards = _outputs(driver, self.inference(), inputs.flip(0)).flip(-2)
            torch.testing.assert_close(backwards, together)
            torch.testing.assert_close(_outputs(driver, self.inference(), *inputs.split(7)), together)

    def test_same_seeds_same_outputs(self, tmp_path: Path) -> None:
        """Outputs are a function of weights, inputs and the seeds given, wherever the global generators stand."""
        outputs = []
        with self._trained(tmp_path) as driver:
            for state in (1, 2):
                with generators_in_state(state), generators_untouched():
                    outputs.append(_outputs(driver, self.inference(), _inputs()))
        assert torch.equal(*outputs), "predicts something else the second time"

    def test_leaves_the_learner_as_it_was(self, tmp_path: Path) -> None:
        """Weights, modes, gradients, submodules and hooks are afterwards what they were."""
        with self._trained(tmp_path) as driver, learner_untouched(driver.learner):
            before = _structure(driver.learner)
            _outputs(driver, self.inference(), _inputs())
            assert _structure(driver.learner) == before, "leaves other submodules or hooks behind"

    @contextmanager
    def _trained(self, directory: Path) -> Iterator[Driver]:
        run = directory / f"run_{len(list(directory.iterdir()))}"
        parts: dict[str, Any] = {"cold_start": Random(40), "stopping": [Steps(1)], "training": {"max_epochs": 4}}
        with hosted(run, cold=True, inference=self.inference(), learner=self.learner, **parts) as driver:
            driver.run()
            yield driver


def _inputs() -> Tensor:
    return source(Task.CLASSIFICATION).inputs(torch.arange(20))


def _outputs(driver: Driver, inference: Any, *chunks: Tensor) -> Tensor:
    """Return what ``inference`` gives for the rows of all ``chunks``."""
    attach(inference, driver)
    with inference.prepared(driver.learner, Seeds(0).at(1)) as predict:
        return torch.cat([predict(chunk) for chunk in chunks], dim=-2)


def _structure(learner: nn.Module) -> list[tuple[str, type, int]]:
    return [(name, type(module), count_hooks(module)) for name, module in learner.named_modules()]
