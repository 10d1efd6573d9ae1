"""Features of a frozen model in the place of inputs, computed once for the same data and weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from alrun.core.algorithms import number_of
from alrun.core.arguments import count_problems, raise_any
from alrun.core.batches import move
from alrun.core.embedding import captured, embedding_layer
from alrun.core.errors import StrategyError
from alrun.core.evaluation import by_itself
from alrun.core.protocols.cache import ArrayCache
from alrun.core.protocols.pool import Source
from alrun.core.suggest import nearest
from alrun.core.types import Split
from alrun.pool.view import Change
from alrun.transform.base import Transform

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Embed"]


class Embed(Transform):
    """Gives, in place of a row's inputs, what the embedding layer of a model gets: by default its last linear one.

    The features ``[N, d]`` ``float32`` of all rows are computed once and kept in the cache, under a digest of data and
    weights; there they stay, memory-mapped. Rows, labels, names and split are those of the data. The features are also
    what rows are compared by. Data of any type become rows of numbers.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        weights: str | None = None,
        normalize: bool = False,
        standardize: bool = False,
        batch_size: int = 256,
        seed: int | None = None,
        array_cache: ArrayCache | None = None,
    ) -> None:
        """Load the weights.

        Args:
            model: A learner for the data as they are; it is not trained.
            weights: A ``.safetensors`` file with its weights; ``None`` for those that it begins with.
            normalize: Whether each vector is divided by its Euclidean norm as it is read.
            standardize: Whether the learner standardizes all columns.
            batch_size: Rows that go through the model at once.
            seed: Has no effect here: the seed of the experiment draws weights that are not given.
            array_cache: Where features are kept; ``None`` for memory.

        Raises:
            DataError: The weights are missing, or not those of the model.
        """
        super().__init__(seed)
        raise_any(count_problems("transform.embed.batch_size", batch_size, "transform.embed.batch_size=256"))
        self.model, self.normalize, self.standardize = model, normalize, standardize
        self.batch_size, self._cache = batch_size, array_cache
        if weights is not None:
            self._load(Path(weights).expanduser())

    def change(self, source: Source, split: Split, key: int) -> Change:
        """Compute the features, or take them from the cache."""
        try:
            first = self._features(source, torch.arange(min(self.batch_size, len(source))))
        except (StrategyError, RuntimeError, TypeError, ValueError) as error:
            raise self.problem(f"{type(self.model).__name__} cannot take the data: {error}", "model") from error
        shape = (len(source), first.shape[1])
        compute = partial(self._blocks, source)
        if self._cache is None:
            vectors: npt.NDArray[Any] = np.concatenate(list(compute()))
        else:
            vectors = self._cache.array(self._digest(source), shape, "<f4", compute)
        self._refuse_bad(vectors)
        columns = tuple(range(shape[1])) if self.standardize else ()
        spec = replace(source.spec, input_shape=shape[1:], standardize=columns, input_origin=())
        note = f"embed: {shape[1]} features of {type(self.model).__name__} in place of the inputs"
        return Change(split, note, spec=spec, vectors=vectors, disturb=_normalized if self.normalize else None)

    def _blocks(self, source: Source) -> Iterator[npt.NDArray[np.float32]]:
        for rows in torch.arange(len(source)).split(self.batch_size):
            yield self._features(source, rows)

    def _features(self, source: Source, rows: Tensor) -> npt.NDArray[np.float32]:
        """Return the features ``[n, d]`` of ``rows``."""
        place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        layer = embedding_layer(self.model)
        with by_itself(self.model.to(place)), captured(layer) as seen:
            self.model(move(source.inputs(rows), place))
        if not seen:
            raise StrategyError(f"its answers do not use its embedding layer, a {type(layer).__name__}")
        found: npt.NDArray[np.float32] = seen[-1].detach().flatten(1).float().cpu().numpy()
        return found

    def _digest(self, source: Source) -> str:
        """Return the SHA-256 of all that the features are a function of."""
        algorithm = number_of(type(self), type(self.model))
        digest = hashlib.sha256(f"features {algorithm} {source.fingerprint()} {self.model!r}".encode())
        for name, tensor in sorted(self.model.state_dict().items()):
            value = tensor.detach().cpu().contiguous()
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b"")
        return digest.hexdigest()

    def _refuse_bad(self, vectors: npt.NDArray[Any]) -> None:
        for start in range(0, len(vectors), 4096):
            block = vectors[start : start + 4096]
            bad = ~np.isfinite(block).all(axis=1) | (self.normalize & ~block.any(axis=1))
            if bad.any():
                what = f"the features of row {start + int(bad.argmax())} are not finite, or all 0"
                raise self.problem(what, "normalize" if self.normalize else "model")

    def _load(self, file: Path) -> None:
        from safetensors.torch import load_file

        if not file.is_file():
            near = nearest(file.name, [one.name for one in file.parent.glob("*.safetensors")], 1)
            hint = str(file.parent / near[0]) if near else "FILE.safetensors"
            raise self.problem(f"there is no file {str(file)!r}", "weights", hint)
        try:
            wrong = self.model.load_state_dict(load_file(str(file)), strict=False)
        except Exception as error:
            raise self.problem(f"{file} cannot be loaded: {error}", "weights", "null") from error
        lacking = [*wrong.missing_keys, *wrong.unexpected_keys]
        if lacking:
            what = f"{file} holds other weights than {type(self.model).__name__} has: {', '.join(lacking[:4])}"
            raise self.problem(what, "weights", "null")


def _normalized(_: Tensor, vectors: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vectors)
