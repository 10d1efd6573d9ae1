"""The suite itself: every check fails for a strategy that breaks what it checks."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alrun.core.protocols import LabelStrategy, QueryStrategy
from alrun.core.types import Annotation
from alrun.testing import LabelConformance, QueryConformance

pytest_plugins = ["pytester"]


class Chooser(QueryStrategy):
    """Enqueues what ``choose`` returns for the driver."""

    _args: dict[str, Any]

    def __init__(self, max_samples: int, choose: Callable[[Chooser], Any]) -> None:
        self.max_samples = max_samples
        self.choose = choose
        self.calls = 0

    def sample(self, query_queue: Any, *args: Any, **kwargs: Any) -> None:
        self.calls += 1
        queued = query_queue.to_list()
        for item in [item for item in self.choose(self) if item not in queued][: self.max_samples]:
            query_queue.put(item)

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        del state


class Careless(Chooser):
    """Also enqueues what is there already."""

    def sample(self, query_queue: Any, *args: Any, **kwargs: Any) -> None:
        for item in self.choose(self)[: self.max_samples]:
            query_queue.put(item)


def rows(strategy: Chooser) -> list[int]:
    found: list[int] = strategy.driver.unlabeled_pool.indices.tolist()
    return sorted(found)


def shuffled(strategy: Chooser, order: Any) -> list[int]:
    found = rows(strategy)
    return [found[int(i)] for i in order(len(found))]


def by_probability(strategy: Chooser) -> list[int]:
    chunks = list(strategy.driver.predictor(strategy.driver.unlabeled_pool))
    outputs = torch.cat([chunk.outputs for chunk in chunks])
    indices = torch.cat([chunk.indices for chunk in chunks])
    order = outputs[:, 0].argsort(stable=True).tolist()
    return [int(indices[i]) for i in order]


def in_eval_mode(strategy: Chooser) -> list[int]:
    strategy.driver.learner.eval()
    return rows(strategy)


def with_a_step(strategy: Chooser) -> list[int]:
    with torch.no_grad():
        list(strategy.driver.learner.parameters())[-1].add_(1.0)
    return rows(strategy)


def taking(strategy: Chooser) -> list[int]:
    found = rows(strategy)
    strategy.driver.unlabeled_pool.take(torch.tensor(found[:1]))
    return found


FAULTS: list[tuple[str, type[Chooser], Callable[[Chooser], Any]]] = [
    ("test_keeps_off_the_global_generators", Chooser, lambda s: shuffled(s, torch.randperm)),
    ("test_keeps_off_the_global_generators", Chooser, lambda s: random.sample(rows(s), len(rows(s)))),
    ("test_keeps_off_the_global_generators", Chooser, lambda s: shuffled(s, np.random.permutation)),
    ("test_same_seed_same_picks", Chooser, lambda s: shuffled(s, np.random.default_rng().permutation)),
    ("test_picks_are_unique_rows_of_the_pool", Chooser, lambda s: rows(s)[:1] * 2),
    ("test_picks_are_unique_rows_of_the_pool", Chooser, lambda s: s.driver.training_pool.indices.tolist()),
    ("test_picks_are_unique_rows_of_the_pool", Chooser, lambda s: s.driver.unlabeled_pool.pending.tolist()),
    ("test_picks_are_unique_rows_of_the_pool", Chooser, lambda s: list(range(len(rows(s))))),
    ("test_picks_are_unique_rows_of_the_pool", Chooser, lambda s: list(np.array(rows(s)))),
    ("test_picks_are_unique_rows_of_the_pool", Careless, lambda s: [torch.zeros(3)]),
    ("test_passes_over_what_is_queued", Careless, rows),
    ("test_leaves_the_pools_to_the_driver", Chooser, taking),
    ("test_does_not_depend_on_the_order_of_the_pool", Chooser, lambda s: s.driver.unlabeled_pool.indices.tolist()),
    ("test_leaves_the_learner_as_it_was", Chooser, in_eval_mode),
    ("test_leaves_the_learner_as_it_was", Chooser, with_a_step),
    ("test_refuses_predictions_that_are_nan", Chooser, by_probability),
    ("test_state_survives_a_round_trip", Chooser, lambda s: rows(s)[s.calls :]),
]


@pytest.mark.parametrize(("check", "kind", "choose"), FAULTS)
def test_fault_is_caught(check: str, kind: type[Chooser], choose: Callable[[Chooser], Any], tmp_path: Path) -> None:
    suite: Any = type("Suite", (QueryConformance,), {"strategy": lambda _, n: kind(n, choose)})()
    with pytest.raises(AssertionError):
        getattr(suite, check)(tmp_path)


def test_a_strategy_that_dies_of_nan_for_another_reason_is_caught(tmp_path: Path) -> None:
    def dies(strategy: Chooser) -> list[int]:
        by_probability(strategy)
        raise TypeError("None + 1")

    suite: Any = type("Suite", (QueryConformance,), {"strategy": lambda _, n: Chooser(n, dies)})()
    with pytest.raises(TypeError, match="None"):
        suite.test_refuses_predictions_that_are_nan(tmp_path)


@pytest.mark.parametrize(("count", "surplus"), [(0, 1), (1, 1), ("all", -1), (7, -1)])
def test_wrong_counts_are_caught(count: Any, surplus: int, tmp_path: Path) -> None:
    class Miscounting(Chooser):
        def sample(self, query_queue: Any, *args: Any, **kwargs: Any) -> None:
            for row in rows(self)[: self.max_samples + surplus]:
                query_queue.put(row)

    suite: Any = type("Suite", (QueryConformance,), {"strategy": lambda _, n: Miscounting(n, rows)})()
    with pytest.raises(AssertionError):
        suite.test_honours_max_samples(tmp_path, count)


def test_ties_by_anything_but_the_row_are_caught(tmp_path: Path) -> None:
    from alrun.query.entropy import Entropy

    class Backwards(Entropy):
        def sample(self, query_queue: Any, *args: Any, **kwargs: Any) -> None:
            super().sample(query_queue)
            query_queue.from_list(query_queue.to_list()[::-1])

    suite: Any = type("Suite", (QueryConformance,), {"strategy": lambda _, n: Backwards(n)})()
    with pytest.raises(AssertionError, match="equal scores"):
        suite.test_equal_scores_go_by_row_number(tmp_path)


class Annotator(LabelStrategy):
    """Answers with ``label(position in this call, row)``."""

    __is_external_process__ = False
    _args: dict[str, Any]

    def __init__(self, answer: Callable[[int, int], Any]) -> None:
        self.answer = answer

    def label(self, queue_to_label: Any, serialize_queue: Any, *args: Any, **kwargs: Any) -> None:
        position = 0
        while not queue_to_label.empty():
            row = queue_to_label.get()
            answer = self.answer(position, row)
            if answer is not None:
                serialize_queue.put(Annotation(row, answer))
            position += 1


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        ("test_a_label_does_not_depend_on_its_batch", lambda position, row: position % 3),
        ("test_same_seed_same_labels", lambda position, row: random.randrange(3)),  # noqa: S311
    ],
)
def test_label_fault_is_caught(check: str, answer: Callable[[int, int], Any], tmp_path: Path) -> None:
    suite: Any = type("Suite", (LabelConformance,), {"strategy": lambda _: Annotator(answer)})()
    with pytest.raises(AssertionError):
        getattr(suite, check)(tmp_path)


@pytest.mark.parametrize("answer", [lambda p, row: None if row % 2 else 0, lambda p, row: 7, lambda p, row: [0, 1]])
def test_bad_answers_are_caught(answer: Callable[[int, int], Any], tmp_path: Path) -> None:
    suite: Any = type("Suite", (LabelConformance,), {"strategy": lambda _: Annotator(answer)})()
    with pytest.raises(AssertionError):
        suite.test_answers_every_request_once(tmp_path, 30)


def test_labels_that_depend_on_what_was_answered_before_are_caught(tmp_path: Path) -> None:
    answers = LabelConformance.test_goes_on_behind_a_bad_answer
    suite: Any = type("Suite", (LabelConformance,), {"strategy": lambda _: Annotator(lambda position, row: row % 3)})()
    answers(suite, tmp_path)
    suite = type("Suite", (LabelConformance,), {"strategy": lambda _: Annotator(lambda position, row: position % 3)})()
    with pytest.raises(AssertionError, match="depend on what was answered before"):
        answers(suite, tmp_path)


MINE = """
from alrun.query.base import ScoreQuery


class Mine(ScoreQuery):
    def __init__(self, max_samples, alpha):
        super().__init__(max_samples)
        self.alpha = alpha

    def score(self, prediction):
        return (self.alpha * prediction.outputs).logsumexp(dim=-1)


class Broken(Mine):
    def score(self, prediction):
        return super().score(prediction).nan_to_num()
"""


def examined(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(mine=MINE)
    quiet = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    return pytester.runpytest_inprocess("--pyargs", "alrun.testing", *quiet, *arguments)


def test_from_the_command_line(pytester: pytest.Pytester) -> None:
    result = examined(
        pytester, "--strategy", "mine.Mine", "--strategy", "mine.Broken", "--strategy-args", '{"alpha": 2.0}'
    )
    result.assert_outcomes(passed=29, failed=1, skipped=2)
    result.stdout.fnmatch_lines(["FAILED *::TestBroken::test_refuses_predictions_that_are_nan*"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "*name a strategy to examine*"),
        (["--strategy", "nowhere.Mine"], "*cannot import --strategy nowhere.Mine*"),
        (["--strategy", "mine.MINE"], "*cannot import --strategy mine.MINE*"),
        (["--strategy", "pathlib.Path"], "*Path is no query, label or metrology strategy*"),
        (["--strategy", "mine.Mine", "--strategy-args", "{alpha: 2}"], "*--strategy-args is not JSON*"),
    ],
)
def test_command_line_mistakes_are_explained(arguments: list[str], message: str, pytester: pytest.Pytester) -> None:
    result = examined(pytester, *arguments)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([message])
    result.stdout.no_fnmatch_line("*Traceback*")
