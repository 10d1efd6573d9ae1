"""Errors that alrun raises.

* AlrunError                 exit code 1
  + ConfigError              exit code 2: the command line or a config file is wrong
    - DataError              a data file, column or value is wrong
    - UntrustedTarget        a ``_target_`` outside the allowlist
    - IdentityMismatch       a resumed config differs from the stored one where it matters
  + LockedError              exit code 75: another process holds the run
  + StoreError               a run directory cannot be read or written
    - CorruptionError        a stored file does not hold what was committed
    - FormatError            a run directory is laid out as a later alrun does it
    - RunDirectoryLost       the run directory was removed or replaced while the run was under way
  + StrategyError            a strategy, learner or pool broke its contract
    - StrategyTimeout        a strategy took longer than it may
  + NotAttachedError         a strategy was used before ``attach`` (also a ``RuntimeError``)
  + Interrupted              exit code 128 + signal: stopped from outside, resumable
    - Suspended              left between two steps by whoever ran it step by step, resumable
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = [
    "AlrunError",
    "ConfigError",
    "CorruptionError",
    "DataError",
    "FormatError",
    "IdentityMismatch",
    "Interrupted",
    "LockedError",
    "NotAttachedError",
    "Problem",
    "RunDirectoryLost",
    "StoreError",
    "StrategyError",
    "StrategyTimeout",
    "Suspended",
    "UntrustedTarget",
]


@dataclass(frozen=True)
class Problem:
    """A problem: what is wrong, where, and what to type instead.

    Attributes:
        what: The fault in one clause, e.g. ``"unknown key 'learner.hiden'"``.
        where: Config key, file or row; empty when ``what`` already says it.
        hint: What to type next; empty when there is nothing better to say.
    """

    what: str
    where: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """Return ``where: what (hint)`` on one line."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n    → {self.hint}" if self.hint else head


class AlrunError(Exception):
    """Base of all errors raised on purpose; ``exit_code`` is what the shell sees."""

    exit_code: int = 1


class ConfigError(AlrunError):
    """The experiment as described cannot be run. Carries every problem found."""

    exit_code = 2

    def __init__(self, problems: Problem | str | Iterable[Problem]) -> None:
        """Collect ``problems``; a bare string stands for a single problem."""
        if isinstance(problems, str):
            problems = Problem(problems)
        self.problems: Sequence[Problem] = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[Problem, ...]]]:
        """Rebuild from the problems, so that the error crosses process borders."""
        return type(self), (tuple(self.problems),)


class DataError(ConfigError):
    """The data set cannot be used as asked: file, column, row or size."""


class UntrustedTarget(ConfigError):
    """A ``_target_`` is not on the allowlist."""


class IdentityMismatch(ConfigError):
    """A stored run and the config that should continue it differ in a way that changes results."""


class LockedError(AlrunError):
    """Another process holds the run directory."""

    exit_code = 75


class StoreError(AlrunError):
    """A run directory cannot be read or written."""


class CorruptionError(StoreError):
    """A stored file is not what was committed."""


class FormatError(StoreError):
    """A run directory is of a format that this alrun does not know."""

    exit_code = 2


class RunDirectoryLost(StoreError):
    """The run directory was removed, moved or replaced under the process that runs it."""


class StrategyError(AlrunError):
    """A strategy, learner, pool or callback violated its protocol."""


class StrategyTimeout(StrategyError):
    """A strategy took longer than ``timeout`` in the config allows."""


class NotAttachedError(AlrunError, RuntimeError):
    """A strategy needs its driver, but ``attach`` was never called."""


class Interrupted(AlrunError):
    """A signal ended the run between two commits; the same command continues it."""

    def __init__(self, signum: int) -> None:
        """Remember the signal; the exit code is ``128 + signum``."""
        super().__init__(f"interrupted by signal {signum}")
        self.signum = signum
        self.exit_code = 128 + signum


class Suspended(Interrupted):
    """Whoever ran it phase by phase left it between two commits; the same call continues it."""

    exit_code = 0

    def __init__(self) -> None:
        """Say so."""
        AlrunError.__init__(self, "left between two phases, to be continued")
        self.signum = 0
