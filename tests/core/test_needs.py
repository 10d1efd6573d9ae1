"""What strategies declare is read in one way, wherever it is asked."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import alrun
from alrun.core.errors import StrategyError
from alrun.core.needs import Needs, needs_of, report_of, require_samples, unfit_problems, unmet_problems
from alrun.core.types import QueryReport, Task

#: Everything optional about strategies, and where it is read.
OPTIONAL = {
    *("tasks", "requires_stochastic", "requires_learner", "requires_model", "needs_embeddings", "needs_outputs"),
    *("needs_labeled", "max_samples_is_limit", "report", "metrics", "sample", "max_samples", "state_dict"),
    *("load_state_dict", "_args", "needs_pool_scores", "anticipate", "__protocol_type__"),
}


class Silent:
    """Says nothing, as strategies written elsewhere do."""


class Declared:
    """Says everything, with values of other types than alrun's own."""

    tasks = ("classification",)
    multi_task = False
    requires_stochastic = 1
    requires_learner = ["discriminator"]  # noqa: RUF012
    requires_model = False
    max_samples_is_limit = True


class Late:
    """Knows only when it is built."""

    @property
    def requires_stochastic(self) -> bool:
        return True


def test_one_set_of_defaults() -> None:
    assert needs_of(Silent()) == needs_of(Silent) == Needs()
    assert Needs().tasks == frozenset(Task)
    assert report_of(Silent()) == QueryReport()
    assert (needs_of(Late).stochastic, needs_of(Late()).stochastic) == (False, True)


def test_what_is_declared_is_read_from_class_and_object_alike() -> None:
    needs = needs_of(Declared())
    assert needs == needs_of(Declared)
    assert needs == Needs(
        tasks=frozenset({Task.CLASSIFICATION}),
        multi_task=False,
        stochastic=True,
        learner=frozenset({"discriminator"}),
        model=False,
        limit=True,
    )


def test_together_is_what_suits_all() -> None:
    both = Needs.together([Needs(), needs_of(Declared)])
    assert both == Needs(
        tasks=frozenset({Task.CLASSIFICATION}),
        multi_task=False,
        stochastic=True,
        learner=frozenset({"discriminator"}),
        limit=True,
    )


def test_what_is_not_met_is_said_by_name() -> None:
    parts: dict[str, Any] = {"silent": Silent(), "mine": Declared()}
    assert [problem.where for problem in unfit_problems(parts, "regression", "query")] == ["query.mine"]
    assert list(unmet_problems(parts, stochastic=True, learner=SimpleNamespace(discriminator=1))) == []
    assert list(unmet_problems(parts, stochastic=None)) == []
    told = [problem.what for problem in unmet_problems(parts, stochastic=False, learner=SimpleNamespace())]
    assert ["posterior samples" in what for what in told] == [True, False]
    assert "needs a learner with a discriminator" in told[1]
    require_samples(Silent(), False, "silent")
    with pytest.raises(StrategyError, match="mine needs posterior samples"):
        require_samples(Declared(), False, "mine")


def test_nothing_else_asks_what_a_strategy_declares() -> None:
    asked = []
    package = Path(alrun.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("getattr", "hasattr")
            ):
                name = node.args[1]
                if isinstance(name, ast.Constant) and name.value in OPTIONAL:
                    asked.append(str(path.relative_to(package)))
    assert set(asked) == {"core/needs.py"}
