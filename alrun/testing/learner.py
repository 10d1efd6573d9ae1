"""Conformance suite of learners."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from alrun.cold_start.random import Random
from alrun.core.evaluation import evaluating
from alrun.core.outputs import gaussian_moments, probabilities, task_outputs
from alrun.core.types import Task, TaskSpec
from alrun.driver.driver import Driver
from alrun.inference.evaluation import outputs_of
from alrun.stopping.steps import Steps
from alrun.testing.host import hosted, source
from alrun.testing.watch import generators_in_state, generators_untouched, learner_untouched

__all__ = ["LearnerConformance"]


class LearnerConformance:
    """Examines a learner. Subclass it under a name that starts with ``Test`` and write ``learner``.

    Attributes:
        task: What it is examined on; override ``data`` for other inputs and targets.
        epochs: Epochs in which it must learn something of 60 rows.
    """

    task: ClassVar[Task] = Task.CLASSIFICATION
    epochs: ClassVar[int] = 15

    def learner(self, spec: TaskSpec) -> Any:
        """Return a new learner for data described by ``spec``; its weights may come from torch's global generator."""
        raise NotImplementedError("write learner(self, spec) in your subclass of the conformance suite")

    def data(self) -> Any:
        """Return the source to learn."""
        return source(self.task)

    def training(self) -> Mapping[str, Any]:
        """Return fields of ``TrainingSettings``: ``train_step_fn`` and ``optimizer`` for a plain ``nn.Module``."""
        return {}

    def test_same_seed_same_weights(self) -> None:
        """Its initial weights are a function of torch's global seed, so that runs of one seed share them."""
        first, second = _state(self._seeded(0)), _state(self._seeded(0))
        assert first, "has no weights"
        assert _equal(first, second), "other initial weights for the same seed"

    def test_outputs_have_the_promised_shape(self) -> None:
        """Logits ``[B, C]``, ``[B, 1]`` for two classes; means ``[B, T]``, or means and log-variances ``[B, 2T]``.

        Logits of several labels are ``[B, L]``, those of pixels ``[B, C, H, W]``.
        """
        spec, outputs = self.data().spec, _outputs(self._seeded(), self._batch()[0])
        count = spec.num_outputs
        two = spec.task is Task.CLASSIFICATION and count == 2
        widths = {count, 2 * count} if spec.task is Task.REGRESSION else {count, 1 if two else count}
        wanted = 2 + len(spec.mask_shape)
        assert outputs.ndim == wanted, f"outputs have shape {tuple(outputs.shape)}, not {wanted} dimensions"
        assert outputs.shape[2:] == spec.mask_shape, f"outputs have shape {tuple(outputs.shape)}"
        assert len(outputs) == len(self._batch()[0]), f"{len(outputs)} outputs for {len(self._batch()[0])} rows"
        assert outputs.shape[1] in widths, f"outputs have {outputs.shape[1]} columns instead of {sorted(widths)}"
        assert outputs.is_floating_point()
        assert bool(outputs.isfinite().all()), "outputs are not finite"

    def test_a_row_does_not_depend_on_its_batch(self, tmp_path: Path) -> None:
        """A row is predicted alike alone, in company and in another order."""
        inputs = self._batch()[0]
        with self._trained(tmp_path) as driver:
            together = _outputs(driver.learner, inputs)
            torch.testing.assert_close(_outputs(driver.learner, inputs.flip(0)).flip(0), together)
            alone = torch.cat([_outputs(driver.learner, row[None]) for row in inputs])
            torch.testing.assert_close(alone, together)

    def test_predicting_leaves_it_as_it_was(self) -> None:
        """A prediction changes neither weights and buffers nor modes, and moves no random generator."""
        learner, inputs = self._seeded(), self._batch()[0]
        with learner_untouched(learner), generators_untouched():
            first, second = _outputs(learner, inputs), _outputs(learner, inputs)
        assert torch.equal(first, second), "predicts something else the second time"

    def test_training_lowers_the_loss(self, tmp_path: Path) -> None:
        """After a training phase it fits the rows that it was trained on better than before."""
        before = self._loss(self._seeded())
        with self._trained(tmp_path) as driver:
            after = self._loss(driver.learner)
        assert after < before, f"the loss on the training rows went from {before:.4g} to {after:.4g}"

    def test_trains_the_same_again(self, tmp_path: Path) -> None:
        """Two runs with one seed end with the same weights, wherever the global generators stand."""
        states = []
        for state in (1, 2):
            with generators_in_state(state), self._trained(tmp_path) as driver:
                states.append(_state(driver.learner))
        assert _equal(*states), "other weights after the same training"

    def test_its_state_holds_all_that_it_predicts_with(self, tmp_path: Path) -> None:
        """A new learner that loads its ``state_dict()`` predicts the same: that is what a checkpoint holds."""
        inputs = self._batch()[0]
        with self._trained(tmp_path) as driver:
            heir = self._seeded(1)
            heir.load_state_dict(driver.learner.state_dict())
            assert torch.equal(_outputs(heir, inputs), _outputs(driver.learner, inputs)), (
                "state_dict() does not hold all that predictions depend on; register buffers"
            )

    def _seeded(self, seed: int = 0) -> Any:
        with generators_in_state(seed):
            return self.learner(self.data().spec)

    def _batch(self, count: int = 60) -> tuple[Tensor, Tensor]:
        rows, data = torch.arange(count), self.data()
        return data.inputs(rows), data.targets(rows)

    @contextmanager
    def _trained(self, directory: Path) -> Iterator[Driver]:
        run = directory / f"run_{len(list(directory.iterdir()))}"
        training = {"max_epochs": self.epochs, **self.training()}
        parts: dict[str, Any] = {"cold_start": Random(60), "stopping": [Steps(1)], "training": training}
        with hosted(run, cold=True, data=self.data(), learner=self.learner, **parts) as driver:
            driver.run()
            yield driver

    def _loss(self, learner: Any) -> float:
        """Return cross-entropy in nats (of labels, the mean), or the mean squared error, over all rows."""
        spec, (inputs, targets) = self.data().spec, self._batch(len(self.data()))
        outputs = _outputs(learner, inputs)
        if spec.task is Task.REGRESSION:
            mean = gaussian_moments(outputs, spec.num_outputs).mean
            return float((mean - targets.reshape(mean.shape)).square().mean())
        if spec.task is Task.MULTI_LABEL:
            return float(functional.binary_cross_entropy_with_logits(outputs, targets.float()))
        if spec.task is Task.SEGMENTATION:
            return float(functional.cross_entropy(outputs, targets))
        columns = targets.reshape(len(targets), -1).unbind(dim=1)
        parts = zip(task_outputs(outputs, spec), columns, strict=True)
        losses = [functional.nll_loss(probabilities(one).clamp_min(1e-30).log(), column) for one, column in parts]
        return float(torch.stack(losses).mean())


def _outputs(learner: Any, inputs: Tensor) -> Tensor:
    with evaluating(learner):
        return outputs_of(learner)(inputs)


def _state(learner: Any) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in learner.state_dict().items()}


def _equal(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())
