"""Composed config: what one experiment is, checked, to be read, printed as YAML, and run."""

from __future__ import annotations

import copy
import html
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.api.own_classes import own_targets
from alrun.config.compat import hydra_apart
from alrun.config.compose import Composed, Composer
from alrun.config.environment import resolve
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from alrun.runner.run import Experiment

__all__ = ["ComposedConfig", "compose"]


class ComposedConfig(Mapping[str, Any]):
    """The config of one experiment; reads like a dict of plain values, and prints as YAML.

    Values of secrets (``${oc.env:…}``) are their references here. What is read from it is a copy: an experiment is
    changed by composing another.

    Attributes:
        identity: SHA-256 of all that can change a result, 64 hexadecimal digits.
        directory: The run directory, absolute; a run may be there already.
        choices: The option that each config group was given.
    """

    def __init__(self, composed: Composed, trust: Trust) -> None:
        """Check ``composed``; the classes that it names are imported, and nothing is built.

        Raises:
            ConfigError: With everything that is wrong.
        """
        self._composed, self._trust = composed, trust
        self._values = resolve(composed.config).described
        experiment = self.experiment()
        experiment.check()
        self.identity: str = experiment.identity
        self.directory: Path = experiment.directory.path
        self.choices: Mapping[str, str] = dict(composed.choices)

    @property
    def trust(self) -> Trust:
        """What it is built under."""
        return self._trust

    def experiment(self) -> Experiment:
        """Return the experiment, as the command line would run it."""
        from alrun.runner.run import Experiment

        return Experiment(self._composed, self._trust)

    def __getitem__(self, key: str) -> Any:
        """Return a copy of the value of a top-level key."""
        return copy.deepcopy(self._values[key])

    def __iter__(self) -> Iterator[str]:
        """Iterate over the top-level keys."""
        return iter(self._values)

    def __len__(self) -> int:
        """Return the number of top-level keys."""
        return len(self._values)

    def __str__(self) -> str:
        """Return the config as YAML."""
        import yaml

        text: str = yaml.safe_dump(self._values, sort_keys=False, allow_unicode=True, width=120)
        return text

    def __repr__(self) -> str:
        return f"ComposedConfig({self.directory.name!r})"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"


def compose(
    overrides: Sequence[str] = (), *, config_dir: str | Path | None = None, trust: Sequence[str] = ()
) -> ComposedConfig:
    """Return the checked config of one experiment, as ``alrun --cfg job`` would show it.

    What the calling program itself defines may be named: ``query.random._target_=__main__.Mine``.

    Args:
        overrides: Words as on the command line: ``["query=badge", "seed=1"]``.
        config_dir: A folder of further config groups, as ``--config-dir`` names one.
        trust: Packages, modules or classes that configs may build from, as ``--trust`` names them.

    Raises:
        ConfigError: With everything that is wrong.
    """
    words = _words(overrides)
    allowed = Trust([*trust, *own_targets(words)])
    with hydra_apart():
        composed = Composer(allowed, None if config_dir is None else Path(config_dir)).compose(words)
    return ComposedConfig(composed, allowed)


def _words(overrides: Sequence[str]) -> list[str]:
    if isinstance(overrides, str) or not all(isinstance(word, str) for word in overrides):
        hint = 'alrun.compose(["query=badge", "seed=1"])'
        raise ConfigError(Problem("overrides are a list of words", "alrun.compose", hint))
    return list(overrides)
