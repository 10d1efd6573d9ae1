"""What is checked is what is built: the same objects, the same values, and no text that is read twice."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from alrun.config.bound import SETTINGS, Node, bind, iterate_nodes, node_problems, plain
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError
from alrun.runner.instantiate import instantiate

TRUST = Trust(["bound_targets"])
#: Text that Hydra or OmegaConf would make something of, were it read once more.
TEXTS = st.sampled_from(
    ["${oc.create:{_target_: os.system, _args_: [false]}}", "${oc.env:HOME}", "${learner}", "_target_", "os.system", ""]
) | st.text(max_size=5)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
KEYS = st.sampled_from(["a", "b", "${x}", "optimizer", "loss", "a.b", "_x_", "where", "node"])
ODD_KEYS = KEYS | st.integers(0, 3) | st.booleans()


def nodes(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    arguments = st.dictionaries(KEYS, inner, max_size=3)
    own = st.fixed_dictionaries(
        {"_target_": st.sampled_from(["bound_targets.First", "bound_targets.second"])},
        optional={"_partial_": st.booleans(), "_args_": st.lists(inner, max_size=2), "_convert_": st.just("all")},
    )
    return st.builds(lambda node, rest: {**rest, **node}, own, arguments)


VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ODD_KEYS, inner, max_size=3) | nodes(inner)
)


class Built:
    """What a target was called with."""

    def __init__(self, who: object, positional: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        self.who, self.positional, self.named = who, positional, named


@pytest.fixture(scope="module")
def module() -> ModuleType:
    """The module that is trusted."""
    made = ModuleType("bound_targets")

    class First(Built):
        def __init__(self, *positional: Any, **named: Any) -> None:
            super().__init__(First, positional, named)

    def second(*positional: Any, **named: Any) -> Built:
        return Built(second, positional, named)

    for value in (First, second):
        value.__module__ = made.__name__
        setattr(made, value.__name__, value)
    return made


def explode(*_: Any, **__: Any) -> None:
    raise AssertionError("a name was looked up twice")


def assert_same(built: Any, tree: Any) -> None:
    """Compare what was built with the tree that was checked, node by node and value by value."""
    if isinstance(tree, Node) and tree.is_partial:
        assert isinstance(built, partial)
        assert built.func is tree.target
        built = Built(built.func, built.args, built.keywords)
    if isinstance(tree, Node):
        assert isinstance(built, Built)
        assert built.who is tree.target
        assert_same(list(built.positional), list(tree.positional))
        assert_same(dict(built.named), {key: value for key, value in tree.node.items() if key not in SETTINGS})
    elif isinstance(tree, dict):
        assert list(built) == list(tree)
        for key in tree:
            assert_same(built[key], tree[key])
    elif isinstance(tree, list):
        assert len(built) == len(tree)
        for one, other in zip(built, tree, strict=True):
            assert_same(one, other)
    else:
        assert type(built) is type(tree)
        assert built == tree


def count(value: Any) -> int:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(map(count, items)) + (isinstance(value, dict) and "_target_" in value)


@settings(max_examples=100, deadline=None)
@given(value=VALUES)
def test_the_tree_that_was_checked_is_the_one_that_is_built(module: ModuleType, value: Any) -> None:
    written = {"_target_": "bound_targets.First", "x": value}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "bound_targets", module)
        tree, problems = bind({"learner": {"here": written}}, TRUST)
        assert problems == []
        assert plain(tree) == {"learner": {"here": written}}
        nodes = list(iterate_nodes(tree))
        assert len(nodes) == count(written)
        assert all(node.target is getattr(module, node.name.rpartition(".")[2]) for node in nodes)
        for broken in ("alrun.config.bound.find", "omegaconf.OmegaConf.create", "importlib.import_module"):
            patch.setattr(broken, explode)
        patch.setitem(sys.modules, "bound_targets", None)
        assert_same(instantiate(tree["learner"]["here"], Path()), tree["learner"]["here"])


def test_an_escaped_interpolation_stays_text(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bound_targets", module)
    text = r"\${oc.create:{_target_: bound_targets.second}}"
    written = {"learner": {"here": {"_target_": "bound_targets.First", "x": [text]}}}
    config: Any = OmegaConf.to_container(OmegaConf.create(written), resolve=True)
    tree, _ = bind(config, TRUST)
    assert instantiate(tree["learner"]["here"], Path()).named == {"x": [text.removeprefix("\\")]}


def test_no_two_objects_share_a_container(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "bound_targets", module)
    tree, _ = bind({"learner": {"here": {"_target_": "bound_targets.First", "x": [{"y": []}]}}}, TRUST)
    first, second = (instantiate(tree["learner"]["here"], Path()).named["x"] for _ in range(2))
    first[0]["y"].append(1)
    assert second == [{"y": []}]


@pytest.mark.parametrize(
    ("setting", "where"),
    [
        ({"_partial_": "yes"}, "learner._partial_"),
        ({"_args_": "abc"}, "learner._args_"),
        ({"_recursive_": False}, "learner._recursive_"),
        ({"_convert_": "none"}, "learner._convert_"),
        ({3: 4}, "learner"),
    ],
)
def test_a_setting_that_is_not_offered_is_refused(setting: dict[Any, Any], where: str) -> None:
    config = {"learner": {"_target_": "alrun.learner.mlp.MLP", **setting}}
    assert [problem.where for problem in node_problems(config, Trust())] == [where]


@pytest.mark.parametrize("make", [lambda: None, lambda: [], lambda: {"a": 1}])
def test_only_mappings_with_a_target_are_nodes(make: Callable[[], Any]) -> None:
    assert list(iterate_nodes(bind({"learner": make()}, Trust())[0])) == []


def test_what_a_library_raises_names_the_node() -> None:
    tree, problems = bind({"learner": {"_target_": "torch.nn.Linear", "in_features": -1, "out_features": 1}}, Trust())
    assert problems  # a layer is no learner
    tree, problems = bind(
        {"learner": {"_target_": "alrun.learner.mlp.MLP", "x": {"_target_": "torch.nn.Linear", "in_features": -1}}},
        Trust(),
    )
    assert problems == []
    with pytest.raises(ConfigError) as caught:
        instantiate(tree["learner"], Path())
    assert [problem.where for problem in caught.value.problems] == ["learner.x"]
