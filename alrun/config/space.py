"""Search spaces: the words of a command line that stand for several values, for sweepers that choose among these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from alrun.config.overrides import ParsedOverride

__all__ = ["Dimension", "Space", "space_of"]

Number = int | float


@dataclass(frozen=True)
class Dimension:
    """One key of a search space.

    Attributes:
        key: As it is typed, with ``+`` and package.
        options: The values of a list, as they are typed; none of an interval.
        numbers: The same as numbers in ascending order, where they are a range.
        interval: Bounds of an interval, both included.
        is_log: Whether an interval is searched by magnitude.
        is_glob: Whether the options are all that a pattern matches.
    """

    key: str
    options: tuple[str, ...] = ()
    numbers: tuple[Number, ...] = ()
    interval: tuple[Number, Number] | None = None
    is_log: bool = False
    is_glob: bool = False

    def word(self, value: Any) -> str:
        """Return the word that gives the key one of its values."""
        if self.numbers:
            value = min(self.numbers, key=lambda number: abs(number - value))
        return f"{self.key}={value}"

    @property
    def probes(self) -> tuple[Any, ...]:
        """The values that are tried before the search: all options, but of numbers the bounds."""
        if self.interval:
            return tuple(dict.fromkeys(self.interval))
        return tuple(dict.fromkeys((self.numbers[0], self.numbers[-1]))) if self.numbers else self.options


@dataclass(frozen=True)
class Space:
    """What a sweeper searches.

    Attributes:
        words: The words of the command line in their order; of a dimension the key alone.
        dimensions: Those that have several values, by key.
    """

    words: tuple[str, ...]
    dimensions: dict[str, Dimension]

    def job(self, values: dict[str, Any]) -> tuple[str, ...]:
        """Return the words of the job that has ``values``, by key."""
        return tuple(self.dimensions[word].word(values[word]) if word in values else word for word in self.words)

    def without(self, key: str, options: Sequence[str]) -> Space:
        """Return the space in which the dimension ``key`` lacks some ``options``."""
        one = self.dimensions[key]
        kept = replace(one, options=tuple(option for option in one.options if option not in options))
        return replace(self, dimensions={**self.dimensions, key: kept})


def space_of(overrides: Sequence[ParsedOverride]) -> Space:
    """Return the search space of a command line that has each key once, without what it says to Hydra itself."""
    words, dimensions = [], {}
    for override in overrides:
        if not override.is_sweep:
            words += [] if override.key.startswith("hydra") else [override.text]
            continue
        one = _dimension(override)
        words.append(one.key)
        dimensions[one.key] = one
    return Space(tuple(words), dimensions)


def _dimension(override: ParsedOverride) -> Dimension:
    key, parsed = str(override.parsed.get_key_element()), override.parsed
    value: Any = parsed.value()
    if parsed.is_interval_sweep():
        return Dimension(key, interval=(value.start, value.end), is_log="log" in value.tags)
    options = tuple(word.partition("=")[2] for word in override.values())
    if parsed.is_range_sweep():
        numbers = sorted(value.range())
        return Dimension(key, tuple(map(str, numbers)), tuple(numbers))
    return Dimension(
        key, tuple(dict.fromkeys(sorted(options) if override.is_glob else options)), is_glob=override.is_glob
    )
