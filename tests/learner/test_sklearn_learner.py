"""Estimators of scikit-learn as learners: their own numbers, all classes, members, and a state that is data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import BayesianRidge, LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import SVR
from torch import Tensor

from alrun.core.errors import ConfigError, StrategyError
from alrun.core.outputs import gaussian_moments, probabilities
from alrun.core.seeding import Seeds
from alrun.core.types import Task, TaskSpec
from alrun.inference.committee import Committee
from alrun.learner.sklearn import LEAST, ScikitLearn

SEEDS = Seeds(0)
CLASSES = TaskSpec(Task.CLASSIFICATION, (4,), 5)
VALUES = TaskSpec(Task.REGRESSION, (4,), 2, standardize=(1,))
SMOOTH = {"kernel": RBF() + WhiteKernel(0.1), "alpha": 0.0, "optimizer": None}
REGRESSORS = {
    "gp": (GaussianProcessRegressor(**SMOOTH), 2),
    "trees": (ExtraTreesRegressor(5), 2),
    "bayes": (BayesianRidge(), 1),
    "svr": (SVR(), 1),
}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def rows(count: int = 40, used: tuple[int, ...] = (0, 2, 3)) -> tuple[Tensor, Tensor]:
    classes = torch.tensor(used)[torch.arange(count) % len(used)]
    return drawn(count, 4) + 0.7 * classes[:, None], classes


def fitted(estimator: Any = None, spec: TaskSpec = CLASSES, data: Any = None, seeds: Seeds = SEEDS) -> ScikitLearn:
    learner = ScikitLearn(spec, estimator)
    inputs, targets = data or rows()
    learner.fit_statistics(inputs, targets)
    learner.fit_at_once(inputs, targets, seeds)
    return learner.eval()


@pytest.mark.parametrize("estimator", [GaussianNB(), LogisticRegression(), RandomForestClassifier(7, random_state=3)])
def test_probabilities_are_the_estimators_own(estimator: Any) -> None:
    inputs, targets = rows()
    found = probabilities(fitted(estimator)(inputs)).double().numpy()
    wanted = np.zeros((40, 5))
    wanted[:, [0, 2, 3]] = estimator.fit(inputs.double().numpy(), targets.numpy()).predict_proba(
        inputs.double().numpy()
    )
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize("name", REGRESSORS)
def test_regressors_are_told_standardized_values_and_answer_in_units_of_the_target(name: str) -> None:
    estimator, count = REGRESSORS[name]
    spec = TaskSpec(Task.REGRESSION, (4,), count, standardize=(1,))
    inputs = drawn(60, 4) * 3
    targets = 100 + 20 * inputs[:, :count].sin() + 10 * drawn(60, count, seed=3)
    learner, new = fitted(estimator, spec, (inputs, targets)), drawn(8, 4, seed=2)
    scaled = [((values - learner.input_mean) / learner.input_std).double() for values in (inputs, new)]
    assert scaled[0].std(dim=0, unbiased=False)[1] == pytest.approx(1, abs=1e-5)
    mean, std = learner.target_mean.double(), learner.target_std.double()
    torch.testing.assert_close(mean, targets.double().mean(dim=0), atol=1e-3, rtol=0)
    wanted = ((targets.double() - mean) / std).numpy()
    model = clone(estimator)
    if name == "trees":
        model.set_params(random_state=learner._estimator().random_state)
    model.fit(scaled[0].numpy(), wanted if count > 1 else wanted[:, 0])
    moments = gaussian_moments(learner(new), count)
    options = {"return_std": True} if name in ("gp", "bayes") else {}
    answer = model.predict(scaled[1].numpy(), **options)
    means = torch.from_numpy((answer[0] if options else answer).reshape(8, -1)) * std + mean
    torch.testing.assert_close(moments.mean.double(), means, atol=1e-3, rtol=1e-4)
    if options:
        variance = torch.from_numpy(answer[1].reshape(8, -1) ** 2) * std**2
        torch.testing.assert_close(moments.variance.double(), variance, rtol=1e-3, atol=1e-3)
    else:
        assert learner(new).shape == (8, count)


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(6),
        BaggingClassifier(GaussianNB(), 6, max_features=0.5),
        VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())], voting="soft"),
    ],
)
def test_the_mean_of_the_members_is_the_prediction(estimator: Any) -> None:
    learner, inputs = fitted(estimator), rows()[0]
    with Committee().prepared(learner, SEEDS) as predict:
        members = probabilities(predict(inputs))
    assert members.shape[1:] == (40, 5)
    torch.testing.assert_close(members.mean(dim=0), probabilities(learner(inputs)), atol=1e-5, rtol=0)
    assert not torch.equal(members[0], members[1])


def test_trees_of_a_regression_have_units_too() -> None:
    inputs = drawn(30, 4)
    learner = fitted(ExtraTreesRegressor(4, max_depth=3), VALUES, (inputs, 50 + inputs[:, :2]))
    with Committee().prepared(learner, SEEDS) as predict:
        torch.testing.assert_close(predict(inputs).mean(dim=0), learner(inputs), atol=1e-4, rtol=0)


@pytest.mark.parametrize("estimator", [None, HistGradientBoostingClassifier(max_iter=5), LogisticRegression()])
def test_one_class_is_all_that_it_can_answer(estimator: Any) -> None:
    found = probabilities(fitted(estimator, data=rows(6, used=(3,)))(drawn(2, 4)))
    torch.testing.assert_close(found, torch.eye(5)[[3, 3]], atol=5 * LEAST, rtol=0)


def test_an_heir_of_its_state_fits_the_same_once(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = rows()[0]
    learner, heir = fitted(), ScikitLearn(CLASSES)
    assert not probabilities(heir(inputs)).std(dim=1).any()
    state = learner.state_dict()
    assert all(isinstance(value, Tensor) for value in state.values())
    heir.load_state_dict(state)
    assert torch.equal(heir(inputs), learner(inputs))
    fits = heir._estimator()
    heir.load_state_dict({name: value.clone() for name, value in state.items()})
    assert heir._estimator() is fits
    other = fitted(seeds=Seeds(0, step=1))
    assert not torch.equal(other(inputs), learner(inputs))
    assert torch.equal(
        fitted(RandomForestClassifier(random_state=1))(inputs),
        fitted(RandomForestClassifier(random_state=1), seeds=Seeds(7))(inputs),
    )


def test_every_inner_random_state_is_drawn() -> None:
    bagged = fitted(BaggingClassifier(RandomForestClassifier(2), 2))._estimator()
    states = [bagged.random_state, bagged.estimator.random_state]
    assert None not in states
    assert len(set(states)) == 2


def test_what_it_cannot_do_is_said() -> None:
    for estimator, said in [(SVR(), "is not a classifier"), (RidgeClassifier(), "gives no probabilities")]:
        with pytest.raises(ConfigError, match=said):
            ScikitLearn(CLASSES, estimator)
    with pytest.raises(ConfigError, match="is not a regressor"):
        ScikitLearn(VALUES, GaussianNB())
    with pytest.raises(ConfigError, match="HistGradientBoostingClassifier is not made of members"):
        Committee().validate(ScikitLearn(CLASSES, HistGradientBoostingClassifier()))
    inputs, targets = rows()
    with pytest.raises(StrategyError, match="LogisticRegression cannot be fitted to 40 labels"):
        fitted(LogisticRegression(), data=(inputs * float("nan"), targets))
