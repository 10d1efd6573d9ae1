"""What a config may say of callbacks, and which classes are one."""

from __future__ import annotations

import pytest
from lightning.pytorch.callbacks import Timer

from alrun.config.kinds import kind_problem
from alrun.config.listeners import on_error_problems


class Few:
    def on_label_received(self, event: object) -> None: ...


class Misspelt:
    def on_epoch_finished(self, event: object) -> None: ...


def test_a_class_with_one_method_is_a_callback() -> None:
    assert kind_problem(Few, "callbacks.few") is None


@pytest.mark.parametrize(
    ("kind", "hint"),
    [(Timer, "training.loop.callbacks"), (Misspelt, "did you mean on_train_epoch_finished"), (dict, "give it one of")],
)
def test_a_class_that_listens_to_nothing_is_none(kind: type, hint: str) -> None:
    problem = kind_problem(kind, "callbacks.mine")
    assert problem is not None
    assert problem.what.startswith(f"{kind.__name__} is no alrun callback: it listens to no event")
    assert hint in problem.hint


def test_on_error_is_raise_or_warn() -> None:
    config = {"callbacks": {"a": {"on_error": "warn"}, "b": {"on_error": "ignore"}, "c": {}}, "logger": None}
    (problem,) = on_error_problems(config)
    assert (problem.where, problem.what) == ("callbacks.b.on_error", "'ignore' is neither raise nor warn")
