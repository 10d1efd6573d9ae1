"""Backbones of the transformers library, built from the JSON of their config alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from alrun.core.errors import ConfigError, Problem

__all__ = ["built_backbone", "config_path", "weights_path"]

MODEL, WEIGHTS = "learner.model", "learner.weights"
#: Of a config, what names code or kernels from elsewhere, or another precision than the training loop's.
LEFT_OUT = frozenset(
    {
        *("auto_map", "_attn_implementation", "_attn_implementation_internal", "attn_implementation"),
        *("_experts_implementation", "experts_implementation", "quantization_config", "dtype", "torch_dtype"),
        *("_name_or_path", "name_or_path", "transformers_version", "architectures", "custom_pipelines"),
    }
)


def config_path(model: str) -> Path | list[Problem]:
    """Return the file of the config that ``model`` says, or what is wrong."""
    if find_spec("transformers") is None:
        return [Problem("needs transformers, which is not installed", "learner", 'pip install "alrun[transformers]"')]
    path = Path(model).expanduser()
    file = path / "config.json" if path.is_dir() else path
    if not file.is_file():
        what = f"there is no file {str(file)!r}; models are not downloaded"
        return [Problem(what, MODEL, f"{MODEL}=config.json, a config of the transformers library")]
    return file


def weights_path(weights: str | None) -> Path | list[Problem] | None:
    """Return the file of the weights, what is wrong with it, or ``None`` for none."""
    if weights is None:
        return None
    path = Path(weights).expanduser()
    if path.suffix != ".safetensors":
        return [Problem(f"{weights!r} is not a safetensors file", WEIGHTS, f"{WEIGHTS}=model.safetensors, or null")]
    if not path.is_file():
        return [Problem(f"there is no file {weights!r}", WEIGHTS, f"{WEIGHTS}=null")]
    return path


def built_backbone(file: Path) -> tuple[nn.Module, int, int]:
    """Return a backbone with random weights, the width of its features and the number of the padding token.

    Weights come from torch's global generator.

    Raises:
        ConfigError: The file is no config of a model that the installed library has.
    """
    from transformers.models.auto import CONFIG_MAPPING, AutoModel

    values = _read(file)
    kind = values.pop("model_type", None)
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        raise ConfigError(Problem(f"{file}: the installed transformers has no model type {kind!r}", MODEL))
    try:
        config = CONFIG_MAPPING[kind](**{name: value for name, value in values.items() if name not in LEFT_OUT})
        made: Any = AutoModel
        backbone = made.from_config(config, trust_remote_code=False, attn_implementation="eager", dtype=torch.float32)
    except Exception as error:  # whatever a config that does not fit comes to
        raise ConfigError(Problem(f"{file}: {type(error).__name__}: {str(error).splitlines()[0]}", MODEL)) from error
    padding = getattr(config, "pad_token_id", None)
    return backbone, _width(config, file), 0 if padding is None else int(padding)


def _read(file: Path) -> dict[str, Any]:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(Problem(f"{file} cannot be read: {error}", MODEL)) from error
    if not isinstance(values, Mapping):
        raise ConfigError(Problem(f"{file} is not a config of a model", MODEL))
    return dict(values)


def _width(config: Any, file: Path) -> int:
    for name in ("hidden_size", "d_model", "dim", "n_embd"):
        if isinstance(getattr(config, name, None), int):
            return int(getattr(config, name))
    sizes = getattr(config, "hidden_sizes", None)
    if isinstance(sizes, list | tuple) and sizes:
        return int(sizes[-1])
    raise ConfigError(Problem(f"{file} does not say how wide the features are (hidden_size)", MODEL))
