"""Learner around an estimator of scikit-learn."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.errors import Problem, StrategyError
from alrun.core.seeding import Seeds
from alrun.core.types import Task, TaskSpec
from alrun.learner.estimators import class_probabilities, constant, has_members, member_predictions, seeded
from alrun.learner.fitted import Fitted
from alrun.learner.losses import one_class_each

__all__ = ["ScikitLearn"]

#: Probabilities below are taken for this one, as in scikit-learn's ``log_loss``.
LEAST = float(np.finfo(np.float32).eps)


class ScikitLearn(Fitted):
    """Any classifier or regressor of scikit-learn, fitted anew to all labels at once.

    Outputs are log-probabilities ``[B, C]``, with that of a class without a label at the least; means ``[B, T]``; or
    means and log-variances ``[B, 2T]`` where the estimator predicts a standard deviation (``GaussianProcessRegressor``,
    ``BayesianRidge``). Columns in ``spec.standardize`` are standardized before, and so are regression targets. With
    ``inference=committee`` the trees of a forest, or the members of bagging or voting, are samples of a posterior.
    There are no gradients and no embeddings.

    What it has learned is saved as what it was fitted to, rows, labels and random state, and fitted again when that is
    loaded: nothing is pickled, and no other version's trees are read. A commit holds the labeled inputs, therefore. The
    outputs that it also holds tell whether another version fits otherwise.

    Args:
        spec: Input shape (flattened), task and number of outputs.
        estimator: An estimator that has not been fitted; ``None`` for a random forest. Where its ``random_state`` is
            ``None``, and that of estimators inside of it, it is drawn from the seeds of each training phase.

    Attributes:
        recipe: The estimator, never fitted itself.
        has_committee: Whether ``committee`` gives members.

    Raises:
        ConfigError: The estimator is of another kind than the task, or gives no probabilities.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION, Task.REGRESSION})

    def __init__(self, spec: TaskSpec, estimator: Any = None) -> None:
        classifies = spec.task is not Task.REGRESSION
        if estimator is None:
            estimator = (RandomForestClassifier if classifies else RandomForestRegressor)()
        gaussian = not classifies and _gives_deviation(estimator)
        super().__init__(spec, "gaussian" if gaussian else "mean", _problems(estimator, classifies))
        self.recipe = estimator
        self.has_committee = has_members(estimator)
        self.fitted_inputs, self.fitted_targets, self.random_state = _Kept(), _Kept(), _Kept()
        self._known: tuple[tuple[Tensor, ...], Any] | None = None

    def fit_at_once(self, inputs: Tensor, targets: Tensor, seeds: Seeds) -> Mapping[str, float]:
        """Fit a new estimator.

        Raises:
            StrategyError: It refuses these labels.
        """
        self.fitted_inputs.set_extra_state(inputs)
        self.fitted_targets.set_extra_state(targets)
        self.random_state.set_extra_state(torch.tensor(seeds.integer("estimator") % 2**32))
        self._estimator()
        with torch.no_grad():
            return {"train_loss": float(self.loss(inputs, targets))}

    def forward(self, inputs: Tensor) -> Tensor:
        """Return log-probabilities ``[B, C]``, means ``[B, T]`` or means and log-variances ``[B, 2T]``; no gradient."""
        rows, found = self._rows(inputs), self._estimator()
        if found is None:
            return self._in_units(np.zeros((len(rows), self.num_raw_outputs))).to(inputs.device)
        if not self._regression:
            answers = class_probabilities(found, rows, self.spec.num_outputs)
        elif self._gaussian:
            mean, deviation = found.predict(rows, return_std=True)
            spread = 2 * np.log(np.maximum(deviation, LEAST))
            answers = np.column_stack([mean, spread])
        else:
            answers = found.predict(rows).reshape(len(rows), -1)
        outputs: Tensor = self._in_units(answers).to(inputs.device)
        return outputs

    def committee(self, inputs: Tensor) -> Tensor:
        """Return the outputs ``[K, B, C]`` or ``[K, B, T]`` of its members: trees, or what was bagged or votes."""
        rows, found = self._rows(inputs), self._estimator()
        if found is None or not has_members(found):
            return self.forward(inputs).expand(2, -1, -1)
        return self._in_units(member_predictions(found, rows, self.spec)).to(inputs.device)

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """Return the cross-entropy in nats, or the mean squared error in units of the standardized target."""
        outputs = self.forward(inputs)
        if not self._regression:
            return functional.nll_loss(outputs, one_class_each(targets).to(outputs.device))
        wanted = targets.to(outputs).reshape(len(inputs), -1)
        misfit: Tensor = (((outputs[:, : wanted.shape[1]] - wanted) / self.target_std) ** 2).mean()
        return misfit

    def _rows(self, inputs: Tensor) -> NDArray[np.float64]:
        if self._standardizes:
            inputs = (inputs - self.input_mean) / self.input_std
        return inputs.detach().flatten(1).double().cpu().numpy()

    def _in_units(self, answers: NDArray[np.float64]) -> Tensor:
        """Return probabilities ``[..., C]`` as logarithms, or predictions ``[..., T]`` in units of the target."""
        found = torch.from_numpy(np.asarray(answers, dtype=np.float64))
        if not self._regression:
            return found.clamp_min(LEAST).log().float()
        mean, std = self.target_mean.double().cpu(), self.target_std.double().cpu()
        if self._gaussian:
            means, spread = found.chunk(2, dim=-1)
            return torch.cat([means * std + mean, spread + 2 * std.log()], dim=-1).float()
        return (found * std + mean).float()

    def _estimator(self) -> Any:
        """Return the estimator, fitted to what is kept; ``None`` where that is nothing."""
        inputs, targets, state = self.fitted_inputs.value, self.fitted_targets.value, self.random_state.value
        if len(inputs) == 0:
            return None
        kept = (inputs, targets, state)
        if self._known is None or any(one is not other for one, other in zip(self._known[0], kept, strict=True)):
            self._known = kept, self._fitted(self._rows(inputs.to(self.device)), targets, int(state))
        return self._known[1]

    def _fitted(self, rows: NDArray[np.float64], targets: Tensor, state: int) -> Any:
        if not self._regression:
            wanted = one_class_each(targets).numpy()
        else:
            exact = targets.reshape(len(rows), -1).double()
            wanted = ((exact - self.target_mean.double().cpu()) / self.target_std.double().cpu()).numpy()
            wanted = wanted[:, 0] if wanted.shape[1] == 1 else wanted
        if not self._regression and len(np.unique(wanted)) == 1:
            return constant(rows, wanted)
        try:
            return seeded(clone(self.recipe), state).fit(rows, wanted)
        except ValueError as error:
            what = f"{type(self.recipe).__name__} cannot be fitted to {len(rows)} labels: {error}"
            raise StrategyError(f"{what}\n    → initial_size=50, or another learner.estimator") from error


class _Kept(nn.Module):
    """A tensor of any shape that is part of the state."""

    def __init__(self) -> None:
        super().__init__()
        self.value = torch.empty(0)

    def get_extra_state(self) -> Tensor:
        return self.value

    def set_extra_state(self, state: Tensor) -> None:
        """Take ``state``, unless that is what there is."""
        same = self.value.dtype == state.dtype and self.value.shape == state.shape
        if not same or not self.value.equal(state.cpu()):
            self.value = state.detach().cpu().clone()


def _gives_deviation(estimator: Any) -> bool:
    """Return whether it predicts with ``return_std``."""
    predict = getattr(estimator, "predict", None)
    return predict is not None and "return_std" in inspect.signature(predict).parameters


def _problems(estimator: Any, classifies: bool) -> Iterator[Problem]:
    key, name, kind = "learner.estimator", type(estimator).__name__, "Classifier" if classifies else "Regressor"
    fits = is_classifier if classifies else is_regressor
    hint = f"'{key}={{_target_: sklearn.ensemble.RandomForest{kind}}}'"
    if not hasattr(estimator, "fit") or not fits(estimator):
        yield Problem(f"{name} is not a {kind.lower()}, which the data need", key, hint)
    elif classifies and not hasattr(estimator, "predict_proba"):
        yield Problem(f"{name} gives no probabilities", key, hint)
