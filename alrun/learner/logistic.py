"""Logistic regression with an L2 penalty, to convergence: a trust-region Newton method in ``float64``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["logistic_regression"]

Array = NDArray[np.float64]
#: Relative to the largest: directions in which the inputs do not vary.
NO_VARIANCE = 1e-12


def logistic_regression(inputs: Array, classes: NDArray[np.int64], count: int, l2: float) -> tuple[Array, Array]:
    """Return the weights ``[count, d]`` and intercepts ``[count]`` that minimize ``sum loss + l2 / 2 * |weights|²``.

    The loss is the cross-entropy in nats, and intercepts are free: the problem of scikit-learn's
    ``LogisticRegression(C=1 / l2)``, for two classes (``count = 2``) likewise in the difference of their logits. It is
    strictly convex, so that the answer is a function of the rows. Solved in the principal axes of the inputs, each
    scaled by its curvature, where Newton's method (Conn, Gould and Toint 2000, "Trust-Region Methods", chapter 7) needs
    few products with the Hessian. A class without a row has no finite intercept; it gets weights of 0 and the intercept
    with which its mean probability is about ``1 / (n + count)``, Laplace's rule of succession.

    Args:
        inputs: ``[n, d]``, ``n >= 1``.
        classes: ``[n]``, from 0 to ``count - 1``.
        count: Number of classes.
        l2: Precision of the Gaussian prior on each weight, positive.
    """
    seen = np.unique(classes)
    weights, intercepts = np.zeros((count, inputs.shape[1])), np.zeros(count)
    mean = inputs.mean(axis=0)
    axes, curvature = _principal_axes(inputs - mean, len(seen))
    rows = (inputs - mean) @ axes
    if len(seen) > 1:
        onehot = (classes[:, None] == seen).astype(np.float64)
        found, free = _fitted(rows, onehot, l2 * (2 if count == 2 else 1), curvature)
        weights[seen] = found @ axes.T
        intercepts[seen] = free - weights[seen] @ mean
    absent = np.setdiff1d(np.arange(count), seen)
    if len(absent):
        level = _log_sum(inputs @ weights[seen].T + intercepts[seen]).mean()
        intercepts[absent] = level - np.log(len(inputs) + count)
    return weights, intercepts


def _principal_axes(centered: Array, classes: int) -> tuple[Array, Array]:
    """Return an orthonormal basis ``[d, k]`` of what the rows span, and the loss's curvature along it at the start."""
    rows, columns = centered.shape
    if columns <= rows:
        values, axes = np.linalg.eigh(centered.T @ centered)
    else:
        values, left = np.linalg.eigh(centered @ centered.T)
        axes = (centered.T @ left) / np.sqrt(np.maximum(values, np.finfo(np.float64).tiny))
    kept = values > NO_VARIANCE * max(values.max(initial=0.0), np.finfo(np.float64).tiny)
    return axes[:, kept], values[kept] * (classes - 1) / classes**2


def _fitted(rows: Array, onehot: Array, l2: float, curvature: Array) -> tuple[Array, Array]:
    """Return weights ``[C, k]`` and intercepts ``[C]``, the latter with mean 0."""
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    size, count = onehot.shape
    scale = 1 / np.sqrt(np.append(curvature + l2, size * (count - 1) / count**2))
    design = np.column_stack([rows, np.ones(size)]) * scale
    penalty = np.append(np.full(rows.shape[1], l2), 0.0) * scale**2
    start = size * np.log(count)
    # Below it, differences of the objective are rounding.
    least = max(1e-7, np.sqrt(10 * np.finfo(np.float64).eps * start))
    objective, product = _problem(design, onehot, penalty)
    zero = np.zeros(count * design.shape[1])
    radii = {"initial_trust_radius": np.sqrt(size), "max_trust_radius": np.inf}
    answer = minimize(objective, zero, jac=True, hessp=product, method="trust-ncg", options={"gtol": least, **radii})
    found: Array = answer.x.reshape(count, -1) * scale
    return found[:, :-1], found[:, -1]


def _problem(
    design: Array, onehot: Array, penalty: Array
) -> tuple[Callable[[Array], tuple[float, Array]], Callable[[Array, Array], Array]]:
    """Return value and gradient, and the product of the Hessian with a direction, as functions of flat ``[C * k]``."""
    count = onehot.shape[1]
    known: dict[bytes, Array] = {}

    def probabilities(flat: Array) -> tuple[Array, Array]:
        logits = design @ flat.reshape(count, -1).T
        total = _log_sum(logits)
        known.clear()
        known[flat.tobytes()] = np.exp(logits - total[:, None])
        return known[flat.tobytes()], total - (logits * onehot).sum(axis=1)

    def objective(flat: Array) -> tuple[float, Array]:
        found, losses = probabilities(flat)
        weights = flat.reshape(count, -1)
        gradient = (found - onehot).T @ design + penalty * weights
        return float(losses.sum() + 0.5 * (penalty * weights**2).sum()), gradient.ravel()

    def product(flat: Array, direction: Array) -> Array:
        found = known[flat.tobytes()] if flat.tobytes() in known else probabilities(flat)[0]
        ways = direction.reshape(count, -1)
        change = found * (design @ ways.T)
        change -= found * change.sum(axis=1, keepdims=True)
        result: Array = (change.T @ design + penalty * ways).ravel()
        return result

    return objective, product


def _log_sum(logits: Array) -> Array:
    highest = logits.max(axis=1)
    result: Array = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return result
