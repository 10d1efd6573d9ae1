"""Learner of a stored run, rebuilt from its config, with the weights of one of its steps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alrun.config.check import checked
from alrun.config.environment import resolve
from alrun.config.knobs import knob_problems
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem
from alrun.core.generators import generators_kept
from alrun.runner.build import Builder
from alrun.runner.data_files import located
from alrun.runner.reopened import stored
from alrun.store.checkpoints import Commit
from alrun.store.rundir import RunDirectory
from alrun.store.weights import newest_weights

__all__ = ["restored_learner"]

#: Of the config, what a learner is made of: nothing else has to be trusted or installed.
PARTS = ("data", "learner", "inference")


def restored_learner(directory: RunDirectory, trust: Trust, step: int | None = None) -> tuple[Any, Commit, Any]:
    """Return the learner of the run in ``directory``, in eval mode, the commit of its weights, and the data.

    Args:
        directory: The run; nothing in it is changed.
        trust: The allowlist, as for resuming.
        step: The step after whose training the weights were committed; ``None`` for the newest that hold.

    Raises:
        ConfigError: The config does not name a learner that may be built, or the weights are not of such a one.
        StoreError: There are no such weights.
    """
    directory.refuse_links()
    commit, weights = newest_weights(directory, step)
    with generators_kept():
        learner, data = built_learner(directory, trust)
    try:
        learner.load_state_dict(weights)
    except RuntimeError as error:
        what = f"the weights in {commit.path} do not fit: {' '.join(str(error).split())}"
        raise ConfigError(Problem(what, "learner", "have the data or the class changed?")) from error
    learner.eval()
    return learner, commit, data


def built_learner(directory: RunDirectory, trust: Trust) -> tuple[Any, Any]:
    """Return the learner as it was before the first step, and what the ``data`` group built.

    Raises:
        ConfigError: It cannot be built.
    """
    composed = stored(directory, (), trust)
    resolved = resolve(composed.config)
    with resolved.secrets.kept():
        problems = list(knob_problems(resolved.values))
        if problems:
            raise ConfigError(problems)
        config = located(resolved.values, (composed.folder or Path.cwd(), Path.cwd()))
        bound = checked({part: config[part] for part in PARTS}, trust)
        builder = Builder({**config, **bound}, place=directory.path, choices=composed.choices)
        return builder.learner(), builder.data
