"""Private names of torch, Lightning, Hydra and OmegaConf: in compat, and where imports are put off, alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hydra.core.config_loader import ConfigLoader
from lightning.fabric import Fabric
from lightning.pytorch import LightningModule, Trainer
from omegaconf import DictConfig, ListConfig
from torch import Tensor, nn, ops, optim
from torch.utils.data import DataLoader

import alrun
from alrun.config import compat as of_config
from alrun.core import compat as of_core
from alrun.core import lean_imports

HOME = Path(alrun.__file__).parent
COMPAT = {Path(module.__file__ or "") for module in (of_core, of_config, lean_imports)}
LIBRARIES = ("torch", "torchmetrics", "lightning", "pytorch_lightning", "hydra", "omegaconf")
VERSIONS = re.compile(r"\((torch|Lightning|Hydra|OmegaConf|SciPy) \d+\.\d+\.\d+(, Python's argparse)?\)\.")
#: Private names that Python itself documents, or that its types go by.
OF_PYTHON = {"_replace", "_fields", "_exit", "_Hash"}
KINDS = (LightningModule(), nn.Linear(1, 1), Trainer, Fabric, DataLoader, optim.SGD, Tensor)
THEIRS = {
    name
    for kind in (*KINDS, DictConfig({}), ListConfig([]), ConfigLoader, ops.aten.add.default)
    for name in dir(kind)
    if name.startswith("_") and not name.startswith("__")
}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("_")


def own_names(tree: ast.AST) -> set[str]:
    """Return the private names that ``tree`` defines or gives to ``self``."""
    found = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and is_self(node.value):
            found.add(node.attr)
    return {name for name in found if is_private(name)}


def is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


class Classes:
    """The classes of a project: their private names, and whom they derive from, by name."""

    def __init__(self, trees: Iterable[ast.Module]) -> None:
        self.own: dict[str, set[str]] = {}
        self.bases: dict[str, set[str]] = {}
        for kind in (node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)):
            bases = [base.value if isinstance(base, ast.Subscript) else base for base in kind.bases]
            self.own.setdefault(kind.name, set()).update(own_names(kind))
            self.bases.setdefault(kind.name, set()).update(ast.unparse(base).rpartition(".")[2] for base in bases)

    def names(self, kind: str) -> set[str]:
        """Return the private names of the class called ``kind`` and of those that it derives from."""
        line, seen = [kind], set[str]()
        while line:
            name = line.pop()
            line += self.bases.get(name, set()) - seen
            seen.add(name)
        return set().union(*(self.own.get(name, set()) for name in seen))


def private_uses(tree: ast.Module, known: Classes) -> Iterator[str]:
    """Yield what ``tree`` uses of the private names of libraries; ``known`` are the classes of the project."""
    ours = set().union(*known.own.values())
    by_self = {
        id(node)
        for kind in ast.walk(tree)
        if isinstance(kind, ast.ClassDef)
        for names in [known.names(kind.name)]
        for node in ast.walk(kind)
        if isinstance(node, ast.Attribute) and node.attr in names and is_self(node.value)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            home = [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
            parts = [part for name in home for part in name.split(".")] + [one.name for one in node.names]
            if home[0].split(".")[0] in LIBRARIES and any(is_private(part) for part in parts):
                yield ast.unparse(node)
        elif isinstance(node, ast.Attribute) and is_private(node.attr) and id(node) not in by_self:
            if node.attr in THEIRS or node.attr not in ours | OF_PYTHON:
                yield ast.unparse(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            library, *steps = node.value.split(".")
            if node.value in THEIRS - OF_PYTHON or (library in LIBRARIES and any(map(is_private, steps))):
                yield repr(node.value)


def test_no_module_but_compat_uses_a_private_name_of_a_library() -> None:
    trees = {path: ast.parse(path.read_text()) for path in HOME.rglob("*.py")}
    known = Classes(trees.values())
    used = {path: list(private_uses(tree, known)) for path, tree in trees.items()}
    assert {path for path, uses in used.items() if uses} == COMPAT, {
        str(path.relative_to(HOME)): uses for path, uses in used.items() if uses and path not in COMPAT
    }


PLANTED = (
    "from torch.utils._pytree import tree_map",
    "from torch.nn.modules.dropout import _DropoutNd",
    "import hydra._internal.hydra",
    "torch._C._functorch.is_functorch_wrapped_tensor(x)",
    "learner._trainer = None",
    "hasattr(learner, '_fabric_optimizers')",
    "vars(layer).update(_trainer=0) or vars(layer)['_parameters']",
    "node._get_node('x')._value()",
    "loader._apply_overrides_to_config([], config)",
    "TARGET = 'hydra._internal.core_plugins.basic_launcher.BasicLauncher'",
    "class Members(LightningModule):\n    def step(self):\n        return self._trainer",
    "class Lazy(LightningModule):\n    def step(self):\n        return self.other._unheard_of",
)
HARMLESS = (
    "class Own:\n    def __init__(self):\n        self._value = 1\n    def step(self):\n        return self._value",
    "class Base:\n    _made: int\nclass Own(Base):\n    def step(self, other):\n        return other._made",
    "point._replace(x=1)",
    "config['_target_'] == 'torch.optim.SGD'",
    "from alrun.core import _anything",
)


@pytest.mark.parametrize("source", PLANTED)
def test_a_private_use_is_seen(source: str) -> None:
    tree = ast.parse(source)
    assert list(private_uses(tree, Classes([tree])))


@pytest.mark.parametrize("source", HARMLESS)
def test_what_is_no_private_use_passes(source: str) -> None:
    tree = ast.parse(source)
    assert list(private_uses(tree, Classes([tree]))) == []


@pytest.mark.parametrize("path", sorted(COMPAT), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_use_says_the_version_it_was_checked_against(path: Path) -> None:
    functions = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)]
    assert functions
    assert [node.name for node in functions if not VERSIONS.search(ast.get_docstring(node) or "")] == []
