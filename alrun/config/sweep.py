"""Jobs of a sweep: their overrides and their configs, composed in a fraction of Hydra's time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Any

from alrun.config.compat import BASIC_SWEEPER
from alrun.config.hydra_plugins import OPTUNA
from alrun.config.inplace import Combination, moves
from alrun.config.space import space_of
from alrun.core.errors import ConfigError
from alrun.core.settings import EVERY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from alrun.config.compose import Composed, Composer, Sweep

__all__ = ["Expansion"]

#: Combinations of options whose configs are kept at a time.
KEPT = 64
#: How many labels a run has, of which its ceiling has all.
SIZES = ("initial_size", "query_size", "budget", "max_steps")
CEILING = (f"initial_size={EVERY}", "query_size=1", f"budget={EVERY}")


class Expansion:
    """The words of a sweep, multiplied out as Hydra's basic sweeper does it."""

    def __init__(self, composer: Composer, words: Sequence[str]) -> None:
        """Read ``words``.

        Raises:
            ConfigError: With what is wrong with ``words`` themselves.
        """
        self._composer = composer
        self._given = words
        self.hydra = self._node(words)
        sweeper = self.hydra.get("sweeper") or {}
        target = sweeper.get("_target_", BASIC_SWEEPER)
        self._searches = target == OPTUNA
        read = target == BASIC_SWEEPER or self._searches
        params = [f"{key}={value}" for key, value in (sweeper.get("params") or {}).items()] if read else []
        parsed = composer.parsed([*params, *words], listed=target == BASIC_SWEEPER)
        if not read:
            parsed = [override for override in parsed if not override.is_sweep]
        self._overrides = list({str(override.parsed.get_key_element()): override for override in parsed}.values())
        self._values = [override.values() for override in self._overrides]
        self._kept: dict[tuple[str, ...], Combination | ConfigError] = {}
        self._asks: dict[tuple[str, ...], bool] = {}
        self._controls: dict[tuple[str, ...], None] = {}

    def sweep(self) -> Sweep:
        """Return the jobs."""
        from alrun.config.compose import Sweep

        if self._searches:
            return Sweep([], self._given, self.hydra, self._composer.compose, space=space_of(self._overrides))
        jobs = list(product(*self._values))
        own = frozenset(jobs)
        self._controls = dict.fromkeys(words for job in jobs for words in self._controls_of(job) if words not in own)
        globbed = (override.values() for override in self._overrides if override.is_glob)
        words = frozenset(word for found in globbed for word in found)
        return Sweep([*jobs, *self._controls], self._given, self.hydra, self._compose, words)

    def _controls_of(self, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        """Yield the words of the jobs that one job is compared with, where it asks for them."""
        stays = tuple(word for word, fixed in zip(words, self._fixed, strict=True) if fixed)
        if stays not in self._asks:
            try:
                self._asks[stays] = bool(self._compose(words).config.get("controls"))
            except ConfigError:
                self._asks[stays] = False
        if self._asks[stays]:
            kept = [(one.key, word) for one, word in zip(self._overrides, words, strict=True)]
            without = [(key, word) for key, word in kept if key != "query" and not key.startswith("query.")]
            place = next((number for number, (key, _) in enumerate(kept) if key == "query"), len(without))
            baseline = [*without[:place], ("query", "query=random"), *without[place:]]
            yield tuple(word for _, word in baseline)
            yield (*(word for key, word in baseline if key not in SIZES), *CEILING)

    def _node(self, words: Sequence[str]) -> Mapping[str, Any]:
        """Return Hydra's own node as the words that have one value make it; what is wrong is said of the jobs."""
        from alrun.config.hydra_loader import load

        single = [override.text for override in self._composer.parsed(words, listed=False) if not override.is_sweep]
        try:
            return load(self._composer.loader, single)[1]
        except ConfigError:
            return {}

    def _compose(self, words: tuple[str, ...]) -> Composed:
        """Return the config of one job; it is good until the next is asked for.

        Raises:
            ConfigError: With everything that is wrong with it.
        """
        if words in self._controls:
            return self._composer.compose(words)
        stays = tuple(word for word, fixed in zip(words, self._fixed, strict=True) if fixed)
        if stays not in self._kept:
            while len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[stays] = self._combination(words)
        kept = self._kept[stays]
        if isinstance(kept, ConfigError):
            raise kept
        return kept.job(words, [word for word, fixed in zip(words, self._fixed, strict=True) if not fixed])

    def _combination(self, words: tuple[str, ...]) -> Combination | ConfigError:
        moving = [override for override, fixed in zip(self._overrides, self._fixed, strict=True) if not fixed]
        try:
            return Combination(self._composer.load(self._overrides, words), moving)
        except ConfigError as error:
            return error

    @cached_property
    def _fixed(self) -> list[bool]:
        """Tell of each word whether its value decides how a config is composed, or is only put in its place."""
        return [
            self._composer.is_group(override)
            or not moves(override, values, [other for other in self._overrides if other is not override])
            for override, values in zip(self._overrides, self._values, strict=True)
        ]
