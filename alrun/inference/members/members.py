"""Members: several learners of one kind in one module, trained, saved and evaluated together."""

from __future__ import annotations

import copy
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn

from alrun.core.compat import trainer_lent, trainer_of
from alrun.core.errors import StrategyError
from alrun.core.learners import attach, custom_method, prediction_step
from alrun.core.lending import lent
from alrun.core.protocols.driver import StrategyHost
from alrun.inference.members.differentiated import Step
from alrun.inference.members.known_gradient import KnownGradient, bounded
from alrun.inference.members.member_batch import MemberBatch
from alrun.inference.members.member_checks import refuse_unfit
from alrun.inference.members.vectorized import Vectorized
from alrun.inference.members.weights import Weights, load, places, stack

__all__ = ["Members"]


class Members(LightningModule):
    """``M`` learners that differ in their weights alone.

    Its parameters and buffers are those of the members, ``[M, ...]`` each, so that what goes by element (Adam and its
    kin, SGD, weight decay, a learning-rate schedule, ``scratch`` and ``warm`` resets) does for all what it does for
    one. A training batch is ``[B, M, ...]``, a column of each member's own shuffle, or a list with ``M`` batches. The
    loss that is reported is the mean over members; its gradient is that of the sum, so each member has its own.

    What members share: the optimizer, the learning rate (a plateau scheduler watches the mean), the epoch at which
    training stops and whose weights are restored (early stopping watches the mean), what ``fit_statistics`` measures,
    which is a function of the data, and the permutation that ``shrink_perturb`` draws. Values that members log are
    logged as their mean. Under ``16-mixed`` the scaling of the loss comes too late to save small gradients: take
    ``bf16-mixed``. A parameter without any part in the loss has gradient 0, not none.

    It trains as a learner does, and stands here all the same: only an inference makes it (``combine``) and can predict
    with it, each asks for parts of the other, and the learners' room, in which every class is an option, is one that
    inferences do not import.

    Args:
        learners: The members, alike but for their weights; used up.

    Attributes:
        num_members: ``M``.
        shuffles: How many shuffles of the training pool a batch is made of; 1 is a plain batch ``[B, ...]``.
        gradient_norm: Bound on the 2-norm of each member's gradient; ``None`` for none. Training loops set it.
        unfit_optimizers: Names of torch's optimizers that do not go weight by weight, and are refused.

    Raises:
        ConfigError: The learner optimizes by itself, or overrides a hook that would be called for each member.
    """

    unfit_optimizers: ClassVar[frozenset[str]] = frozenset({"Adafactor", "LBFGS", "Muon", "SparseAdam"})

    def __init__(self, learners: Sequence[nn.Module]) -> None:
        refuse_unfit(learners[0])
        super().__init__()
        self.gradient_norm: float | None = None
        self.num_members = self.shuffles = len(learners)
        # In a tuple the ordinary learner is not a submodule: its weights are views of those of a member.
        self._alone = (copy.deepcopy(learners[0]),)
        self.member: Any = stack(learners)
        self._places, self._alone_places = places(self.member), places(self._alone[0])
        self._told: Any = logging.getLogger("alrun").info
        self._steps = Vectorized(self.member, self._alone[0], lambda what: self._told(what))
        self._log_options: dict[str, dict[str, Any]] = {}
        for name in ("tasks", "multi_task", "scheduler_monitor"):
            if hasattr(self.member, name):
                setattr(self, name, getattr(self.member, name))
        if callable(getattr(self.member, "fit_statistics", None)):
            self.fit_statistics = self._fit_statistics

    def attach(self, driver: StrategyHost) -> None:
        """Tell the run's log how members are computed; pass ``driver`` on to learners that want it."""
        self._told = driver.logger.info
        for learner in (self.member, *self._alone):
            attach(learner, driver)

    def weights(self) -> Weights:
        """Return parameters and buffers by the names that they have in a member, ``[M, ...]`` each."""
        return {name: table[key] for name, (table, key) in self._places.items()}

    def alone(self, number: int) -> nn.Module:
        """Return member ``number`` as an ordinary learner, with views of its weights; good until the next call."""
        load(self._alone_places, self.weights(), number)
        return self._alone[0]

    @property
    def representative(self) -> nn.Module:
        """Member 0 as an ordinary learner: what embeddings are taken from."""
        return self.alone(0)

    def _fit_statistics(self, inputs: Tensor, targets: Tensor) -> None:
        """Let member 0 take its statistics of the training set; the buffers that change, change in all members."""
        learner: Any = self.alone(0)
        before = {name: buffer.clone() for name, buffer in learner.named_buffers()}
        learner.fit_statistics(inputs, targets)
        weights = self.weights()
        for name, buffer in learner.named_buffers():
            if not buffer.equal(before[name]):
                weights[name].copy_(buffer.expand_as(weights[name]))

    def configure_optimizers(self) -> Any:
        """Return what a member configures, for the parameters of all.

        Raises:
            StrategyError: It configures nothing.
        """
        configure = custom_method(self.member, "configure_optimizers")
        if configure is None:
            raise StrategyError(
                f"{type(self.member).__name__} has no configure_optimizers\n"
                "    → set one: 'training.optimizer={_target_: torch.optim.SGD, _partial_: true, lr: 0.01}'"
            )
        with self._lent({}):
            return configure()

    def training_step(self, batch: Any, batch_idx: int = 0) -> Tensor:
        """Return the loss of a batch ``[B, M, ...]``."""
        return self._train(self._method("training_step", batch_idx), batch, own=True)

    def validation_step(self, batch: Any, batch_idx: int = 0) -> Tensor | None:
        """Return the loss of a batch ``[B, ...]`` that all members see; ``None`` where they return none."""
        if custom_method(self.member, "validation_step") is None:
            return None
        return self._validate(self._method("validation_step", batch_idx), batch)

    def inference_step(self, inputs: Any) -> Tensor:
        """Return the outputs ``[M, B, ...]`` for inputs ``[B, ...]``."""
        outputs: Tensor = self.outputs(self.weights(), inputs)
        return outputs

    def forward(self, inputs: Any) -> Tensor:
        """Return the outputs ``[M, B, ...]``, as ``inference_step`` does."""
        return self.inference_step(inputs)

    def outputs(self, weights: Weights, inputs: Any) -> Any:
        """Return the outputs ``[K, B, ...]`` of the members for ``K`` sets of ``weights``, without gradients."""
        return self._steps.values("prediction", _predicted, weights, MemberBatch(inputs))

    def lifted(self, step: Callable[[Any, Any], Any], training: bool) -> Callable[[Any, Any], Any]:
        """Return the step function ``(model, batch) -> loss`` of one learner as one of this module."""
        return lambda _, batch: self._train(step, batch) if training else self._validate(step, batch)

    def _train(self, step: Step, batch: Any, own: bool = False) -> Tensor:
        data = MemberBatch.columns(batch) if self.shuffles > 1 else MemberBatch(batch)
        weights = self.weights()
        losses, logged, gradients = self._steps.gradients(self._noted(step, True), weights, data, own)
        self._log(logged)
        parameters, slopes = [weights[name] for name in gradients], list(gradients.values())
        if self.gradient_norm is not None:
            slopes = bounded(slopes, self.gradient_norm)
        del gradients
        loss: Tensor = KnownGradient.apply(losses.mean(), slopes, *parameters)  # type: ignore[no-untyped-call]
        return loss

    def _validate(self, step: Step, batch: Any) -> Tensor | None:
        results, logged = self._steps.values("validation", self._noted(step, False), self.weights(), MemberBatch(batch))
        self._log(logged)
        return results["loss"].mean() if results else None

    def _method(self, name: str, index: int) -> Step:
        if custom_method(self.member, name) is None:
            raise StrategyError(f"{type(self.member).__name__} has no {name}; set training.train_step_fn")

        def step(module: Any, batch: Any) -> Any:
            method = getattr(module, name)
            return method(batch, index) if len(inspect.signature(method).parameters) > 1 else method(batch)

        return step

    def _noted(self, step: Step, need: bool) -> Step:
        """Return ``step`` as one whose second result is what the member logs; the first is its loss."""

        def noted(module: Any, batch: Any) -> Any:
            notes: dict[str, Tensor] = {}
            with self._lent(notes):
                output = step(module, batch)
            loss = output.get("loss") if isinstance(output, Mapping) else output
            if need and not isinstance(loss, Tensor):
                raise StrategyError(f"{type(module).__name__} returned no loss, which members of an ensemble must")
            if need:
                return loss, notes
            return ({"loss": torch.as_tensor(loss)} if isinstance(loss, Tensor | float) else {}), notes

        return noted

    @contextmanager
    def _lent(self, notes: dict[str, Tensor]) -> Iterator[None]:
        """Have members that log write to ``notes``, and see the trainer that this module sees."""
        learners = [one for one in (self.member, *self._alone) if isinstance(one, LightningModule)]

        def log(name: str, value: Any, *_: Any, **options: Any) -> None:
            if callable(getattr(value, "compute", None)):
                self.log(name, value, **options)
                return
            self._log_options[name] = options
            notes[name] = torch.as_tensor(value, device=self.device).detach()

        def log_dict(values: Mapping[str, Any], *_: Any, **options: Any) -> None:
            for name, value in values.items():
                log(name, value, **options)

        with ExitStack() as stack:
            for learner in learners:
                stack.enter_context(lent(learner, log=log, log_dict=log_dict))
                stack.enter_context(trainer_lent(learner, trainer_of(self)))
            yield

    def _log(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self.log(name, value.float().mean(), **self._log_options[name])


def _predicted(module: nn.Module, inputs: Any) -> Tensor:
    outputs: Tensor = prediction_step(module)(inputs)
    return outputs
