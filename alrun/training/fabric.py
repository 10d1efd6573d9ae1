"""Default training loop, on Lightning Fabric."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from alrun.core.arguments import choice_problems, raise_any
from alrun.core.errors import ConfigError, Problem
from alrun.core.learners import optimizes_itself
from alrun.core.protocols.model import TrainingProtocol, TrainingSession, ValidationProtocol
from alrun.training.clipping import check_clipping, left_to
from alrun.training.limits import Limits
from alrun.training.monitor import LOSSES, Monitor, Watch
from alrun.training.placement import Placement

if TYPE_CHECKING:
    import torch
    from lightning.fabric import Fabric

    from alrun.training.engine import Engine

__all__ = ["FabricLoop"]


class FabricLoop:
    """Epochs of gradient steps on one device, with early stopping and best-weights restore.

    A LightningModule written for a Trainer runs as it is: what it logs (``self.log``, ``self.log_dict``) is reported as
    means over the epoch, and its hooks at the start and end of fit, training, epoch, validation and batch, and around
    the backward pass, are called where it overrides them. One that overrides how a batch is moved, differentiated or
    stepped is refused: callbacks, loggers and those hooks are the business of ``TrainerLoop``.

    Args:
        accelerator: Kind of device; ``auto`` takes the caller's device, else the best there is.
        devices: 1, or a list with the number of one device.
        precision: ``32-true``, ``bf16-mixed``, ``16-mixed``, ``64-true``, ``bf16-true`` or ``16-true``.
        strategy: ``auto``, or a Lightning strategy for one device.
        gradient_clip_val: Bound on gradients; ``None`` for none.
        gradient_clip_algorithm: ``norm`` (global 2-norm) or ``value`` (each entry).
        monitor: ``train_loss`` or ``val_loss``; ``None`` takes ``val_loss`` where there is validation data.
        mode: ``min`` or ``max``: which direction of the monitored value is better.
        patience: Epochs without improvement after which training stops; ``None`` never stops early.
        min_delta: What counts as improvement, in units of the monitored value.
        restore_best: Whether the weights of the best epoch are put back at the end.

    Raises:
        ConfigError: A value out of range, or a monitor that this loop never logs.
    """

    monitors: ClassVar[tuple[str, ...]] = LOSSES

    def __init__(
        self,
        accelerator: str = "auto",
        devices: Any = 1,
        precision: str = "32-true",
        strategy: Any = "auto",
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str = "norm",
        monitor: str | None = None,
        mode: str = "min",
        patience: int | None = None,
        min_delta: float = 0.0,
        restore_best: bool = False,
    ) -> None:
        if monitor is not None:
            elsewhere = "; metrics that the learner logs itself need training=trainer"
            raise_any(choice_problems("training.loop.monitor", monitor, self.monitors, otherwise=elsewhere))
        self.placement = Placement(accelerator, devices, str(precision), strategy)
        self.watched = Monitor(monitor, mode, patience, min_delta, restore_best)
        self.gradient_clip_val, self.gradient_clip_algorithm = gradient_clip_val, gradient_clip_algorithm
        check_clipping(gradient_clip_val, gradient_clip_algorithm)
        self._fabrics: dict[Any, Fabric] = {}

    @property
    def monitor(self) -> str | None:
        """Name of the monitored value, as configured."""
        return self.watched.name

    def __call__(
        self,
        model: Any,
        optimizer: torch.optim.Optimizer | None,
        train_dataloader: Any,
        validation_dataloader: Any | None = None,
        train_step_fn: TrainingProtocol | None = None,
        validate_step_fn: ValidationProtocol | None = None,
        max_epochs: int | None = None,
        max_train_steps: int | None = None,
        max_val_steps: int | None = None,
        lr_scheduler: Any | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        *args: Any,
        session: TrainingSession | None = None,
        **kwargs: Any,
    ) -> None:
        """Train ``model`` in place; it stays on the device where it was trained.

        Args:
            model: A module.
            optimizer: Stepped once per batch; ``None`` for a learner that optimizes itself (of a LightningModule with
                manual optimization, its own ``configure_optimizers`` is then used).
            train_dataloader: Re-iterable of batches, with ``set_epoch(epoch)`` where the order depends on it.
            validation_dataloader: Evaluated after each epoch.
            train_step_fn: ``(model, batch) -> loss``; wins over ``model.training_step``.
            validate_step_fn: ``(model, batch) -> loss or None``; wins over ``model.validation_step``.
            max_epochs: Passes over the data.
            max_train_steps: Batches in all, in place of ``max_epochs``; recycles the data.
            max_val_steps: Bound on the batches of each validation.
            lr_scheduler: A scheduler, or Lightning's dict with ``scheduler``, ``interval``, ``frequency``, ``monitor``.
                A learner that optimizes by itself also steps its scheduler by itself.
            device: Where to train while ``accelerator`` is ``auto``.
            dtype: Data type of weights and inputs while training; ``None`` and ``float32`` leave ``precision`` alone.
            *args: Ignored.
            session: Saves and resumes after each epoch, and is told of it.
            **kwargs: Ignored.

        Raises:
            ConfigError: The limits contradict each other, or the monitored value is not there.
            StrategyError: The learner has no training step or no optimizer, or the loader is empty.
            Interrupted: The session was asked to stop.
        """
        from alrun.training.fit import Fit
        from alrun.training.schedule import Schedule
        from alrun.training.session import NoSession
        from alrun.training.steps import train_step, validate_step

        limits = Limits(max_epochs, max_train_steps, max_val_steps)
        self.validate(model)
        validate = validate_step(model, validate_step_fn)
        follow = train_step_fn is not None or not optimizes_itself(model)
        self._need_validation(validation_dataloader is not None and validate is not None and max_val_steps != 0)
        step = train_step(model, train_step_fn)
        with self._engine(model, optimizer, device, dtype) as engine:
            schedule = Schedule(lr_scheduler, self.watched)
            fit = Fit(engine, schedule, Watch(self.watched), limits, session or NoSession())
            fit.run(train_dataloader, step, follow, validation_dataloader, validate)

    @staticmethod
    def validate(learner: Any) -> None:
        """Raise ``ConfigError`` when ``learner`` overrides hooks that only a Trainer calls."""
        from alrun.training.hooks import refuse_uncalled

        refuse_uncalled(learner)

    def _need_validation(self, validated: bool) -> None:
        if self.monitor == "val_loss" and not validated:
            what = "'val_loss' is never logged: there is no validation data, or no step for it"
            raise ConfigError(Problem(what, "training.loop.monitor", "training.loop.monitor=train_loss"))

    def _engine(self, model: Any, optimizer: Any, device: Any, dtype: Any) -> Engine:
        from alrun.training.engine import Engine
        from alrun.training.optimizers import configured_by

        optimizers, schedulers = ([optimizer], []) if optimizer is not None else configured_by(model)
        engine = Engine(self._fabric(device, dtype), model, optimizers, schedulers)
        bound = left_to(model, self.gradient_clip_val, self.gradient_clip_algorithm)
        engine.clip(bound, self.gradient_clip_algorithm)
        return engine

    def _fabric(self, device: Any, dtype: Any) -> Fabric:
        """Return a Fabric as good as new; one without state is kept, since making it takes as long as an epoch."""
        from lightning.fabric import Fabric
        from lightning.fabric.utilities.exceptions import MisconfigurationException

        key = (str(device), dtype)
        if key in self._fabrics:
            return self._fabrics[key]
        try:
            fabric = Fabric(**self.placement.arguments(device, dtype))
        except (MisconfigurationException, ValueError) as error:
            raise ConfigError(Problem(str(error), "training.loop")) from error
        self.placement.refuse_many(fabric.world_size)
        if not fabric.strategy.precision.state_dict():
            self._fabrics[key] = fabric
        return fabric
