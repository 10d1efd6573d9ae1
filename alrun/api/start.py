"""Start of experiments from Python: the same checks, identity, lock and resume as on the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alrun.api.composed_config import ComposedConfig, compose
from alrun.api.finish import finish
from alrun.api.run import Run
from alrun.api.steps import Steps
from alrun.core.errors import ConfigError, Problem

__all__ = ["run", "steps"]


def run(*overrides: str | ComposedConfig, config_dir: str | Path | None = None, trust: Sequence[str] = ()) -> Run:
    """Run an experiment, or go on with it, or answer from its records where it is finished.

    ``alrun.run("query=badge", "seed=1")`` does what ``alrun query=badge seed=1`` does: same directory, same bytes,
    same lock. A first Ctrl-C raises ``Interrupted`` at the next safe point, a second one at once; either way what is
    committed stays, and the same call goes on. Global random generators, and what the caller has set up in Hydra, are
    afterwards as they were.

    Args:
        overrides: Words as on the command line, or one config from ``alrun.compose``.
        config_dir: A folder of further config groups, as ``--config-dir`` names one.
        trust: Packages, modules or classes that configs may build from, as ``--trust`` names them. A class of the
            calling program that the words name, as ``query.random._target_=__main__.Mine``, needs no mention.

    Raises:
        ConfigError: With everything that is wrong with the experiment.
        LockedError: Another process runs it.
        Interrupted: A signal ended it.
        AlrunError: Anything else that ended it.
    """
    config = _config(overrides, config_dir, trust)
    return Run(finish(config.experiment()).directory, trust=config.trust.packages)


def steps(
    *overrides: str | ComposedConfig,
    phases: bool = False,
    config_dir: str | Path | None = None,
    trust: Sequence[str] = (),
) -> Steps:
    """Run an experiment by hand: an iterator that runs one step, or with ``phases`` one phase, at a time.

    ``for step in alrun.steps("query=margin"): print(step.labels, step.metrics)``. Between two of them the ``driver``
    may be looked at: ``steps.driver.learner``, ``.unlabeled_pool``, ``.query(10)``. The run is held until the
    iterator is exhausted or closed (``steps.close()``, or ``with``); what is left goes on with ``alrun.run``.

    Args:
        overrides: As of ``run``.
        phases: Whether to stop after each of the five phases of a step.
        config_dir: As of ``run``.
        trust: As of ``run``.

    Raises:
        AlrunError: As of ``run``.
    """
    config = _config(overrides, config_dir, trust)
    return Steps(config.experiment(), phases=phases, trust=config.trust.packages)


def _config(
    overrides: Sequence[str | ComposedConfig], config_dir: str | Path | None, trust: Sequence[str]
) -> ComposedConfig:
    words = [word for word in overrides if isinstance(word, str)]
    if len(words) == len(overrides):
        return compose(words, config_dir=config_dir, trust=trust)
    (config, *others) = overrides
    if others or not isinstance(config, ComposedConfig) or trust or config_dir is not None:
        what = "a composed config is run as it is, alone"
        raise ConfigError(Problem(what, "alrun.run", 'alrun.run("query=badge", "seed=1")'))
    return config
