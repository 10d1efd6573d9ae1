"""Checks of a built learner: its methods, its state and its optimizer, each before a label is paid for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from inspect import signature
from typing import Any

from alrun.core.compat import is_unwritten, trainer_lent
from alrun.core.errors import Problem
from alrun.core.fake_trainer import PlannedTrainer
from alrun.core.generators import generators_kept
from alrun.core.learners import (
    OPTIONAL,
    custom_method,
    fit_at_once_of,
    optimizes_itself,
    optional_method,
    representative,
)
from alrun.core.optimizers import parsed
from alrun.driver.settings import Components
from alrun.pool.foreign import gives_batches

__all__ = ["learner_problems"]

#: Methods of ``torch.nn.Module`` that training calls beside those of any learner.
OF_MODULES = ("__call__", "children", "zero_grad")
SGD = "'training.optimizer={_target_: torch.optim.SGD, _partial_: true, lr: 0.01}'"


def learner_problems(components: Components) -> Iterator[Problem]:
    """Yield why the learner cannot predict, be trained or be saved."""
    learner = components.learner
    unusable = list(_method_problems(learner)) or list(_answer_problems(learner))
    yield from unusable
    if not unusable:
        yield from _state_problems(learner)
        yield from _training_problems(components)


def _method_problems(learner: Any) -> Iterator[Problem]:
    """Yield methods of the learner that are something else."""
    for name in (*OPTIONAL, *OF_MODULES):
        value = getattr(learner, name, None)
        is_left_out = value is None and (name in OPTIONAL or not hasattr(learner, name))
        if not callable(value) and not is_left_out:
            what = f"{_name(learner)}.{name} is {str(value)[:60]}, not a method"
            yield Problem(what, "learner", f"make {name} a method, or do not set it")


def _answer_problems(learner: Any) -> Iterator[Problem]:
    """Yield that the learner cannot be given a batch of inputs."""
    name, answer = _name(learner), "inference_step" if optional_method(learner, "inference_step") else "forward"
    method = getattr(learner, answer, learner)
    if not callable(method) or is_unwritten(method):
        yield Problem(f"{name} has no {answer}()", "learner", "write forward(self, inputs), which returns the outputs")
        return
    try:
        signature(method).bind(None)
    except TypeError as error:
        what = f"{name}.{answer}() cannot be called with a batch of inputs alone: {error}"
        yield Problem(what, "learner", "write inference_step(self, inputs), which returns the outputs")
    except ValueError:
        return


def _state_problems(learner: Any) -> Iterator[Problem]:
    """Yield why the weights cannot be saved and restored, by doing so once."""
    import torch

    name = _name(learner)
    try:
        state = learner.state_dict()
    except Exception as error:  # whatever a learner's own method does
        yield Problem(f"{name}.state_dict() failed: {_said(error)}", "learner", "return the weights, by name")
        return
    if not isinstance(state, Mapping):
        what = f"{name}.state_dict() returns {type(state).__name__}, not a mapping of tensors"
        yield Problem(what, "learner", "return the weights, by name")
        return
    for key, value in state.items():
        if not isinstance(value, torch.Tensor):
            what = f"{key!r} in {name}.state_dict() is {type(value).__name__}, not a tensor"
            yield Problem(what, "learner", "return a tensor from get_extra_state(), of bytes if necessary")
            return
        if torch.nn.parameter.is_lazy(value):
            what = f"the size of {key!r} in {name}.state_dict() is not known before the first batch"
            yield Problem(what, "learner", "give the size, e.g. torch.nn.Linear in place of torch.nn.LazyLinear")
            return
    try:
        with generators_kept():
            learner.load_state_dict(state)
    except Exception as error:  # as above
        what = f"{name}.load_state_dict() does not take what state_dict() returned: {_said(error)}"
        yield Problem(what, "learner", "restore what state_dict() returns, all of it")


def _training_problems(components: Components) -> Iterator[Problem]:
    """Yield what training lacks."""
    learner, settings = representative(components.learner), components.training
    if fit_at_once_of(components.learner) is not None:
        yield from _fit_at_once_problems(components)
        return
    if settings.optimizer is None and _configures_none(learner):
        yield Problem(f"{_name(learner)} has no configure_optimizers", "training.optimizer", SGD)
    else:
        yield from _optimizer_problems(components)
    call = type(settings.loop).__call__
    steps = str(getattr(call, "__module__", "")).startswith("alrun.")
    if steps and settings.train_step_fn is None and custom_method(learner, "training_step") is None:
        hint = "'training.train_step_fn={_target_: my_pkg.train_step, _partial_: true}'"
        yield Problem(f"{_name(learner)} has no training_step", "training.train_step_fn", hint)


def _configures_none(learner: Any) -> bool:
    if optimizes_itself(learner):
        return optional_method(learner, "configure_optimizers") is None
    return custom_method(learner, "configure_optimizers") is None


def _optimizer_problems(components: Components) -> Iterator[Problem]:
    """Yield why the optimizer of the learner cannot be made, by making one."""
    from torch.optim import Optimizer

    learner, training = components.learner, components.training
    own = training.optimizer
    where, maker = "learner", f"{_name(learner)}.configure_optimizers()"
    if own is not None:
        where, maker = "training.optimizer", "it"
    planned = PlannedTrainer(training.max_epochs, training.max_train_steps, 1)
    try:
        with generators_kept(), trainer_lent(learner, planned):
            made = learner.configure_optimizers() if own is None else own(learner.parameters())
        optimizers, _ = parsed(made)
    except Exception as error:  # whatever a learner's own method does
        yield Problem(f"{maker} failed: {_said(error)}", where, "return an optimizer of the learner's parameters()")
        return
    for one in optimizers:
        if not isinstance(one, Optimizer):
            what = f"{maker} returns {type(one).__name__}, not an optimizer"
            yield Problem(what, where, "return an optimizer of the learner's parameters()")


def _fit_at_once_problems(components: Components) -> Iterator[Problem]:
    """Yield what a learner without epochs and optimizer cannot take."""
    name, pool = _name(components.learner), components.pools.training
    for key in ("optimizer", "train_step_fn"):
        if getattr(components.training, key) is not None:
            yield Problem(f"{name} is fitted to all labels at once", f"training.{key}", f"training.{key}=null")
    if not gives_batches(pool):
        what = f"{name} needs a training pool with inputs and targets, which {_name(pool)} does not give"
        yield Problem(what, "learner", "learner=mlp")


def _said(error: Exception) -> str:
    """Return the kind and the first line of an error."""
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}"


def _name(value: Any) -> str:
    return type(value).__name__
