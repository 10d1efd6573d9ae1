"""The one streamed pass over a pool: predictions chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from alrun.core.batches import move
from alrun.core.errors import StrategyError
from alrun.core.evaluation import by_itself
from alrun.core.types import Prediction
from alrun.driver.stream import BatchStream

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
            embeddings: Also give the input of the embedding layer, ``[B, d]``, from a deterministic pass.
        """
        total = len(pool)
        seeds = self._seeds()
        rows = pool.indices
        with ExitStack() as stack:
            self._learner.to(self._device)
            # Masks of a stochastic inference belong to the step: query and metrology see the same posterior samples.
            forward = stack.enter_context(self._inference.prepared(self._learner, seeds.at(seeds.step)))
            chunks = _Chunks(total, self._batch_size)
            stream = BatchStream(lambda positions, _: pool.inputs(positions), getattr(pool, "workers", 0))
            stack.callback(stream.close)
            for positions, batch in zip(chunks, stream(chunks), strict=True):
                inputs = move(batch, self._device)
                outputs = forward(inputs).cpu()
                features = self._embed(inputs) if embeddings else None
                yield Prediction(rows[positions], outputs, self._inference.stochastic, features)
                self._progress(int(positions[-1]) + 1, total)

    def _embed(self, inputs: Any) -> Tensor:
        """Return the input of the embedding layer in a pass of its own: a stochastic pass has many."""
        captured: list[Tensor] = []
        layer = embedding_layer(self._learner)
        handle = layer.register_forward_pre_hook(lambda _, arguments: captured.append(arguments[0]))
        try:
            with by_itself(self._learner):
                self._learner(inputs)
        finally:
            handle.remove()
        return captured[-1].flatten(1).cpu()


class _Chunks:
    """The positions ``0 … total-1`` in chunks ``[n]`` ``int64``, each made when it is asked for."""

    def __init__(self, total: int, size: int) -> None:
        """Cut ``total`` positions into chunks of ``size``."""
        self._total, self._size = total, size

    def __iter__(self) -> Iterator[Tensor]:
        import torch

        starts = range(0, self._total, self._size)
        return (torch.arange(start, min(start + self._size, self._total)) for start in starts)


def embedding_layer(learner: Any) -> nn.Module:
    """Return the module whose input is the embedding: ``learner.embedding_layer``, by default the last linear layer.

    Raises:
        StrategyError: The learner names none and has no linear layer.
    """
    from torch import nn

    name = getattr(learner, "embedding_layer", None)
    if isinstance(name, str):
        return learner.get_submodule(name)  # type: ignore[no-any-return]
    linear = [module for module in learner.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise StrategyError(
            f"{type(learner).__name__} has no linear layer to take embeddings from\n"
            "    → give it an attribute embedding_layer with the name of a submodule"
        )
    return linear[-1]
