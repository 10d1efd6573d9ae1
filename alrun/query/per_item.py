"""Scores of items from the scores of their elements: the labels, pixels or tokens of which a row has several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from torch import Tensor

from alrun.core.arguments import choice_problems
from alrun.core.errors import Problem

__all__ = ["REDUCTIONS", "per_item", "reduction_problems"]

#: What a reduction is called, from scores of elements ``[B, E]`` to ``[B]``.
REDUCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "mean": lambda scores: scores.mean(dim=1),
        "max": lambda scores: scores.amax(dim=1),
        "sum": lambda scores: scores.sum(dim=1),
    }
)


def per_item(scores: Tensor, reduce: str | int = "mean", counted: Tensor | None = None) -> Tensor:
    """Return one score for each item, ``[B]``, of the scores of its elements ``[B, E]``; NaN stays NaN.

    Of a single element each reduction gives its score.

    Args:
        scores: Scores of the elements.
        reduce: ``mean``, ``max``, ``sum``, or a number ``k``: the mean of the ``k`` highest, or of all where there are
            fewer.
        counted: Which elements count, ``[B, E]`` ``bool``: those of an item that are only padding do not. ``None`` for
            all. An item of which none counts has score 0.
    """
    if counted is not None:
        return _of_counted(scores, reduce, counted)
    if isinstance(reduce, str):
        return REDUCTIONS[reduce](scores)
    return scores.topk(min(reduce, scores.shape[1]), dim=1).values.mean(dim=1)


def _of_counted(scores: Tensor, reduce: str | int, counted: Tensor) -> Tensor:
    sizes = counted.sum(dim=1)
    if reduce in ("mean", "sum"):
        total = scores.where(counted, 0).sum(dim=1)
        return total if reduce == "sum" else total / sizes.clamp_min(1)
    most = 1 if reduce == "max" else min(int(reduce), scores.shape[1])
    highest = scores.where(counted, -float("inf")).topk(most, dim=1).values
    total = highest.where(highest > -float("inf"), 0).sum(dim=1)
    return total / sizes.clamp(min=1, max=most)


def reduction_problems(key: str, reduce: object) -> Iterator[Problem]:
    """Yield a problem unless ``reduce``, the value of the config key ``key``, is a reduction or ``None``."""
    if isinstance(reduce, bool) or (isinstance(reduce, int) and reduce < 1):
        yield Problem(f"{reduce!r} is not a number of elements", key, f"{key}=10, {key}=mean, {key}=max or {key}=sum")
    elif reduce is not None and not isinstance(reduce, int):
        yield from choice_problems(key, reduce, REDUCTIONS, otherwise=", or a number of the highest")
