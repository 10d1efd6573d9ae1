"""Monte Carlo dropout: predictions of several sub-networks of one learner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from alrun.core.arguments import count_problems, raise_any
from alrun.core.embedding import captured
from alrun.core.errors import ConfigError, Problem
from alrun.core.evaluation import evaluating
from alrun.core.seeding import Seeds
from alrun.inference.dropout.folding import Folding
from alrun.inference.dropout.masks import DROPOUTS
from alrun.inference.dropout.passes import DropoutPasses
from alrun.inference.evaluation import outputs_of

__all__ = ["MCDropout"]


class MCDropout:
    """``K`` passes with dropout switched on: outputs ``[K, B, ...]``, samples of an approximate posterior.

    Gal and Ghahramani (2016), "Dropout as a Bayesian approximation". Deviation: the masks are consistent. Pass ``k``
    drops the same units for every sample and every batch, so it is one fixed network, its predictions for different
    samples are a joint sample, and they do not depend on how the pool is split into batches. A mask is a function of
    the seeds, the layer's name, which call of the layer in the pass it is, and ``k``; none is kept between uses.

    Seen are ``nn.Dropout``, ``Dropout1d``, ``Dropout2d``, ``Dropout3d``, ``AlphaDropout`` and ``FeatureAlphaDropout``
    modules that get the batch in their first dimension. Dropout as a function (``torch.nn.functional.dropout``, and
    what recurrent and attention layers of torch do inside) cannot be seen and stays off.

    Args:
        num_passes: Number ``K`` of passes.
        prob: Probability of dropping, in ``(0, 1)``, for all layers; ``None`` for each layer's own.

    Raises:
        ConfigError: An argument is out of range.
    """

    stochastic: bool = True

    def __init__(self, num_passes: int = 20, prob: float | None = None) -> None:
        problems = list(count_problems("inference.num_passes", num_passes, "inference.num_passes=20"))
        if prob is not None and (not isinstance(prob, (int, float)) or not 0 < prob < 1):
            what = f"{prob!r} is not a probability in (0, 1)"
            problems.append(Problem(what, "inference.prob", "inference.prob=null for the learner's own"))
        raise_any(problems)
        self.num_passes = num_passes
        self.prob = prob

    def validate(self, learner: nn.Module) -> None:
        """Raise ``ConfigError`` unless ``learner`` has a dropout layer that drops something."""
        self._active(learner)

    @contextmanager
    def prepared(self, learner: nn.Module, seeds: Seeds) -> Iterator[Callable[[Tensor], Tensor]]:
        """Yield a function from inputs ``[B, ...]`` to outputs ``[K, B, ...]``, gradients off.

        Forward hooks see ``B`` rows before the first dropout layer, and as the input of a linear layer into which it is
        folded, without a mask; ``K * B`` rows, pass after pass, after it; or ``K`` calls on ``B`` rows where passes
        cannot be stacked. The first batch is preceded by calls on three rows.

        Raises:
            ConfigError: The learner has no dropout layer, or only such as drop nothing.
            StrategyError: Predicting runs no dropout layer, or one does not get the batch in its first dimension.
        """
        layers = self._active(learner)
        probs = {name: layer.p if self.prob is None else self.prob for name, layer in layers.items()}
        passes = DropoutPasses(dict(layers), probs, self.num_passes, seeds, Folding(learner.modules()))
        with evaluating(learner):
            yield _Answers(passes, outputs_of(learner))

    def _active(self, learner: nn.Module) -> dict[str, Any]:
        found: dict[str, Any] = {name: one for name, one in learner.named_modules() if isinstance(one, DROPOUTS)}
        active = {name: layer for name, layer in found.items() if self.prob is not None or layer.p > 0}
        if not active:
            what = (
                "every dropout layer has probability 0" if found else "MC dropout needs a learner with dropout layers"
            )
            hint = "learner=mlp learner.dropout=0.1, or inference=deterministic"
            raise ConfigError(Problem(what, "learner.dropout", hint))
        return active


class _Answers:
    """What ``prepared`` yields; stands in for layers inside each call alone, so that others may predict meanwhile."""

    def __init__(self, passes: DropoutPasses, step: Callable[[Any], Tensor]) -> None:
        self._passes, self._step = passes, step

    def __call__(self, inputs: Any) -> Tensor:
        with self._passes.installed():
            return self._passes.run(self._step, inputs)

    def with_inputs_of(self, inputs: Any, layer: nn.Module) -> tuple[Tensor, Tensor | None]:
        """Return the outputs, and what ``layer`` gets without dropout, where it comes before the first mask."""
        with self._passes.installed():
            stacks = self._passes.stacks(self._step, inputs)
            with captured(layer) as seen:
                outputs = self._passes.run(self._step, inputs)
        # Behind the first mask a layer gets the rows of all passes. A single pass cannot be told apart.
        plain = stacks and len(outputs) > 1 and sum(len(values) for values in seen) == len(inputs)
        return outputs, torch.cat(seen) if plain else None
