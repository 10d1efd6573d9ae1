"""Fine-tuning of a backbone: its weights from a file, learning rates by depth, and low-rank adapters."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from torch import nn

from alrun.core.errors import ConfigError, Problem

__all__ = ["adapted", "learning_rates", "load_backbone"]

BLOCK = re.compile(r"(?:^|\.)(?:layers?|h|blocks?|stages|encoder)\.(\d+)\.")
#: Parts that are trained anew wherever a file does not have them.
OPTIONAL = ("pooler.",)


def load_backbone(backbone: Any, file: Path) -> None:
    """Load the weights in the safetensors ``file``, those of a head left out.

    Names may begin with the prefix that the backbone has in a model around it.

    Raises:
        ConfigError: The file is unreadable, or weights are missing or of another shape.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    key = "learner.weights"
    try:
        stored = load_file(file)
    except (OSError, SafetensorError) as error:
        raise ConfigError(Problem(f"{file} cannot be read: {error}", key)) from error
    prefix = f"{getattr(backbone, 'base_model_prefix', '')}."
    found = {name.removeprefix(prefix): value for name, value in stored.items()}
    wanted = backbone.state_dict()
    missing = [name for name in wanted if name not in found and not name.startswith(OPTIONAL)]
    if missing:
        what = f"{file} lacks {len(missing)} of {len(wanted)} weights of the model, {missing[0]} first"
        raise ConfigError(Problem(what, key, "are learner.model and learner.weights of the same model?"))
    for name, value in wanted.items():
        if name in found and found[name].shape != value.shape:
            what = f"{file}: {name} has shape {tuple(found[name].shape)}, the model needs {tuple(value.shape)}"
            raise ConfigError(Problem(what, key, "are learner.model and learner.weights of the same model?"))
    backbone.load_state_dict({name: found.get(name, value) for name, value in wanted.items()})


def adapted(backbone: nn.Module, rank: int, dropout: float) -> nn.Module:
    """Return ``backbone`` with adapters of ``rank`` in its linear layers, all else frozen.

    Raises:
        ConfigError: peft is not installed.
    """
    if find_spec("peft") is None:
        raise ConfigError(Problem("needs peft, which is not installed", "learner.lora_rank", "pip install peft"))
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(r=rank, lora_alpha=2 * rank, lora_dropout=dropout, target_modules="all-linear")
    adapters: nn.Module = inject_adapter_in_model(config, backbone)
    return adapters


def learning_rates(backbone: nn.Module, head: nn.Module, share: float, decay: float) -> list[dict[str, Any]]:
    """Return groups of what is trained, each with its ``share_of_rate`` of the head's learning rate.

    The blocks of the backbone count from the head: the last has ``share``, each one before ``decay`` times as much, and
    what comes before all blocks once more. Weights that are in no block nor before one (a last normalization) go with
    the last block.
    """
    trained = {name: one for name, one in backbone.named_parameters() if one.requires_grad}
    numbers = {name: int(found[1]) for name in trained if (found := BLOCK.search(name))}
    last = max(numbers.values(), default=0)
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in trained.items():
        before = last + 1 if "embed" in name and name not in numbers else last - numbers.get(name, last)
        groups.setdefault(share * decay**before, []).append(parameter)
    own = [{"params": list(head.parameters()), "share_of_rate": 1.0}]
    return own + [{"params": each, "share_of_rate": rate} for rate, each in sorted(groups.items(), reverse=True)]
