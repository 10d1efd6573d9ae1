"""Engine for one batch on one device: placement, forward pass, backward pass, optimizer step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import torch

from alrun.core.compat import give_fabric, is_lightning
from alrun.core.errors import StrategyError
from alrun.training.fake_trainer import FabricTrainer
from alrun.training.hooks import Hooks
from alrun.training.logbook import Logbook
from alrun.training.placement import floating_dtype
from alrun.training.steps import Step

if TYPE_CHECKING:
    from lightning.fabric import Fabric
    from torch import Tensor, nn

__all__ = ["Engine"]


class Engine:
    """What Fabric does for a batch, each part chosen once.

    On the CPU in ``32-true`` every part is torch's own call. Elsewhere it is Fabric's: transfer, autocast and input
    conversion, loss scaling. Used as a context, it lends the model its Fabric (so that ``self.log``,
    ``self.optimizers`` and ``self.manual_backward`` of a LightningModule work) and gives it back as it was.

    Attributes:
        stepped: Whether the loop's optimizer has made a step.
        logbook: What the model logs.
        hooks: What the model overrides of a LightningModule's hooks.
        trainer: What the model sees as its trainer.
        schedulers: Those that the model steps by itself.
    """

    def __init__(self, fabric: Fabric, model: nn.Module, optimizers: list[Any], schedulers: Sequence[Any] = ()) -> None:
        """Put ``model`` on the device of ``fabric``; ``optimizers[0]`` is the one that is stepped."""
        from lightning.fabric.plugins.precision import Precision

        self._dtype = floating_dtype(model)
        self.fabric, self.model, self.optimizers = fabric, model, optimizers
        self.precision: Any = fabric.strategy.precision
        self.device = fabric.device
        fabric.to_device(self.precision.convert_module(model))
        self.stepped = False
        native = type(self.precision) is Precision
        self._wrapped: list[Any] = [fabric.setup_optimizers(optimizer) for optimizer in optimizers]
        self._place: Callable[[Any], Any] | None = None if self.device.type == "cpu" else fabric.to_device
        self._compute: Callable[[Step, Any, int], Any] = _call if native else self._call_in_precision
        self._backward: Callable[[Tensor], Any] = torch.Tensor.backward if native else fabric.backward
        stepping = optimizers if native else self._wrapped
        self._step: Callable[[], Any] | None = stepping[0].step if stepping else None
        self._clip: Callable[[], Any] | None = None
        self._counting: list[Any] = []
        self.logbook, self.hooks, self.schedulers = Logbook(self.device), Hooks(model), list(schedulers)
        self.trainer = FabricTrainer(fabric, self._wrapped, self.schedulers, self.logbook)
        self._before_zero_grad = self.hooks.own("on_before_zero_grad")
        self._hook_backward()

    def clip(self, value: float | None, algorithm: str) -> None:
        """Bound gradients before each step: their global 2-norm (``norm``) or each entry (``value``)."""
        if value is None or not self.optimizers:
            return
        bound = {"max_norm": value, "error_if_nonfinite": False} if algorithm == "norm" else {"clip_val": value}
        first = self._clip

        def clip() -> None:
            if first is not None:
                first()
            self.fabric.clip_gradients(self.model, self.optimizers[0], **bound)  # type: ignore[arg-type]

        self._clip = clip

    def _hook_backward(self) -> None:
        """Put the model's hooks around the backward pass and before the optimizer's step, where it has any."""
        hooks, backward = self.hooks, self._backward
        before, after = hooks.own("on_before_backward"), hooks.own("on_after_backward")
        if before is not None or after is not None:

            def hooked(loss: Tensor) -> None:
                if before is not None:
                    before(loss)
                backward(loss)
                if after is not None:
                    after()

            self._backward = hooked
        before_step = hooks.own("on_before_optimizer_step")
        if before_step is not None and self.optimizers:
            self._clip = lambda: before_step(self.optimizers[0])

    def place(self, batch: Any) -> Any:
        """Return ``batch`` on the device."""
        return batch if self._place is None else self._place(batch)

    def compute(self, step: Step, batch: Any, index: int) -> Any:
        """Return what ``step`` returns for ``batch``, which is on the device, computed in the precision."""
        return self._compute(step, batch, index)

    def update(self, loss: Tensor) -> None:
        """Make one optimizer step along the gradient of ``loss``.

        Raises:
            StrategyError: There is no optimizer, or ``loss`` has no gradient to follow.
        """
        if self._step is None:
            raise StrategyError(
                f"{type(self.model).__name__} returned a loss, but there is no optimizer\n"
                "    → set one: 'training.optimizer={_target_: torch.optim.SGD, _partial_: true, lr: 0.01}'"
            )
        if self._before_zero_grad is not None:
            self._before_zero_grad(self.optimizers[0])
        self.optimizers[0].zero_grad(set_to_none=True)
        self._backward(loss)
        if self._clip is not None:
            self._clip()
        self._step()
        self.stepped = True
        self.trainer.global_step += 1

    def count_steps_of_the_model(self) -> None:
        """Count the steps that the model makes with its optimizers, until the context ends."""

        def count(*_: Any) -> None:
            self.trainer.global_step += 1

        self._counting = [optimizer.register_step_post_hook(count) for optimizer in self.optimizers]

    def _call_in_precision(self, step: Step, batch: Any, index: int) -> Any:
        with self.fabric.autocast():
            return step(self.precision.convert_input(batch), index)

    def _lend(self, trainer: Any, optimizers: list[Any]) -> None:
        if is_lightning(self.model):
            give_fabric(self.model, trainer, optimizers)

    def __enter__(self) -> Self:
        """Lend the Fabric to a LightningModule, and listen to what it logs."""
        self._lend(self.trainer, self._wrapped)
        self._listening = self.logbook.lent(self.model, pass_on=False)
        self._listening.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the Fabric back, drop gradients, and undo a change of data type."""
        for handle in self._counting:
            handle.remove()
        self._listening.__exit__(None, None, None)
        self._lend(None, [])
        self.model.zero_grad(set_to_none=True)
        if floating_dtype(self.model) != self._dtype:
            self.model.to(dtype=self._dtype)


def _call(step: Step, batch: Any, index: int) -> Any:
    return step(batch, index)
