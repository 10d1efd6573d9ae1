"""Estimators of scikit-learn: random states, probabilities of all classes, and the members of an ensemble."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingClassifier,
    VotingRegressor,
)

from alrun.core.types import Task, TaskSpec

__all__ = ["class_probabilities", "constant", "has_members", "member_predictions", "seeded"]

Array = NDArray[np.float64]
FORESTS = (RandomForestClassifier, RandomForestRegressor, ExtraTreesClassifier, ExtraTreesRegressor)
BAGGED = (BaggingClassifier, BaggingRegressor)
#: Their members predict by themselves and count alike; the stages of boosting do not.
COMMITTEES = (*FORESTS, *BAGGED, VotingClassifier, VotingRegressor)


def seeded(estimator: Any, state: int) -> Any:
    """Return ``estimator`` with every ``random_state`` that is ``None``, its own and inner ones, drawn from ``state``.

    In the order of their names, so that each has a number of its own.
    """
    unset = sorted(
        name
        for name, value in estimator.get_params(deep=True).items()
        if value is None and name.rpartition("__")[2] == "random_state"
    )
    drawn = np.random.Generator(np.random.Philox(key=state)).integers(2**31, size=len(unset))
    return estimator.set_params(**dict(zip(unset, drawn.tolist(), strict=True)))


def constant(rows: Array, classes: NDArray[np.int64]) -> Any:
    """Return a classifier that gives every row the shares of ``classes`` ``[n]``: all there is to learn of one."""
    return DummyClassifier(strategy="prior").fit(rows, classes)


def class_probabilities(estimator: Any, rows: Array, count: int) -> Array:
    """Return probabilities ``[B, count]`` for ``rows`` ``[B, d]``; 0 for classes that it has not seen."""
    return _all_classes(estimator.predict_proba(rows), estimator.classes_, count)


def has_members(estimator: Any) -> bool:
    """Return whether its predictions are the mean of members' that each are a guess at the answer."""
    return isinstance(estimator, COMMITTEES)


def member_predictions(estimator: Any, rows: Array, spec: TaskSpec) -> Array:
    """Return what each of ``K`` members predicts: probabilities ``[K, B, C]``, or means ``[K, B, T]``.

    Args:
        estimator: A fitted one that ``has_members``.
        rows: ``[B, d]``.
        spec: The task.
    """
    given = rows.astype(np.float32) if isinstance(estimator, FORESTS) else rows
    columns = estimator.estimators_features_ if isinstance(estimator, BAGGED) else None
    found = []
    for number, member in enumerate(estimator.estimators_):
        own = given if columns is None else given[:, columns[number]]
        if spec.task is Task.CLASSIFICATION:
            # Ensembles count classes from 0 before they fit their members.
            classes = np.asarray(estimator.classes_)[np.asarray(member.classes_, dtype=np.int64)]
            found.append(_all_classes(member.predict_proba(own), classes, spec.num_outputs))
        else:
            found.append(member.predict(own).reshape(len(rows), -1))
    return np.stack(found)


def _all_classes(values: Array, classes: NDArray[np.int64], count: int) -> Array:
    everything = np.zeros((len(values), count))
    everything[:, classes] = values
    return everything
