"""Embedding layer of a learner, and capture of a layer's inputs during a forward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from alrun.core.errors import StrategyError
from alrun.core.learners import representative

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["captured", "embedding_layer", "has_embeddings"]


def embedding_layer(learner: Any) -> nn.Module:
    """Return the module whose input is the embedding: ``learner.embedding_layer``, by default the last linear layer.

    A learner made of several names one of them as ``representative``, and that one is asked.

    Raises:
        StrategyError: The learner names none that it has, and has no linear layer.
    """
    from torch import nn

    learner = representative(learner)
    name = getattr(learner, "embedding_layer", None)
    if isinstance(name, str):
        try:
            return learner.get_submodule(name)  # type: ignore[no-any-return]
        except AttributeError as error:
            raise StrategyError(f"{type(learner).__name__}.embedding_layer: {error}") from error
    linear = [module for module in learner.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise StrategyError(
            f"{type(learner).__name__} has no linear layer to take embeddings from\n"
            "    → set its attribute embedding_layer to the name of a submodule"
        )
    return linear[-1]


def has_embeddings(learner: Any) -> bool:
    """Return whether ``learner`` has a layer whose input is the embedding, or names one."""
    try:
        embedding_layer(learner)
    except StrategyError:
        return isinstance(getattr(representative(learner), "embedding_layer", None), str)
    return True


@contextmanager
def captured(layer: nn.Module) -> Iterator[list[Tensor]]:
    """Yield a list that grows by the first input of ``layer`` at each of its calls."""
    seen: list[Tensor] = []

    def note(_: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        seen.append(arguments[0] if arguments else next(iter(keywords.values())))

    handle = layer.register_forward_pre_hook(note, with_kwargs=True)
    try:
        yield seen
    finally:
        handle.remove()
