"""Composition of configs from overrides, through Hydra, with all problems reported at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.config.check import all_problems
from alrun.config.environment import resolve
from alrun.config.overrides import Choices, ParsedOverride, key_problems, parse_overrides
from alrun.config.replaced import drop_other_options
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem
from alrun.core.knobs import Part, terms
from alrun.core.settings import Config

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from alrun.config.compat import ConfigLoaderImpl
    from alrun.config.space import Space

__all__ = ["Composed", "Composer", "Sweep", "choices_of", "resolved"]


@dataclass(frozen=True)
class Composed:
    """A composed config.

    Attributes:
        config: The experiment, unresolved, without Hydra's own node.
        choices: The option that each group was given, several joined by ``+``.
        hydra: Hydra's own node, plain and checked.
        words: What it was composed from.
        values: ``config`` as plain containers, where that is known already.
        folder: Where the run began that it was read from; ``None`` where it was typed here.
    """

    config: DictConfig
    choices: Mapping[str, str]
    hydra: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    values: dict[str, Any] | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class Sweep:
    """The jobs of a sweep.

    Attributes:
        words: Each job's words, in the order in which Hydra's basic sweeper runs them.
        given: The words that they come from.
        hydra: Hydra's own node for the sweep as a whole.
        compose: Returns the config of one job from its words; it is good until the next is asked for.
        globbed: Those of the words that no one typed: options that a pattern matches.
        space: What is searched, where not every combination is a job.
    """

    words: Sequence[tuple[str, ...]]
    given: Sequence[str]
    hydra: Mapping[str, Any]
    compose: Callable[[tuple[str, ...]], Composed]
    globbed: frozenset[str] = frozenset()
    space: Space | None = None


def choices_of(config: DictConfig, hydra: Mapping[str, Any]) -> dict[str, str]:
    """Return the option that each top-level group was given.

    It is in Hydra's own node; several options, which Hydra does not note, are the names that ``config`` has them under.
    """
    noted = {str(group): value for group, value in hydra["runtime"]["choices"].items() if isinstance(value, str)}
    groups = (key for key, term in terms(Config).items() if isinstance(term, Part) and term.several)
    several = {group: "+".join(map(str, config[group])) for group in groups if config.get(group)}
    return several | {group: option for group, option in noted.items() if not {"/", "@"} & set(group)}


def resolved(config: DictConfig) -> dict[str, Any]:
    """Return ``config`` as plain containers, interpolations resolved, once: what then looks like one is text.

    Raises:
        ConfigError: With each interpolation that leads nowhere or that is not offered, and each value that is missing.
    """
    return resolve(config).values


class Composer:
    """Composes configs from alrun's own groups and one more folder, through Hydra's search path."""

    def __init__(self, trust: Trust, config_dir: Path | None = None) -> None:
        """Compose from alrun's ``conf``, then from ``config_dir``; ``trust`` is for what is checked."""
        self._trust = trust
        self.config_dir = config_dir
        self._last: Composed | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what is quickly made again."""
        return {"_trust": self._trust, "config_dir": self.config_dir, "_last": None}

    def compose(self, words: Sequence[str]) -> Composed:
        """Return the config of one job.

        Raises:
            ConfigError: With everything that is wrong with ``words``.
        """
        if self._last is not None and self._last.words == tuple(words):
            return self._last
        overrides = self.parsed(words)
        several = [Problem(f"{o.text} has several values", "", f"alrun -m {o.text}") for o in overrides if o.is_sweep]
        if several:
            raise ConfigError(several)
        self._last = self.load(overrides, words)
        return self._last

    def compose_sweep(self, words: Sequence[str]) -> Sweep:
        """Return the jobs of a sweep.

        Raises:
            ConfigError: With what is wrong with ``words`` themselves.
        """
        from alrun.config.sweep import Expansion

        return Expansion(self, words).sweep()

    def compose_single(self, words: Sequence[str]) -> Sweep:
        """Return the sweep of one job.

        Raises:
            ConfigError: With everything that is wrong with ``words``.
        """
        return Sweep([tuple(words)], words, self.compose(words).hydra, self.compose)

    def is_sweep(self, words: Sequence[str]) -> bool:
        """Return whether ``words`` ask for a sweep: by ``hydra.mode``, themselves or in an option that they choose.

        Raises:
            ConfigError: With everything that is wrong with ``words``.
        """
        from alrun.config.sweep import Expansion

        overrides, _ = parse_overrides(words)
        several = any(override.is_sweep for override in overrides)
        hydra = Expansion(self, words).hydra if several else self.compose(words).hydra
        return hydra.get("mode") == "MULTIRUN"

    @cached_property
    def loader(self) -> ConfigLoaderImpl:
        """Hydra's config loader."""
        from alrun.config.hydra_loader import opened

        with opened(self.config_dir) as loader:
            return loader

    @cached_property
    def _choices(self) -> Choices:
        return Choices(self.loader)

    def parsed(self, words: Sequence[str], *, listed: bool = True) -> list[ParsedOverride]:
        """Return ``words`` as Hydra reads them.

        Args:
            words: Words of the command line.
            listed: Whether each sweep must be a list of values.

        Raises:
            ConfigError: A word cannot be read, or names a group or option that there is not.
        """
        overrides, problems = parse_overrides(words, self.loader)
        choices = self._choices
        for override in overrides:
            problems += choices.problems(override, listed=listed)
        if problems:
            sound = {override.text for override in overrides if not list(choices.problems(override, listed=listed))}
            refused = {word.partition("=")[0].lstrip("+") for word in words if word not in sound}
            further = self._further(overrides, problems)
            raise ConfigError(problems + [problem for problem in further if problem.where not in refused])
        return overrides

    def is_group(self, override: ParsedOverride) -> bool:
        """Return whether ``override`` chooses options of a group."""
        return self._choices.is_group(override)

    def load(self, overrides: Sequence[ParsedOverride], words: Sequence[str]) -> Composed:
        """Return the config of ``words``; ``overrides``, the whole command line, say what else is wrong.

        Raises:
            ConfigError: With everything that is wrong.
        """
        from alrun.config.hydra_loader import checked_node, composed, without_node

        try:
            config = composed(self.loader, words)
        except ConfigError as error:
            raise ConfigError(self._further(overrides, []) or error.problems) from error
        drop_other_options(config, parse_overrides(words)[0], self._trust)
        try:
            hydra = checked_node(config)
        except ConfigError as error:
            raise ConfigError(
                dict.fromkeys([*error.problems, *self._experiment_problems(without_node(config))])
            ) from error
        without_node(config)
        return Composed(config, choices_of(config, hydra), hydra, tuple(words))

    def _experiment_problems(self, config: DictConfig) -> Sequence[Problem]:
        try:
            found = resolve(config)
            with found.secrets.kept():
                return found.secrets.without(all_problems(found.values, self._trust))
        except ConfigError as error:
            return error.problems

    def _further(self, overrides: Sequence[ParsedOverride], known: Sequence[Problem]) -> list[Problem]:
        """Return what else is wrong, so that everything is said at once: keys, then what the sound words give."""
        from alrun.config.hydra_loader import load

        choices = self._choices
        groups = [o for o in overrides if choices.is_group(o) and not list(choices.problems(o))]
        values = [o for o in overrides if not choices.is_group(o) and not list(choices.problems(o))]
        try:
            base, _ = load(self.loader, [override.values()[0] for override in groups])
        except ConfigError as error:
            return [] if known else list(error.problems)
        wrong = {override.text: key_problems(override, base) for override in values}
        sound = [*groups, *(override for override in values if not wrong[override.text])]
        problems = [problem for found in wrong.values() for problem in found]
        if len(sound) == len(groups):
            return [*problems, *self._experiment_problems(base)]
        try:
            config, _ = load(self.loader, [override.values()[0] for override in sound])
        except ConfigError as error:
            return [*problems, *error.problems]
        drop_other_options(config, sound, self._trust)
        return [*problems, *self._experiment_problems(config)]
