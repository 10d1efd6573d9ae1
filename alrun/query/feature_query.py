"""Feature query: any kind of features with any selector (core-set, BADGE, LCMD and others)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.core.names import function_name
from alrun.core.types import Task
from alrun.query.batch import BatchQuery
from alrun.query.candidates import Candidates, FeatureKind

__all__ = ["FeatureQuery"]

_OFFERED = frozenset({"features", "labeled", "unknown", "n", "generator"})


class FeatureQuery(BatchQuery):
    """Rows that a selector picks by their features.

    Holzmüller et al. (2023), "A framework and benchmark for deep batch active learning for regression", section 3:
    a method is a kernel, transformations of it, and a rule that selects.

    Args:
        max_samples: Rows a call.
        features: What rows are compared by: one of ``alrun.query.features``.
        selector: Function of ``features`` and ``n`` and, where its signature names them, ``labeled`` (positions of
            the labeled rows, whose features then come too), ``unknown`` (likewise of rows that were bought and are of
            no class) and ``generator``; returns positions in order of choice. Those of ``alrun.query.selection`` are
            such.

    Raises:
        ConfigError: The selector takes no ``features`` or no ``n``, or needs what nobody gives it.
    """

    tasks: ClassVar[frozenset[Task]] = frozenset(Task) - {Task.SEGMENTATION}

    def __init__(self, max_samples: int, features: FeatureKind, selector: Callable[..., Tensor]) -> None:
        super().__init__(max_samples)
        parameters = inspect.signature(selector).parameters
        self._offered = _OFFERED & set(parameters)
        lacking = [
            name
            for name, parameter in parameters.items()
            if parameter.default is parameter.empty and name not in _OFFERED and parameter.kind < parameter.VAR_KEYWORD
        ]
        if not {"features", "n"} <= self._offered or lacking:
            what = (
                f"a selector takes features and n, and perhaps labeled, unknown and generator, but this one "
                f"{_taken(lacking)}"
            )
            raise ConfigError(Problem(what, "query.*.selector", "see alrun.query.selection"))
        self.features: FeatureKind = features
        self.multi_task = features.multi_task
        self.needs_labeled, self.needs_unknown = "labeled" in self._offered, "unknown" in self._offered
        self._selector = selector

    @property
    def stream_kind(self) -> str:
        """The class and its selector."""
        return f"{type(self).__name__}/{function_name(self._selector)}"

    def pick(self, candidates: Candidates, n: int) -> Tensor:
        """Return what the selector picks."""
        offered: dict[str, Any] = {"features": candidates.features, "n": n}
        if "labeled" in self._offered:
            offered["labeled"] = candidates.covered.to(self.driver.device)
        if "unknown" in self._offered:
            offered["unknown"] = candidates.unknown.to(self.driver.device)
        if "generator" in self._offered:
            offered["generator"] = self.generator()
        return self._selector(**offered)


def _taken(lacking: list[str]) -> str:
    return f"also needs {', '.join(lacking)}" if lacking else "does not"
