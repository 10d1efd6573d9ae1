"""Candidates from the pools of an experiment, in one streamed pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.core.protocols.driver import StrategyHost
from alrun.core.types import Prediction
from alrun.pool.foreign import gives_batches, unknown_rows
from alrun.pool.subset import Subset
from alrun.query.candidates import Candidates, Chunk, FeatureKind

__all__ = ["gather"]


@dataclass
class _Store:
    """Matrices that fill up chunk by chunk; made when the first chunk tells how wide they are."""

    size: int
    device: torch.device
    parts: list[Tensor] = field(default_factory=list)
    outputs: Tensor | None = None

    def put(self, places: Tensor, parts: tuple[Tensor, ...], outputs: Tensor | None, stochastic: bool) -> None:
        places = places.to(self.device)
        if not self.parts:
            self.parts = [torch.empty(self.size, *part.shape[1:], device=self.device) for part in parts]
        for store, part in zip(self.parts, parts, strict=True):
            store[places] = part.to(store)
        if outputs is None:
            return
        axis = int(stochastic)
        if self.outputs is None:
            shape = [*outputs.shape[:axis], self.size, *outputs.shape[axis + 1 :]]
            self.outputs = torch.empty(shape, device=self.device)
        self.outputs.index_copy_(axis, places, outputs.to(self.outputs))


def gather(
    driver: StrategyHost,
    queued: Tensor,
    kind: FeatureKind | None,
    *,
    outputs: bool = False,
    labeled: bool = False,
    unknown: bool = False,
) -> Candidates:
    """Gather what is known of the unlabeled pool, in one pass over it (and one over each other pool).

    Args:
        driver: The experiment.
        queued: Source rows ``[Q]`` that are chosen already.
        kind: What the rows are compared by, or ``None``.
        outputs: Whether to keep what the learner predicts.
        labeled: Whether to gather the labeled rows too, and keep those that are queued.
        unknown: Whether to gather the rows, too, that were bought and are of no class.

    Raises:
        StrategyError: An output or a feature is not finite, or the labeled rows cannot be read back.
    """
    pool, training = driver.unlabeled_pool, driver.training_pool
    places, rows, size = _places(pool.indices, queued, len(training) if labeled else 0, labeled)
    strangers = unknown_rows(training) if unknown else queued[:0]
    store, stochastic = _Store(size + len(strangers), driver.device), False
    pools = [(pool, places), *_labeled(training, len(rows), labeled)]
    if len(strangers):
        pools.append((Subset(pool.source, strangers), torch.arange(size, size + len(strangers))))
    for chunk, at in _chunks(driver, pools, kind, outputs):
        keep = at >= 0
        parts = kind.parts(chunk) if kind else ()
        predicted = chunk.prediction.outputs if outputs and chunk.prediction else None
        _refuse_infinite(parts, chunk)
        stochastic = bool(chunk.prediction and chunk.prediction.stochastic)
        if not bool(keep.all()):
            parts = tuple(part[keep.to(part.device)] for part in parts)
            predicted = None if predicted is None else predicted.index_select(int(stochastic), keep.nonzero()[:, 0])
        store.put(at[keep], parts, predicted, stochastic)
    known = torch.arange(len(rows), len(rows) + len(training)) if labeled else torch.empty(0, dtype=torch.int64)
    return Candidates(
        rows=rows,
        labeled=known,
        pending=torch.arange(len(rows) + len(known), size),
        unknown=torch.arange(size, size + len(strangers)),
        targets=training.targets(torch.arange(len(training))) if labeled and gives_batches(training) else None,
        outputs=store.outputs,
        features=kind.assembled(tuple(store.parts), known) if kind and store.parts else None,
        stochastic=stochastic,
    )


def _places(indices: Tensor, queued: Tensor, num_labeled: int, keep: bool) -> tuple[Tensor, Tensor, int]:
    """Return where each row of the pool goes (-1: nowhere), the candidates' rows, and how many places there are."""
    taken = torch.isin(indices, queued)
    rows, order = indices[~taken].sort()
    places = torch.full_like(indices, -1)
    free = (~taken).nonzero()[:, 0]
    places[free[order]] = torch.arange(len(rows))
    size = len(rows) + num_labeled
    if keep:
        places[taken] = size + indices[taken].argsort().argsort()
        size += int(taken.sum())
    return places, rows, size


def _labeled(training: Any, first: int, wanted: bool) -> list[tuple[Any, Tensor]]:
    """Return the training pool and the places of its rows, from ``first`` on, where it is ``wanted`` and has some."""
    if not wanted or len(training) == 0:
        return []
    if not gives_batches(training):
        raise StrategyError("the training pool cannot return its inputs in batches, which this strategy needs")
    return [(training, torch.arange(first, first + len(training)))]


def _chunks(
    driver: StrategyHost, pools: Sequence[tuple[Any, Tensor]], kind: FeatureKind | None, outputs: bool
) -> Iterator[tuple[Chunk, Tensor]]:
    """Yield the chunks of ``pools``, one pool after the other, each with the places of its rows."""
    with_model = outputs or (kind is not None and kind.needs_model)
    for pool, goals in pools:
        done = 0
        for prediction in _predictions(driver, pool, kind) if with_model else _unpredicted(len(pool)):
            count = prediction if isinstance(prediction, int) else len(prediction.indices)
            positions = torch.arange(done, done + count)
            done += count
            yield Chunk(driver, pool, positions, None if isinstance(prediction, int) else prediction), goals[positions]


def _predictions(driver: StrategyHost, pool: Any, kind: FeatureKind | None) -> Any:
    return (
        _finite(prediction) for prediction in driver.predictor(pool, embeddings=kind is not None and kind.needs_model)
    )


def _unpredicted(total: int, size: int = 4096) -> Any:
    return (min(size, total - start) for start in range(0, total, size))


def _finite(prediction: Prediction) -> Prediction:
    rows = prediction.outputs.movedim(1, 0) if prediction.stochastic else prediction.outputs
    good = rows.flatten(1).isfinite().all(dim=1)
    if not bool(good.all()):
        row = int(prediction.indices[(~good).nonzero()[0, 0]])
        raise StrategyError(f"the prediction of the learner for row {row} is not finite")
    return prediction


def _refuse_infinite(parts: tuple[Tensor, ...], chunk: Chunk) -> None:
    for part in parts:
        good = part.flatten(1).isfinite().all(dim=1)
        if not bool(good.all()):
            row = int(chunk.pool.indices[chunk.positions[(~good.cpu()).nonzero()[0, 0]]])
            raise StrategyError(f"the features of row {row} are not finite; check the data and the learner")
