"""Bound config: a config with the objects that its ``_target_``s name; checked first, then built from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from alrun.config.offers import find, name_problem
from alrun.config.slots import slot_at
from alrun.config.targets import Trust
from alrun.core.errors import Problem

__all__ = ["SETTINGS", "Node", "bind", "iterate_nodes", "iterate_targets", "node_problems", "plain"]

#: Keys of a node that are not arguments.
SETTINGS = ("_target_", "_partial_", "_args_", "_recursive_", "_convert_")
#: Values of ``_convert_`` that ask for what is always done.
PLAIN = ("all", "partial", "object")


@dataclass(frozen=True)
class Node:
    """A mapping with a ``_target_``, and the object that this names.

    Attributes:
        path: Keys that lead to it; a list counts as the key that holds it.
        where: The same as text, with the numbers of list entries.
        target: The class or function that was loaded and checked, and that alone is called.
        node: The mapping, its values plain or nodes themselves; no text in it is read again.
        location: Argument that is the folder into which the object writes; empty where it writes nothing.
    """

    path: Sequence[str]
    where: str
    target: Any
    node: Mapping[str, Any]
    location: str = ""

    @property
    def name(self) -> str:
        """The ``_target_`` as it is written."""
        return str(self.node["_target_"])

    @property
    def arguments(self) -> dict[str, Any]:
        """Arguments by name."""
        return {key: value for key, value in self.node.items() if key not in SETTINGS}

    @property
    def positional(self) -> Sequence[Any]:
        """Arguments by position."""
        listed: Sequence[Any] = self.node.get("_args_", ())
        return listed

    @property
    def is_partial(self) -> bool:
        """Whether what is built is to be called later, with the other arguments."""
        return bool(self.node.get("_partial_"))

    def without(self, key: str) -> Node:
        """Return the node without one of its keys."""
        return replace(self, node={name: value for name, value in self.node.items() if name != key})


def bind(config: Mapping[str, Any], trust: Trust) -> tuple[dict[str, Any], list[Problem]]:
    """Return ``config`` with a ``Node`` for each mapping that has a ``_target_``, and what is wrong with their names.

    Nothing is imported before every name has passed. A node whose object was not found has ``None`` for it.
    """
    problems = list(node_problems(config, trust))
    if problems:
        return {}, problems
    tree = {key: _bound(value, (str(key),), str(key), trust, problems) for key, value in config.items()}
    return tree, problems


def node_problems(config: Mapping[str, Any], trust: Trust) -> Iterator[Problem]:
    """Yield names that are not taken where they stand, and settings of nodes that are none; imports nothing."""
    for path, where, node in iterate_targets(config):
        problem = name_problem(node["_target_"], path, _key(where, "_target_"), trust)
        if problem is not None:
            yield problem
        yield from _setting_problems(node, where)


def iterate_targets(
    value: Any, path: Sequence[str] = (), where: str = ""
) -> Iterator[tuple[Sequence[str], str, Mapping[str, Any]]]:
    """Yield (path, dotted key, node) of every mapping with a ``_target_``, however deep."""
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield path, where, value
        for key, item in value.items():
            yield from iterate_targets(item, (*path, str(key)), _key(where, key))
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from iterate_targets(item, path, f"{where}[{number}]")


def iterate_nodes(tree: Any) -> Iterator[Node]:
    """Yield every node of a bound config, the outer before the inner."""
    if isinstance(tree, Node):
        yield tree
        tree = tree.node
    items = tree.values() if isinstance(tree, Mapping) else tree if isinstance(tree, list | tuple) else ()
    for item in items:
        yield from iterate_nodes(item)


def plain(tree: Any) -> Any:
    """Return the plain containers that a bound config was made from."""
    if isinstance(tree, Node):
        tree = tree.node
    if isinstance(tree, Mapping):
        return {key: plain(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        return type(tree)(plain(value) for value in tree)
    return tree


def _bound(value: Any, path: tuple[str, ...], where: str, trust: Trust, problems: list[Problem]) -> Any:
    if isinstance(value, Mapping):
        items = {key: _bound(item, (*path, str(key)), _key(where, key), trust, problems) for key, item in value.items()}
        return _node(items, path, where, trust, problems) if "_target_" in value else items
    if isinstance(value, list | tuple):
        return type(value)(_bound(item, path, f"{where}[{n}]", trust, problems) for n, item in enumerate(value))
    return value


def _node(node: dict[str, Any], path: tuple[str, ...], where: str, trust: Trust, problems: list[Problem]) -> Node:
    name = node["_target_"]
    found = find(name, path, _key(where, "_target_"), trust)
    if isinstance(found, Problem):
        problems.append(found)
        return Node(path, where, None, node)
    families = () if trust.names(name) else slot_at(path).families
    return Node(path, where, found, node, next((one.location for one in families if one.find(name) is found), ""))


def _setting_problems(node: Mapping[Any, Any], where: str) -> Iterator[Problem]:
    """Yield settings that are not offered; arguments are always built first, and containers always plain."""
    for key in node:
        if not isinstance(key, str):
            yield Problem(f"{key!r} is not an argument name", where, "keys next to a _target_ must be text")
    if not isinstance(node.get("_partial_", False), bool):
        yield Problem(f"{node['_partial_']!r} is not true or false", _key(where, "_partial_"), "_partial_: true")
    if not isinstance(node.get("_args_", []), list | tuple):
        yield Problem(f"{node['_args_']!r} is not a list", _key(where, "_args_"), "_args_: [first, second]")
    if node.get("_recursive_", True) is not True:
        what = "nested _target_s are always built first"
        yield Problem(what, _key(where, "_recursive_"), f"~{_key(where, '_recursive_')}")
    if node.get("_convert_", "all") not in PLAIN:
        what = "arguments are always plain lists and dicts"
        yield Problem(what, _key(where, "_convert_"), f"~{_key(where, '_convert_')}")


def _key(where: str, key: Any) -> str:
    return f"{where}.{key}" if where else str(key)
