"""Networks of the transformers library by a config file: a backbone, and a linear head for the task."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from alrun.core.arguments import choice_problems, count_problems, number_problems
from alrun.core.errors import Problem, StrategyError
from alrun.core.types import TaskSpec
from alrun.learner.base import Learner, OptimizerFactory, SchedulerFactory
from alrun.learner.checks import dropout_problems, share_problems
from alrun.learner.fine_tuning import adapted, learning_rates, load_backbone
from alrun.learner.pretrained import built_backbone, config_path, weights_path

__all__ = ["Transformers"]

POOLING = ("mean", "first", "pooler")


class Transformers(Learner):
    """A backbone that a ``config.json`` describes, with weights from a file or at random, and a new linear head.

    Inputs are token numbers ``[B, L]``, which may be held as ``float32``, with the config's ``pad_token_id`` (or 0)
    where a row has ended; mappings with ``input_ids`` and, if there is one, ``attention_mask``; or images
    ``[B, C, H, W]``. The head gets one vector a row: the mean over tokens that are no padding, the first token's, or
    the one that the backbone pools itself. That vector is the embedding.

    The config names classes of the installed library and nothing else: no code comes with it, nothing is downloaded,
    weights are read from safetensors alone. The digest of both files is in the checkpoint, so that a run does not go on
    with others.

    Args:
        spec: Input shape, task and number of outputs.
        optimizer: Makes the optimizer from groups of parameters.
        model: The ``config.json`` of a model, or the folder that holds it.
        scheduler: Makes the learning-rate scheduler from the optimizer.
        scheduler_monitor: Value that the scheduler watches.
        likelihood: ``mean`` or ``gaussian``, for regression.
        weights: A safetensors file with the weights of the backbone, or of a model around it; ``None`` for random ones.
        pooling: ``mean``, ``first`` or ``pooler``; ``None`` for the mean of tokens, and for ``pooler`` of images.
        dropout: Probability before the head, in ``[0, 1)``.
        frozen: Whether the backbone stays as it is, in evaluation mode, and the head alone is trained.
        backbone_rate: Learning rate of the backbone, as a share of the head's.
        layer_decay: Factor on the learning rate for each block that is further from the head (Clark et al. 2020,
            "ELECTRA", appendix), in ``[0, 1]``.
        lora_rank: Rank of low-rank adapters of all linear layers of the backbone, which are trained in its place (Hu et
            al. 2022, "LoRA", with ``alpha`` twice the rank, by peft); ``None`` for none.
        lora_dropout: Probability before them, in ``[0, 1)``.

    Raises:
        ConfigError: With every problem at once; also where transformers or peft are not installed, or files do not fit.
    """

    embedding_layer = "body.head"
    body: _Pooled

    def __init__(
        self,
        spec: TaskSpec,
        optimizer: OptimizerFactory,
        model: str,
        scheduler: SchedulerFactory | None = None,
        scheduler_monitor: str | None = None,
        likelihood: str = "gaussian",
        weights: str | None = None,
        pooling: str | None = None,
        dropout: float = 0.1,
        frozen: bool = False,
        backbone_rate: float = 1.0,
        layer_decay: float = 1.0,
        lora_rank: int | None = None,
        lora_dropout: float = 0.0,
    ) -> None:
        file, stored = config_path(model), weights_path(weights)
        problems = chain(
            _problems(pooling, frozen, lora_rank),
            *(one for one in (file, stored) if isinstance(one, list)),
            dropout_problems("learner.dropout", dropout),
            dropout_problems("learner.lora_dropout", lora_dropout),
            number_problems("learner.backbone_rate", backbone_rate, "learner.backbone_rate=0.1"),
            share_problems("learner.layer_decay", layer_decay, "0.9"),
        )
        super().__init__(spec, optimizer, scheduler, scheduler_monitor, likelihood, problems)
        assert isinstance(file, Path)  # noqa: S101 - whatever else it may be is a problem
        backbone, width, padding = built_backbone(file)
        if isinstance(stored, Path):
            load_backbone(backbone, stored)
        if lora_rank is not None:
            backbone = adapted(backbone, lora_rank, lora_dropout)
        images = len(spec.input_shape) == 3
        chosen = pooling or ("pooler" if images else "mean")
        head = nn.Linear(width, self.num_raw_outputs)
        self.body = _Pooled(backbone, head, nn.Dropout(dropout), chosen, None if images else padding, frozen)
        self._rates = (backbone_rate, layer_decay)
        files = [file, *([stored] if isinstance(stored, Path) else [])]
        self._origin = hashlib.sha256(b"".join(hashlib.sha256(one.read_bytes()).digest() for one in files)).digest()

    def configure_optimizers(self) -> Any:
        """Return the optimizer of head and backbone, each group with its own rate; with its scheduler, if any."""
        make = self._make_optimizer
        with_rates = learning_rates(self.body.backbone, self.body.head, *self._rates)

        def grouped(_: Any) -> torch.optim.Optimizer:
            optimizer = make(with_rates)  # type: ignore[arg-type]
            for group in optimizer.param_groups:
                group["lr"] *= group["share_of_rate"]
            return optimizer

        self._make_optimizer = grouped
        try:
            return super().configure_optimizers()
        finally:
            self._make_optimizer = make

    def get_extra_state(self) -> Tensor:
        """Return the digest of config and weights, ``[32]`` bytes."""
        return torch.frombuffer(bytearray(self._origin), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Refuse the state of a learner from other files."""
        if bytes(state.cpu().tolist()) != self._origin:
            raise StrategyError("learner.model or learner.weights are other files than those that the run began with")


class _Pooled(nn.Module):
    """Backbone, pooling and head."""

    def __init__(
        self, backbone: nn.Module, head: nn.Linear, dropout: nn.Module, pooling: str, padding: int | None, frozen: bool
    ) -> None:
        super().__init__()
        self.backbone, self.dropout, self.head = backbone, dropout, head
        self.pooling, self.padding, self.frozen = pooling, padding, frozen
        if frozen:
            backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> _Pooled:
        """Set the mode; a frozen backbone stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self

    def forward(self, inputs: Any) -> Tensor:
        """Return the head's outputs ``[B, C]``."""
        outputs: Tensor = self.head(self.dropout(self._features(inputs)))
        return outputs

    def _features(self, inputs: Any) -> Tensor:
        if self.padding is None:
            found, mask = self.backbone(pixel_values=inputs), None
        else:
            tokens, mask = _tokens(inputs, self.padding)
            found = self.backbone(input_ids=tokens, attention_mask=mask)
        if self.pooling == "pooler" and found.get("pooler_output") is not None:
            pooled: Tensor = found["pooler_output"].flatten(1)
            return pooled
        hidden: Tensor = found["last_hidden_state"]
        if hidden.ndim == 4:
            return hidden.mean(dim=(2, 3))
        if self.pooling == "first":
            return hidden[:, 0]
        if mask is None:
            return hidden.mean(dim=1)
        share = mask.to(hidden) / mask.sum(dim=1, keepdim=True).clamp_min(1)
        return (hidden * share.unsqueeze(2)).sum(dim=1)


def _tokens(inputs: Any, padding: int) -> tuple[Tensor, Tensor]:
    """Return token numbers ``[B, L]`` ``int64`` and which of them count; of a row of padding alone, the first."""
    if isinstance(inputs, Mapping):
        tokens = inputs["input_ids"].long()
        mask = inputs.get("attention_mask", tokens != padding).long()
    else:
        tokens = inputs.flatten(1).round().long()
        mask = (tokens != padding).long()
    first = torch.zeros_like(mask)
    first[:, 0] = 1
    return tokens, torch.where(mask.any(dim=1, keepdim=True), mask, first)


def _problems(pooling: str | None, frozen: bool, lora_rank: int | None) -> Iterator[Problem]:
    if pooling is not None:
        yield from choice_problems("learner.pooling", pooling, POOLING, otherwise=", or null")
    if lora_rank is not None:
        yield from count_problems("learner.lora_rank", lora_rank, "learner.lora_rank=8, or null")
        if frozen:
            yield Problem(
                "adapters of a frozen backbone would not be trained", "learner.frozen", "learner.frozen=false"
            )
