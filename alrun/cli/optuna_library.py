"""Distributions, samplers and errors of Optuna, as a search needs them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from alrun.config.space import Dimension
from alrun.core.errors import ConfigError, Problem

__all__ = ["damages", "distribution", "quiet", "sampler"]


def sampler(node: Mapping[str, Any], number: int) -> Any:
    """Return the sampler ``node`` for trial ``number``; it draws what it would have drawn in a process that went on.

    Raises:
        ConfigError: Optuna is not installed, or the sampler refuses its options.
    """
    try:
        import optuna
    except ImportError as error:
        what = "Optuna is not installed"
        raise ConfigError(Problem(what, "hydra/sweeper=optuna", "pip install 'alrun[optuna]'")) from error
    import numpy as np

    name, options = node["_target_"], {key: value for key, value in node.items() if key != "_target_"}
    seed = (options.pop("seed", None) or 0, number)
    own = int(np.random.SeedSequence(seed).generate_state(1)[0])
    kind = getattr(optuna.samplers, name.rpartition(".")[2])
    try:
        with quiet():
            return kind(seed=own, **options)
    except (TypeError, ValueError) as error:
        raise ConfigError(Problem(f"{name} refused it: {error}", "hydra.sweeper.sampler")) from error


def distribution(one: Dimension) -> Any:
    """Return what Optuna draws ``one`` from; ``None`` without Optuna, which is said when its sampler is made.

    Raises:
        ConfigError: Optuna refuses its bounds.
    """
    try:
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
    except ImportError:
        return None
    numbers = one.numbers or one.interval
    if numbers is None:
        return CategoricalDistribution(one.options)
    kind: Any = IntDistribution if all(isinstance(number, int) for number in numbers) else FloatDistribution
    step = numbers[1] - numbers[0] if len(one.numbers) > 1 else None
    steps = {"step": step} if step is not None else {}
    try:
        with quiet():
            return kind(numbers[0], numbers[-1], log=one.is_log, **steps)
    except ValueError as error:
        raise ConfigError(Problem(f"{one.key}: {error}", "command line", f"{one.key}=interval(0.0,0.5)")) from error


def damages() -> tuple[type[Exception], ...]:
    """Return the errors that say that the file of a study cannot be used."""
    from optuna.exceptions import OptunaError
    from sqlalchemy.exc import SQLAlchemyError

    return (OptunaError, SQLAlchemyError)


@contextmanager
def quiet() -> Iterator[None]:
    """Have Optuna log nothing, and warn of nothing."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        optuna.logging.set_verbosity(before)
