"""Stored run in the directory of an experiment, and whether the experiment continues it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from alrun.config.environment import Resolved, described
from alrun.config.identity import identity_difference, identity_hash
from alrun.config.stored import parse_config
from alrun.core.errors import FormatError, IdentityMismatch, Problem, StoreError
from alrun.core.showing import typed
from alrun.runner.algorithms import algorithm_problems
from alrun.runner.data_files import same_but_for_paths
from alrun.runner.records import rerun_problems
from alrun.store.rundir import RunDirectory

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["StoredRun"]

FRESH = "fresh=true starts over"


class StoredRun:
    """What lies in the directory of an experiment already."""

    def __init__(self, directory: RunDirectory, config: DictConfig, resolved: Resolved) -> None:
        """Compare the run in ``directory`` with an experiment: its ``config``, and the same ``resolved``."""
        self._directory = directory
        self._config = config
        self._resolved = resolved

    def continues(self, info: Mapping[str, Any]) -> bool:
        """Return whether ``info`` is of this experiment, also by the identity that had values of secrets in it."""
        stored = info["identity"]
        if stored == identity_hash(self._resolved.described):
            return True
        return bool(self._resolved.secrets) and stored == identity_hash(self._resolved.values)

    def info(self, fingerprint: str | None, algorithms: Mapping[str, int], *, repair: bool) -> dict[str, Any] | None:
        """Return the stored ``run.json``; ``None`` where there is none to continue.

        Args:
            fingerprint: Of the data.
            algorithms: Numbers of the algorithms by config key.
            repair: Whether a damaged one is to be written anew: the directory is the one of this experiment.

        Raises:
            IdentityMismatch: The experiment does not continue it; says in what it differs, and what to type.
            StoreError: It cannot be read.
        """
        if not self._directory.exists:
            return None
        self._directory.refuse_links()
        try:
            info = self._directory.info()
        except FormatError:
            raise
        except StoreError:
            if repair:
                return None
            raise
        problems = self._problems(info, fingerprint, algorithms)
        if problems:
            raise IdentityMismatch(problems)
        return info

    def _problems(
        self, info: Mapping[str, Any], fingerprint: str | None, algorithms: Mapping[str, int]
    ) -> list[Problem]:
        rerun = f"alrun rerun {typed(self._directory.path)} keeps the labels"
        problems = [] if self.continues(info) else self._differences(info)
        if info.get("fingerprint") != fingerprint:
            problems.append(Problem("the data have changed since the run started", "data", f"{rerun}; {FRESH}"))
        problems += algorithm_problems(info["algorithms"], algorithms, rerun)
        problems += rerun_problems(self._directory, info)
        return problems

    def _differences(self, info: Mapping[str, Any]) -> list[Problem]:
        """Return the keys in which the stored config differs from this one; of variables no value is told.

        Other paths of data make no difference: their fingerprint is compared.
        """
        stored = parse_config(self._directory.config_text(), str(self._directory.config))
        if same_but_for_paths(described(stored, info["environment"]), self._resolved.described):
            return []
        written = identity_difference(described(stored, None), described(self._config, None))
        problems = [Problem(f"the run has {old!r}, the command {new!r}", key, FRESH) for key, old, new in written]
        told = {key for key, _, _ in written}
        held = identity_difference(described(stored, info["environment"]), self._resolved.described)
        problems += [
            Problem("an environment variable has another value than when the run started", key, "restore its value")
            for key, _, _ in held
            if key not in told
        ]
        what = "the run was started with another config, or with its strategies in another order"
        return problems or [Problem(what, str(self._directory.config), FRESH)]
