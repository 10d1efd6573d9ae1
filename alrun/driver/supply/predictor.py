"""Streamed predictor: predictions for a pool, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from alrun.core.batches import move
from alrun.core.embedding import captured, embedding_layer
from alrun.core.errors import StrategyError
from alrun.core.evaluation import by_itself
from alrun.core.learners import representative
from alrun.core.types import Prediction
from alrun.driver.supply.stream import BatchStream
from alrun.pool.foreign import workers_of

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from alrun.core.protocols import InferenceModule, RowPool
    from alrun.core.seeding import Seeds

__all__ = ["StreamedPredictor"]


class StreamedPredictor:
    """Runs a learner through an inference module over the rows of a pool; holds one chunk at a time.

    Inputs are what ``pool.inputs(positions)`` gives, a tensor or any other minibatch; outputs are tensors ``[B, ...]``.
    """

    def __init__(
        self,
        learner: nn.Module,
        inference: InferenceModule,
        *,
        batch_size: int,
        device: torch.device,
        seeds: Callable[[], Seeds],
        progress: Callable[[int, int], None],
    ) -> None:
        """Predict with ``learner``.

        Args:
            learner: The model, whose weights and mode are left as they are found.
            inference: How predictions are made from it.
            batch_size: Rows a chunk.
            device: Where to run; outputs come back to the CPU.
            seeds: Returns the streams of the current step and phase.
            progress: Told rows done and rows in all after each chunk.
        """
        self._learner = learner
        self._inference = inference
        self._batch_size = batch_size
        self._device = device
        self._seeds = seeds
        self._progress = progress

    def __call__(self, pool: RowPool, *, embeddings: bool = False) -> Iterator[Prediction]:
        """Yield predictions for the rows of ``pool``, in pool order.

        Args:
            pool: Rows to predict.
            embeddings: Also give the input of the embedding layer, flattened to ``[B, d]`` (tokens or pixels that the
                layer gets side by side), as it is when the learner answers by itself. No second pass is made where
                the one for the outputs has it: outputs that are not stochastic are those of the learner's own weights,
                and a function that ``inference.prepared`` yields may have ``with_inputs_of(inputs, layer)``, which
                returns outputs and, where they are known, what ``layer`` gets.
        """
        total = len(pool)
        seeds = self._seeds()
        rows = pool.indices
        with ExitStack() as stack:
            self._learner.to(self._device)
            # Masks of a stochastic inference belong to the step: query and metrology see the same posterior samples.
            forward = stack.enter_context(self._inference.prepared(self._learner, seeds.at(seeds.step)))
            chunks = _Chunks(total, self._batch_size)
            stream = BatchStream(lambda positions, _: pool.inputs(positions), workers_of(pool))
            stack.callback(stream.close)
            batches = stream(chunks)
            for positions in chunks:
                # Nothing holds the inputs while the next ones are read, so that these take the same memory.
                outputs, features = self._answer(forward, move(next(batches), self._device), embeddings)
                yield Prediction(rows.index_select(0, positions), outputs, self._inference.stochastic, features)
                self._progress(int(positions[-1]) + 1, total)

    def _answer(self, forward: Callable[[Any], Tensor], inputs: Any, embeddings: bool) -> tuple[Tensor, Tensor | None]:
        """Return outputs and, when asked for, embeddings ``[B, d]``, on the CPU; from one pass where it gives both."""
        if not embeddings:
            return forward(inputs).cpu(), None
        layer = embedding_layer(self._learner)
        both = getattr(forward, "with_inputs_of", None)
        features: Tensor | None = None
        if both is not None:
            outputs, features = both(inputs, layer)
        elif self._inference.stochastic:
            outputs = forward(inputs)
        else:
            with captured(layer) as seen:
                outputs = forward(inputs)
            features = seen[-1] if seen else None
        if features is None:
            features = self._alone(layer, inputs)
        return outputs.cpu(), features.detach().flatten(1).cpu()

    def _alone(self, layer: nn.Module, inputs: Any) -> Tensor:
        """Return what ``layer`` gets in a pass of the learner by itself, or of the one that stands for several."""
        learner = representative(self._learner)
        with by_itself(learner), captured(layer) as seen:
            learner(inputs)
        if not seen:
            raise StrategyError(f"predictions do not use the learner's embedding_layer, a {type(layer).__name__}")
        return seen[-1]


class _Chunks:
    """The positions ``0 … total-1`` in chunks ``[n]`` ``int64``, each made when it is asked for."""

    def __init__(self, total: int, size: int) -> None:
        """Cut ``total`` positions into chunks of ``size``."""
        self._total, self._size = total, size

    def __iter__(self) -> Iterator[Tensor]:
        import torch

        starts = range(0, self._total, self._size)
        return (torch.arange(start, min(start + self._size, self._total)) for start in starts)
