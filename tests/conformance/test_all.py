"""The shipped suite over every strategy that a YAML in ``conf/`` offers; a new file is found by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf

from alrun.config.compose import Composer
from alrun.config.paths import conf_dir
from alrun.config.targets import Trust
from alrun.core.needs import needs_of
from alrun.core.types import Task
from alrun.testing.subject import constructor, suite_for

CONF = conf_dir()
KEYED = ("query", "metrology")
#: Strategies that are examined on pixels, too: all others that score elements do it in the same way.
OF_PIXELS = ("bald", "entropy", "oracle", "softrank_bald")
KNOBS = {"seed": 0, "query_size": 10, "initial_size": 10, "budget": 200, "max_steps": None}
# What an option cannot know by itself: here a function to label with, which is defined for the regression host alone.
MISSING: dict[str, Any] = {"label/function": {"function": {"_target_": "alrun.testing.host.response"}}}
REGRESSION_ONLY = ("label/function",)


def suite(group: str, path: Path, task: Task | None = None) -> type | None:
    """Return the suite of an option, on ``task`` where that is given; nothing where it is not defined for that."""
    option = f"{group}/{path.stem}"
    node: Any = composed(group, path)
    node = OmegaConf.merge(node[path.stem] if group in KEYED else node, MISSING.get(option, {}))
    resolved: Any = OmegaConf.to_container(OmegaConf.create({**KNOBS, "node": node}), resolve=True)
    arguments = dict(resolved["node"])
    strategy = get_class(arguments.pop("_target_"))
    arguments.pop("max_samples", None)
    if option in REGRESSION_ONLY:
        strategy = type(strategy.__name__, (strategy,), {"tasks": frozenset({Task.REGRESSION})})
    if group == "cold_start":
        strategy = type(strategy.__name__, (strategy,), {"requires_model": False})

    def build(**more: Any) -> Any:
        return constructor(strategy, instantiate(arguments, _convert_="all"), task)(**more)

    if task is not None and task not in needs_of(build(max_samples=1) if group == "query" else strategy).tasks:
        return None
    found = suite_for(strategy, build, task)
    words = f"{group}_{path.stem}_{task or ''}".rstrip("_")
    found.__name__ = "Test" + "".join(word.title() for word in words.split("_"))
    return found


def composed(group: str, path: Path) -> Any:
    """Return what an option says, with the options of its defaults list where it has one."""
    node = OmegaConf.load(path)
    if "defaults" not in node:
        return node
    return OmegaConf.create(OmegaConf.to_container(Composer(Trust()).compose([f"{group}={path.stem}"]).config[group]))


def all_suites() -> dict[str, type]:
    """Return the suite of each option, and of query and label strategies another one on several labels a row."""
    each = [(group, path) for group in ("query", "cold_start", "label", "metrology") for path in options(group)]
    found = [suite(group, path) for group, path in each]
    found += [suite(group, path, Task.MULTI_LABEL) for group, path in each if group in ("query", "label")]
    found += [suite(group, path, Task.SEGMENTATION) for group, path in each if path.stem in OF_PIXELS]
    return {one.__name__: one for one in found if one is not None}


def options(group: str) -> list[Path]:
    return sorted((CONF / group).glob("*.yaml"))


globals().update(all_suites())


def test_every_option_is_examined() -> None:
    names = {name for name in globals() if name.startswith("Test")}
    assert {"TestQueryEntropy", "TestColdStartKmeans", "TestLabelFunction", "TestMetrologyRegression"} <= names
    assert {f"TestQuery{name}Segmentation" for name in ("Bald", "Entropy", "SoftrankBald")} <= names
    labels = {name for name in names if name.endswith(("MultiLabel", "Segmentation"))}
    labels -= {"TestMetrologyMultiLabel", "TestMetrologySegmentation"}
    assert {"TestQueryBaldMultiLabel", "TestQueryBadgeMultiLabel", "TestLabelNoisyOracleMultiLabel"} <= labels
    assert "TestQueryBatchbaldMultiLabel" not in labels
    assert len(names - labels) == sum(len(options(group)) for group in ("query", "cold_start", "label", "metrology"))
