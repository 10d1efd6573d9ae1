"""Uses of private names of torch and Lightning: all there are, each with the version that it was checked against.

Where a new release changes one, this file changes and no other. Hydra's and OmegaConf's are in ``alrun.config.compat``;
what ``alrun.core.lean_imports`` stands in for is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from alrun.core.lending import lent

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "can_log",
    "count_hooks",
    "end_workers",
    "give_fabric",
    "is_dropout",
    "is_lightning",
    "is_unwritten",
    "is_vmapped",
    "logged_steps",
    "mutates",
    "operations_seen",
    "optimized_by_trainer",
    "other_attributes",
    "set_logged_steps",
    "tensor_tables",
    "trainer_lent",
    "trainer_of",
    "tree_flatten",
    "tree_leaves",
    "tree_map",
    "tree_unflatten",
    "unsafe_view",
]


def is_unwritten(method: Any) -> bool:
    """Return whether ``method`` is the ``forward`` of a module that defines none (Lightning 2.6.6)."""
    name, module = getattr(method, "__name__", ""), getattr(method, "__module__", None) or ""
    return name == "_forward_unimplemented" or (name == "forward" and module.endswith(".core.module"))


def is_lightning(module: Any) -> bool:
    """Return whether ``module`` is a LightningModule, of ``lightning`` or ``pytorch_lightning`` (Lightning 2.6.6)."""
    return hasattr(module, "_fabric_optimizers")


def give_fabric(module: Any, fabric: Any, optimizers: list[Any]) -> None:
    """Let a LightningModule find ``fabric`` as its Fabric and its Trainer, and ``optimizers`` (Lightning 2.6.6)."""
    module.fabric, module._fabric_optimizers, module._trainer = fabric, optimizers, fabric


def can_log(module: Any) -> bool:
    """Return whether a LightningModule has a Trainer or a Fabric, to which it may log (Lightning 2.6.6)."""
    return module._trainer is not None or module._fabric is not None


def trainer_of(module: Any) -> Any:
    """Return the Trainer of a LightningModule; ``None`` where it has none yet (Lightning 2.6.6)."""
    return module._trainer


def trainer_lent(module: Any, trainer: Any) -> AbstractContextManager[None]:
    """Let a LightningModule see ``trainer`` for a while; any other module sees none (Lightning 2.6.6)."""
    return lent(module, _trainer=trainer) if is_lightning(module) else nullcontext()


def optimized_by_trainer() -> dict[str, Any]:
    """Return the attributes that have a Trainer optimize a LightningModule, to be lent (Lightning 2.6.6)."""
    return {"_automatic_optimization": True}


def logged_steps(trainer: Any) -> int:
    """Return the steps that loggers of ``trainer`` count (Lightning 2.6.6)."""
    steps: int = trainer.fit_loop.epoch_loop._batches_that_stepped
    return steps


def set_logged_steps(trainer: Any, steps: int) -> None:
    """Have the loggers of ``trainer`` go on at ``steps`` (Lightning 2.6.6)."""
    trainer.fit_loop.epoch_loop._batches_that_stepped = steps


def is_dropout(module: nn.Module) -> bool:
    """Return whether ``module`` is a dropout layer of any kind (torch 2.13.0)."""
    from torch.nn.modules.dropout import _DropoutNd

    return isinstance(module, _DropoutNd)


def count_hooks(module: nn.Module) -> int:
    """Return how many hooks of the forward and backward pass ``module`` itself has (torch 2.13.0)."""
    return len(module._forward_hooks) + len(module._forward_pre_hooks) + len(module._backward_hooks)


def tensor_tables(module: nn.Module) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return where ``module`` itself keeps its parameters and its buffers, by name, to be written to (torch 2.13.0)."""
    return module._parameters, module._buffers


def other_attributes(module: nn.Module) -> dict[str, Any]:
    """Return the attributes of ``module`` that hold no parameters, buffers and submodules (torch 2.13.0)."""
    tables = ("_parameters", "_buffers", "_modules")
    return {name: value for name, value in vars(module).items() if name not in tables}


def is_vmapped(tensor: Tensor) -> bool:
    """Return whether ``tensor`` belongs to a transform of ``torch.func``, ``vmap`` or ``grad`` (torch 2.13.0)."""
    import torch

    return bool(torch._C._functorch.is_functorch_wrapped_tensor(tensor))


def tree_map(function: Callable[..., Any], *trees: Any) -> Any:
    """Return nested containers like ``trees``, with what ``function`` makes of their leaves (torch 2.13.0)."""
    from torch.utils import _pytree

    return _pytree.tree_map(function, *trees)


def tree_leaves(tree: Any) -> list[Any]:
    """Return the leaves of nested containers (torch 2.13.0)."""
    from torch.utils import _pytree

    return _pytree.tree_leaves(tree)


def tree_flatten(tree: Any) -> tuple[list[Any], Any]:
    """Return the leaves of nested containers, and the structure without them (torch 2.13.0)."""
    from torch.utils import _pytree

    return _pytree.tree_flatten(tree)


def tree_unflatten(leaves: Any, structure: Any) -> Any:
    """Return nested containers of ``leaves`` and the ``structure`` that ``tree_flatten`` gave (torch 2.13.0)."""
    from torch.utils import _pytree

    return _pytree.tree_unflatten(leaves, structure)


def unsafe_view() -> Any:
    """Return the operator that views a temporary tensor in another shape (torch 2.13.0)."""
    import torch

    return torch.ops.aten._unsafe_view.default


def mutates(operator: Any) -> bool:
    """Return whether a torch ``operator`` may write to its arguments, or is none that says so (torch 2.13.0)."""
    return bool(getattr(getattr(operator, "_schema", None), "is_mutable", True))


def end_workers(loader: Any) -> None:
    """End the worker processes that a ``DataLoader`` keeps, if there are any (torch 2.13.0)."""
    iterator = getattr(loader, "_iterator", None)
    if iterator is not None:
        iterator._shutdown_workers()


@contextmanager
def operations_seen(look: Callable[[Any], None]) -> Iterator[None]:
    """Show ``look`` what each of torch's operations returns, those inside of others too (torch 2.13.0)."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Seen(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = func(*args, **(kwargs or {}))
            look(result)
            return result

    with Seen():  # type: ignore[no-untyped-call]
        yield
