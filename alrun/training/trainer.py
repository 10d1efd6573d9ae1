"""Training loop with a full Lightning Trainer for each training phase."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.core.errors import ConfigError, Problem
from alrun.core.protocols.model import TrainingProtocol, TrainingSession, ValidationProtocol
from alrun.training.clipping import check_clipping, left_to
from alrun.training.limits import Limits
from alrun.training.monitor import Monitor, Watch
from alrun.training.placement import Placement, floating_dtype
from alrun.training.trainer_keywords import check_callbacks, check_keywords, check_logger

if TYPE_CHECKING:
    import torch
    from lightning.pytorch import Trainer
    from torch import nn

__all__ = ["TrainerLoop"]


class TrainerLoop:
    """Trains with ``lightning.pytorch.Trainer``: all hooks of the learner, callbacks, loggers and logged metrics.

    It resumes after any epoch without Lightning's checkpoints: weights, optimizers, schedulers, loss scale, callback
    states and the Trainer's counters travel through the session. Values that a learner keeps in plain attributes do
    not. Whatever the learner logs is reported, and may be monitored; a name that it does not log is known only after
    the first epoch. ``train_loss`` and ``val_loss`` are there in any case, where steps return a loss.

    Args:
        accelerator: Kind of device; ``auto`` takes the caller's device, else the best there is.
        devices: 1, or a list with the number of one device.
        precision: As in ``FabricLoop``.
        strategy: ``auto``, or a Lightning strategy for one device.
        gradient_clip_val: Bound on gradients; ``None`` for none.
        gradient_clip_algorithm: ``norm`` (global 2-norm) or ``value`` (each entry).
        callbacks: Lightning callbacks; each training phase gets fresh copies, so that none carries state over.
        logger: A Lightning logger; ``None`` or ``False`` for none.
        trainer_kwargs: Further keywords for the Trainer.
        monitor: Logged value to judge epochs by; ``None`` takes ``val_loss``, else ``train_loss``.
        mode: ``min`` or ``max``: which direction of the monitored value is better.
        patience: Epochs without improvement after which training stops; ``None`` never stops early.
        min_delta: What counts as improvement, in units of the monitored value.
        restore_best: Whether the weights of the best epoch are put back at the end.
        run_folder: Where Lightning and its callbacks write what has no other place, and look for checkpoints of a
            cluster's preempted job, of which there must be none; ``None`` for the working directory. The runner gives
            it.

    Attributes:
        monitors: ``None``: what can be monitored depends on the learner.

    Raises:
        ConfigError: A value out of range, or a Trainer keyword that is unknown or has a key of its own.
    """

    monitors: Sequence[str] | None = None

    def __init__(
        self,
        accelerator: str = "auto",
        devices: Any = 1,
        precision: str = "32-true",
        strategy: Any = "auto",
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str = "norm",
        callbacks: Sequence[Any] | None = None,
        logger: Any = None,
        trainer_kwargs: Mapping[str, Any] | None = None,
        monitor: str | None = None,
        mode: str = "min",
        patience: int | None = None,
        min_delta: float = 0.0,
        restore_best: bool = False,
        run_folder: Path | None = None,
    ) -> None:
        self.placement = Placement(accelerator, devices, str(precision), strategy)
        self.watched = Monitor(monitor, mode, patience, min_delta, restore_best)
        check_clipping(gradient_clip_val, gradient_clip_algorithm)
        self.gradient_clip_val, self.gradient_clip_algorithm = gradient_clip_val, gradient_clip_algorithm
        self.callbacks = list(callbacks or [])
        if self.callbacks:
            check_callbacks(self.callbacks)
        self.logger = logger or False
        if self.logger:
            check_logger(self.logger)
        self.run_folder = run_folder
        self.trainer_kwargs = dict(trainer_kwargs or {})
        if self.trainer_kwargs:
            check_keywords(self.trainer_kwargs)

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
        """Train ``model`` in place; arguments and errors as in ``FabricLoop``.

        A learner that is no LightningModule is wrapped in one for the time of the fit. ``optimizer`` and
        ``lr_scheduler`` stand in for the learner's ``configure_optimizers``; without an ``optimizer`` that one is used.
        Steps are counted in batches.
        """
        from alrun.training.batches import Batches
        from alrun.training.overrides import as_lightning
        from alrun.training.session import NoSession
        from alrun.training.steps import validate_step

        limits = Limits(max_epochs, max_train_steps, max_val_steps)
        session = session or NoSession()
        validate = validate_step(model, validate_step_fn)
        validated = validation_dataloader is not None and validate is not None and max_val_steps != 0
        watch, state = Watch(self.watched), session.load()
        if state is not None:
            watch.load_state_dict(state["watch"])
        if state is not None and (state["stopped"] or limits.reached(state["epoch"], state["batches"])):
            model.load_state_dict(state["model"])
        elif not limits.reached(0, 0):
            monitor = Monitor(self.monitor or ("val_loss" if validated else "train_loss"))
            with as_lightning(model, optimizer, lr_scheduler, train_step_fn, validate_step_fn, monitor) as module:
                validation = Batches(validation_dataloader) if validated else None
                self._fit(model, module, Batches(train_dataloader), validation, (limits, session, watch), device, dtype)
        watch.restore(model)
        model.zero_grad(set_to_none=True)

    def _fit(
        self,
        model: nn.Module,
        module: Any,
        batches: Any,
        validation: Any,
        rules: tuple[Limits, TrainingSession, Watch],
        device: Any,
        dtype: Any,
    ) -> None:
        from lightning.fabric.utilities.exceptions import MisconfigurationException

        from alrun.training.logbook import Logbook
        from alrun.training.quiet import quiet
        from alrun.training.session_callback import Keeper

        batches.require()
        limits, session, watch = rules
        logbook = Logbook()
        keeper = Keeper(model, batches, session, watch, limits, logbook)
        before = floating_dtype(model)
        with quiet(), logbook.lent(module, pass_on=True):
            bound = left_to(model, self.gradient_clip_val, self.gradient_clip_algorithm)
            trainer = self._trainer(limits, keeper, module.automatic_optimization, bound, device, dtype)
            model.train()
            try:
                trainer.fit(module, batches, validation)
            except MisconfigurationException as error:
                raise ConfigError(Problem(str(error), "training.loop")) from error
            except SystemExit:
                if isinstance(keeper.error, KeyboardInterrupt):
                    raise keeper.error from None
                raise
            finally:
                model.to(device=trainer.strategy.root_device, dtype=before)

    def _trainer(
        self, limits: Limits, keeper: Any, automatic: bool, bound: float | None, device: Any, dtype: Any
    ) -> Trainer:
        from lightning.fabric.utilities.exceptions import MisconfigurationException
        from lightning.pytorch import Trainer

        quietly = {"enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0}
        chosen: dict[str, Any] = {
            **quietly,
            **self.placement.arguments(device, dtype),
            "gradient_clip_val": bound,
            "gradient_clip_algorithm": None if bound is None else self.gradient_clip_algorithm,
            **self.trainer_kwargs,
            "max_epochs": -1 if limits.max_epochs is None else limits.max_epochs,
            "max_steps": limits.max_train_steps if limits.max_train_steps is not None and automatic else -1,
            "limit_val_batches": 1.0 if limits.max_val_steps is None else limits.max_val_steps,
            "callbacks": [keeper, *copy.deepcopy(self.callbacks)],
            "logger": self.logger,
            "enable_checkpointing": False,
            "default_root_dir": self._root(),
        }
        try:
            trainer = Trainer(**chosen)
        except (MisconfigurationException, ValueError) as error:
            raise ConfigError(Problem(str(error), "training.loop")) from error
        self.placement.refuse_many(trainer.world_size)
        return trainer

    def _root(self) -> str | None:
        """Return the folder for Lightning, from which it must have nothing to load."""
        if self.run_folder is None:
            return None
        left = next(iter(sorted(self.run_folder.glob("*hpc_ckpt_*"))), None)
        if left is not None:
            raise ConfigError(Problem(f"{left} is not a checkpoint of this run", "training.loop", f"rm '{left}'"))
        return str(self.run_folder)
