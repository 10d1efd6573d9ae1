"""The shipped suites of learners, inference modules and stopping criteria, over every YAML in ``conf/``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from hydra.utils import instantiate
from sklearn.ensemble import RandomForestClassifier

from alrun.config.compose import Composer, resolved
from alrun.config.paths import conf_dir
from alrun.config.targets import Trust
from alrun.core.types import Task, TaskPart, TaskSpec
from alrun.data.source import ArraySource
from alrun.learner.sklearn import ScikitLearn
from alrun.testing import InferenceConformance, LearnerConformance, StoppingConformance
from alrun.testing.host import source

SUITES: dict[str, tuple[type, str]] = {
    "learner": (LearnerConformance, "learner"),
    "inference": (InferenceConformance, "inference"),
    "stopping": (StoppingConformance, "criterion"),
}
FASTER = {"optimizer": {"_target_": "torch.optim.Adam", "_partial_": True, "lr": 0.01}}
TINY = Path(__file__).parents[1] / "learner" / "bert.json"
SMALLER: dict[str, dict[str, Any]] = {
    "inference/ensemble": {"num_members": 2},
    "learner/cnn": {"channels": [4]},
    "learner/fcn": {"channels": [8, 8]},
    "learner/transformers": {"model": str(TINY)},
}
#: Options whose library is an extra.
NEEDS = {"transformers": "transformers"}


def images() -> ArraySource:
    """Return the host's rows as images ``[1, 5, 5]``: the outer product of a row with itself."""
    flat = source(Task.CLASSIFICATION)
    inputs = flat.inputs(torch.arange(len(flat)))
    spec = TaskSpec(Task.CLASSIFICATION, (1, 5, 5), flat.spec.num_outputs)
    return ArraySource(torch.einsum("ni,nj->nij", inputs, inputs)[:, None], flat.targets(torch.arange(len(flat))), spec)


def two_tasks() -> ArraySource:
    """Return the host's rows with their class, and with the sign of their first column."""
    flat = source(Task.CLASSIFICATION)
    rows = torch.arange(len(flat))
    parts = (TaskPart("class", Task.CLASSIFICATION, 3), TaskPart("sign", Task.CLASSIFICATION, 2))
    targets = torch.stack([flat.targets(rows), (flat.inputs(rows)[:, 0] > 0).long()], dim=1)
    return ArraySource(flat.inputs(rows), targets, TaskSpec(Task.CLASSIFICATION, (5,), 5, tasks=parts))


def words() -> ArraySource:
    """Return rows of 6 tokens, the class being one of them."""
    generator = torch.Generator().manual_seed(0)
    classes = torch.arange(200) % 3
    tokens = torch.randint(5, 20, (200, 6), generator=generator)
    tokens[torch.arange(200), torch.randint(6, (200,), generator=generator)] = 1 + classes
    return ArraySource(tokens.float(), classes, TaskSpec(Task.CLASSIFICATION, (6,), 3))


DATA: dict[str, Callable[[], ArraySource]] = {
    "learner/cnn": images,
    "learner/fcn": partial(source, Task.SEGMENTATION),
    "learner/multitask": two_tasks,
    "learner/transformers": words,
}


@cache
def composed(group: str, name: str) -> dict[str, Any]:
    """Return what an option is built from; when it is built, as every worker collects all of them."""
    option = f"{group}/{name}"
    typed = [f"{group}={name}", *(["backbone=mlp"] if name == "multitask" else [])]
    typed += [f"{group}.{key}={value}" for key, value in SMALLER.get(option, {}).items()]
    node = resolved(Composer(Trust()).compose(typed).config)[group]
    node = {**(node[name] if group == "stopping" else node), **SMALLER.get(option, {})}
    faster = FASTER if group == "learner" else {}
    return node | {key: value for key, value in faster.items() if key in node}


def suite(group: str, path: Path) -> type:
    option = f"{group}/{path.stem}"
    base, method = SUITES[group]

    def build(_: Any, spec: TaskSpec | None = None) -> Any:
        node = {**composed(group, path.stem), "_partial_": True}
        return instantiate(node, _convert_="all")(**({} if spec is None else {"spec": spec}))

    content: dict[str, Any] = {method: build}
    if option in DATA:
        content["data"] = lambda _: DATA[option]()
    if option == "inference/committee":
        content["learner"] = staticmethod(partial(ScikitLearn, estimator=RandomForestClassifier(5)))
    return type("Test" + "".join(word.title() for word in f"{group}_{path.stem}".split("_")), (base,), content)


def options() -> list[tuple[str, Path]]:
    found = [(group, path) for group in SUITES for path in sorted((conf_dir() / group).glob("*.yaml"))]
    return [(group, path) for group, path in found if find_spec(NEEDS.get(path.stem, "torch"))]


globals().update({one.__name__: one for one in (suite(group, path) for group, path in options())})


class TestLearnerOfNumbers(LearnerConformance):
    """A regression, with a variance per row."""

    task = Task.REGRESSION

    def learner(self, spec: TaskSpec) -> Any:
        from functools import partial

        from alrun.learner.mlp import MLP

        return MLP(spec, partial(torch.optim.Adam, lr=0.01), hidden=(16,))


def test_every_option_is_examined() -> None:
    names = {name for name in globals() if name.startswith("Test")}
    assert {"TestLearnerMlp", "TestInferenceSwag", "TestStoppingBudget"} <= names
    assert len(names) == len(options()) + 1
