"""What a config may say of callbacks, and which classes are one."""

from __future__ import annotations

import pytest
from lightning.pytorch.callbacks import Timer

from alrun.config.listeners import on_error_problems
from alrun.config.offers import find
from alrun.config.targets import Trust
from alrun.core.errors import Problem


class Few:
    def on_label_received(self, event: object) -> None: ...


class Misspelt:
    def on_epoch_finished(self, event: object) -> None: ...


class MyTimer(Timer): ...


class Deaf: ...


def found(kind: type) -> object:
    return find(f"{__name__}.{kind.__name__}", ("callbacks", "mine"), "callbacks.mine._target_", Trust([__name__]))


def test_a_class_with_one_method_is_a_callback() -> None:
    assert found(Few) is Few


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        (MyTimer, "training.loop.callbacks"),
        (Misspelt, "did you mean on_train_epoch_finished"),
        (Deaf, "give it one of"),
    ],
)
def test_a_class_that_listens_to_nothing_is_none(kind: type, hint: str) -> None:
    problem = found(kind)
    assert isinstance(problem, Problem)
    assert problem.what.startswith(f"{kind.__name__} is not an alrun callback: it has no method for any event")
    assert hint in problem.hint


def test_on_error_is_raise_or_warn() -> None:
    config = {"callbacks": {"a": {"on_error": "warn"}, "b": {"on_error": "ignore"}, "c": {}}, "logger": None}
    (problem,) = on_error_problems(config)
    assert (problem.where, problem.what) == ("callbacks.b.on_error", "'ignore' is neither raise nor warn")
