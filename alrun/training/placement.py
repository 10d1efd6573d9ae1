"""Device and precision of a training phase."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alrun.core.arguments import choice_problems
from alrun.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = ["PRECISIONS", "Placement", "floating_dtype"]

LOOP = "training.loop"
ACCELERATORS = ("auto", "cpu", "cuda", "gpu", "mps", "tpu", "xla")
PRECISIONS = ("32-true", "16-mixed", "bf16-mixed", "64-true", "16-true", "bf16-true")


@dataclass(frozen=True)
class Placement:
    """Constructor arguments that Fabric and Trainer share.

    A training phase is one process on one device; sweeps spread over devices by job.

    Attributes:
        accelerator: ``auto``, ``cpu``, ``cuda``, ``mps`` …
        devices: 1, or a list with the number of one device.
        precision: One of ``PRECISIONS``.
        strategy: ``auto``, or a Lightning strategy for one device.

    Raises:
        ConfigError: An unknown accelerator, precision or strategy, or several devices.
    """

    accelerator: Any = "auto"
    devices: Any = 1
    precision: str = "32-true"
    strategy: Any = "auto"

    def __post_init__(self) -> None:
        """Check everything but whether this machine has such a device."""
        problems = list(choice_problems(f"{LOOP}.precision", str(self.precision), PRECISIONS))
        if isinstance(self.accelerator, str):
            problems += choice_problems(f"{LOOP}.accelerator", self.accelerator, ACCELERATORS)
        if not _is_one(self.devices):
            what = f"{self.devices!r} devices asked for, but a training phase runs on one"
            problems.append(Problem(what, f"{LOOP}.devices", f"{LOOP}.devices=1, or [n] for device number n"))
        if isinstance(self.strategy, str) and self.strategy != "auto":
            what = f"strategy {self.strategy!r} is not auto: a training phase is one process on one device"
            problems.append(Problem(what, f"{LOOP}.strategy", f"{LOOP}.strategy=auto"))
        if problems:
            raise ConfigError(problems)

    def arguments(self, device: str | torch.device | None, dtype: torch.dtype | None) -> dict[str, Any]:
        """Return the keywords for Fabric or Trainer.

        Args:
            device: Where the caller wants the model; decides only while ``accelerator`` is ``auto``.
            dtype: Data type of weights and inputs, in place of ``precision``; ``float32`` leaves it as it is.
        """
        import torch

        chosen: dict[str, Any] = {"accelerator": self.accelerator, "devices": self.devices}
        if device is not None and self.accelerator == "auto":
            place = torch.device(device)
            index = torch.cuda.current_device() if place.type == "cuda" and place.index is None else place.index
            chosen = {"accelerator": place.type, "devices": 1 if place.type != "cuda" else [index]}
        true = {torch.float64: "64-true", torch.bfloat16: "bf16-true", torch.float16: "16-true"}
        # Lightning attaches accelerator and model to a strategy: one that was used cannot be given to the next phase.
        strategy = copy.deepcopy(self.strategy)
        return {**chosen, "precision": true.get(dtype, self.precision), "strategy": strategy}  # type: ignore[arg-type]

    def refuse_many(self, world_size: int) -> None:
        """Raise ``ConfigError`` when more than one process would train."""
        if world_size > 1:
            what = f"{world_size} devices asked for, but a training phase runs on one"
            raise ConfigError(Problem(what, "training.loop.devices", "training.loop.devices=1"))


def _is_one(devices: Any) -> bool:
    """Return whether ``devices`` names one device: 1, ``auto``, or a list with the number of one."""
    if isinstance(devices, list | tuple):
        return len(devices) == 1 and isinstance(devices[0], int) and devices[0] >= 0
    return str(devices) in ("1", "auto")


def floating_dtype(model: nn.Module) -> torch.dtype | None:
    """Return the data type of the first floating-point parameter of ``model``; ``None`` where there is none."""
    return next((p.dtype for p in model.parameters() if p.is_floating_point()), None)
