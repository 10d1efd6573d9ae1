"""Everything that can be known of a config before anything is built."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from alrun.config.bound import Node, bind, node_problems
from alrun.config.knobs import KNOBS, TRAINING, knob_problems, value_problems, wrong_knobs
from alrun.config.listeners import on_error_problems
from alrun.config.signatures import argument_problems
from alrun.config.suggest import did_you_mean
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem
from alrun.core.needs import unfit_problems, unmet_problems

__all__ = ["all_problems", "cheap_problems", "checked"]

SINGLE = ("data", "learner", "inference", "cold_start", "label")
SEVERAL = ("query", "metrology", "stopping", "logger", "callbacks")
#: Keys of the training group that are built; the others are in ``TRAINING``.
BUILT = ("train_step_fn", "validate_step_fn", "optimizer")
RESETS = ("scratch", "warm", "shrink_perturb")


def checked(config: Mapping[str, Any], trust: Trust) -> dict[str, Any]:
    """Return ``config`` bound to the objects that it names, which are the ones to build from.

    Raises:
        ConfigError: With everything that is wrong between configs and the classes they name.
    """
    tree, problems = _bound(config, trust)
    if problems:
        raise ConfigError(problems)
    return tree


def all_problems(config: Mapping[str, Any], trust: Trust) -> list[Problem]:
    """Return everything that is wrong; imports the classes that are named, unless one of them is not trusted."""
    problems = list(cheap_problems(config, trust))
    if any(node_problems(config, trust)):
        return problems
    consequences = tuple(f"{value!r} is not " for value in wrong_knobs(config))
    further = (p for p in _bound(config, trust)[1] if not p.what.startswith(consequences or "\0"))
    return problems + [problem for problem in further if problem not in problems]


def cheap_problems(config: Mapping[str, Any], trust: Trust) -> Iterator[Problem]:
    """Yield what is wrong with knobs, keys and the trust in targets; imports nothing."""
    yield from knob_problems(config)
    valid = {*KNOBS, *SINGLE, *SEVERAL, "training", "checkpoint", "timeout"}
    for key in config:
        if key not in valid:
            yield Problem(f"unknown key '{key}'", "", did_you_mean(key, valid))
    for key in SINGLE:
        if not isinstance(config.get(key), Mapping) or "_target_" not in config[key]:
            yield Problem(f"'{key}' names nothing to build", "", f"choose one: alrun ls {key}")
    for group in SEVERAL:
        yield from _several_problems(group, config.get(group))
    yield from _training_problems(config.get("training"))
    yield from on_error_problems(config)
    yield from node_problems(config, trust)


def _several_problems(group: str, chosen: Any) -> Iterator[Problem]:
    if chosen is None and group != "query":
        return
    if not isinstance(chosen, Mapping) or not chosen:
        yield Problem(f"'{group}' names no strategy", "", f"choose one: alrun ls {group}")
        return
    for name, node in chosen.items():
        if not isinstance(node, Mapping) or "_target_" not in node:
            yield Problem(f"'{group}.{name}' has no _target_", "", f"see: alrun ls {group}")


def _training_problems(training: Any) -> Iterator[Problem]:
    if not isinstance(training, Mapping) or not isinstance(training.get("loop"), Mapping):
        yield Problem("'training' names no loop", "", "choose one: alrun ls training")
        return
    valid = {*TRAINING, *BUILT, "reset", "loop"}
    for key in training:
        if key not in valid:
            yield Problem(f"unknown key 'training.{key}'", "", did_you_mean(str(key), valid, prefix="training."))
    if training.get("reset") not in RESETS:
        hint = did_you_mean(str(training.get("reset")), RESETS, prefix="training.reset=")
        yield Problem(f"{training.get('reset')!r} is not a way to reset", "training.reset", hint)
    yield from value_problems(training, TRAINING, "training.")
    for key in BUILT:
        node = training.get(key)
        if node is not None and not (isinstance(node, Mapping) and "_target_" in node):
            hint = f"++training.{key}={{_target_: my_pkg.{key}, _partial_: true}}"
            yield Problem(f"{node!r} names nothing to build", f"training.{key}", hint)
    yield from _length_problems(training.get("max_epochs"), training.get("max_train_steps"))


def _length_problems(epochs: Any, steps: Any) -> Iterator[Problem]:
    if epochs is not None and steps is not None:
        yield Problem("max_epochs and max_train_steps exclude each other", "training", "training.max_epochs=null")
    elif epochs is None and steps is None:
        what = "neither max_epochs nor max_train_steps is given"
        yield Problem(what, "training", "training.max_epochs=50 or training.max_train_steps=500")


def _bound(config: Mapping[str, Any], trust: Trust) -> tuple[dict[str, Any], list[Problem]]:
    tree, problems = bind(config, trust)
    return tree, [*problems, *argument_problems(tree), *_compatibility_problems(tree)]


def _compatibility_problems(tree: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield strategies that do not go with the data's task or with the inference."""
    task, inference = _task(tree.get("data")), _loaded(tree.get("inference"))
    for group in ("query", "metrology"):
        chosen = tree.get(group)
        nodes = chosen if isinstance(chosen, Mapping) else {}
        classes = {str(name): _loaded(node) for name, node in nodes.items()}
        yield from unfit_problems(classes, task, group)
        if group == "query":
            stochastic = getattr(inference, "stochastic", None)
            yield from unmet_problems(classes, stochastic=stochastic, inference=getattr(inference, "__name__", ""))


def _loaded(node: Any) -> Any:
    return node.target if isinstance(node, Node) else None


def _task(data: Any) -> str | None:
    declared = getattr(data.target, "task", None) or data.arguments.get("task") if isinstance(data, Node) else None
    return str(declared) if declared in ("classification", "regression") else None
