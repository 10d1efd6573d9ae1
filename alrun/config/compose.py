"""Overrides to a config, through Hydra, with every problem said at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.config.check import SEVERAL, all_problems, hydra_problems
from alrun.config.overrides import Choices, ParsedOverride, key_problems, parse_overrides
from alrun.config.paths import conf_dir
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader
    from omegaconf import DictConfig

__all__ = ["Composed", "Composer", "choices_of", "resolved"]

CONFIG_NAME = "config"
MAX_CHECKED_JOBS = 1000


@dataclass(frozen=True)
class Composed:
    """A composed config.

    Attributes:
        config: The experiment, unresolved, without Hydra's own node.
        choices: The option that each group was given, several joined by ``+``.
    """

    config: DictConfig
    choices: Mapping[str, str]


def choices_of(config: DictConfig, hydra: Any) -> dict[str, str]:
    """Return the option that each top-level group was given.

    It is in Hydra's own node; several options, which Hydra does not note, are the names that ``config`` has them under.
    """
    noted = {str(group): value for group, value in hydra.runtime.choices.items() if isinstance(value, str)}
    several = {group: "+".join(map(str, config[group])) for group in SEVERAL if config.get(group)}
    return several | {group: option for group, option in noted.items() if not {"/", "@"} & set(group)}


def resolved(config: DictConfig) -> dict[str, Any]:
    """Return ``config`` as plain containers, interpolations resolved.

    Raises:
        ConfigError: An interpolation that leads nowhere, or a mandatory value that is missing.
    """
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        plain = OmegaConf.to_container(config, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException as error:
        key = str(getattr(error, "full_key", "") or "")
        text = str(error).splitlines()[0]
        raise ConfigError(Problem(text, key, f"{key}=…" if "mandatory" in text else "")) from error
    if not isinstance(plain, dict):
        raise ConfigError("the config is not a mapping")
    return {str(key): value for key, value in plain.items()}


class Composer:
    """Composes configs from alrun's own groups and one more folder, through Hydra's search path."""

    def __init__(self, trust: Trust, config_dir: Path | None = None) -> None:
        """Compose from alrun's ``conf`` and from ``config_dir``, which wins; ``trust`` is for what is checked."""
        self._trust = trust
        self._config_dir = config_dir

    def compose(self, words: Sequence[str]) -> Composed:
        """Return the config of one job.

        Raises:
            ConfigError: With everything that is wrong with ``words``.
        """
        with self._opened() as loader:
            overrides = self._parsed(loader, words)
            several = [
                Problem(f"{o.text} has several values", "", f"alrun -m {o.text}") for o in overrides if o.is_sweep
            ]
            if several:
                raise ConfigError(several)
            return self._load(loader, overrides, words)

    def compose_sweep(self, words: Sequence[str]) -> list[Composed]:
        """Return the configs of all jobs of a sweep, in the order in which Hydra's basic sweeper runs them.

        Raises:
            ConfigError: With everything that is wrong with ``words``.
        """
        with self._opened() as loader:
            overrides = self._parsed(loader, words)
            jobs = [list(job) for job in product(*(override.values() for override in overrides))]
            checked = jobs if len(jobs) <= MAX_CHECKED_JOBS else jobs[:1]
            composed: list[Composed] = []
            problems: dict[Problem, None] = {}
            for job in checked:
                try:
                    composed.append(self._load(loader, overrides, job))
                except ConfigError as error:
                    problems |= dict.fromkeys(error.problems)
            if problems:
                raise ConfigError(problems)
            return composed

    @contextmanager
    def _opened(self) -> Iterator[ConfigLoader]:
        """Yield Hydra's config loader; Hydra keeps its state globally, and gets it back afterwards."""
        from hydra._internal.hydra import Hydra
        from hydra._internal.utils import create_config_search_path
        from hydra.core.config_search_path import SearchPathQuery
        from hydra.core.global_hydra import GlobalHydra

        path = create_config_search_path(str(conf_dir()))
        if self._config_dir is not None:
            if not self._config_dir.is_dir():
                raise ConfigError(Problem("no such folder", f"--config-dir {self._config_dir}", "--config-dir DIR"))
            if (self._config_dir / f"{CONFIG_NAME}.yaml").exists():
                what = f"{CONFIG_NAME}.yaml would take the place of alrun's own"
                hint = "put what it says in experiment/mine.yaml and add experiment=mine"
                raise ConfigError(Problem(what, f"--config-dir {self._config_dir}", hint))
            own = SearchPathQuery(provider="schema")
            path.prepend("command-line", f"file://{self._config_dir.resolve()}", anchor=own)
        GlobalHydra.instance().clear()
        try:
            yield Hydra.create_main_hydra2(task_name="alrun", config_search_path=path).config_loader
        finally:
            GlobalHydra.instance().clear()

    def _parsed(self, loader: ConfigLoader, words: Sequence[str]) -> list[ParsedOverride]:
        overrides, problems = parse_overrides(words, loader)
        choices = Choices(loader)
        for override in overrides:
            problems += choices.problems(override)
        if problems:
            raise ConfigError(problems + self._further(loader, overrides, problems))
        return overrides

    def _load(self, loader: ConfigLoader, overrides: Sequence[ParsedOverride], words: Sequence[str]) -> Composed:
        try:
            config, hydra = _hydra_load(loader, words)
        except ConfigError as error:
            further = self._further(loader, overrides, [])
            raise ConfigError(further or error.problems) from error
        problems = list(hydra_problems(resolved_hydra(hydra)))
        if problems:
            raise ConfigError(problems)
        return Composed(config, choices_of(config, hydra))

    def _further(
        self, loader: ConfigLoader, overrides: Sequence[ParsedOverride], known: Sequence[Problem]
    ) -> list[Problem]:
        """Return what else is wrong, so that everything is said at once: keys, then what the sound words give."""
        choices = Choices(loader)
        groups = [o for o in overrides if choices.is_group(o) and not list(choices.problems(o))]
        values = [o for o in overrides if not choices.is_group(o) and not list(choices.problems(o))]
        try:
            base, _ = _hydra_load(loader, [override.values()[0] for override in groups])
        except ConfigError as error:
            return [] if known else list(error.problems)
        wrong = {override.text: key_problems(override, base) for override in values}
        sound = [*groups, *(override for override in values if not wrong[override.text])]
        problems = [problem for found in wrong.values() for problem in found]
        try:
            config, _ = _hydra_load(loader, [override.values()[0] for override in sound])
            problems += all_problems(resolved(config), self._trust)
        except ConfigError as error:
            problems += error.problems
        return problems


def _hydra_load(loader: ConfigLoader, words: Sequence[str]) -> tuple[DictConfig, DictConfig]:
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException
    from hydra.types import RunMode
    from omegaconf import flag_override
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError

    try:
        config = loader.load_configuration(
            config_name=CONFIG_NAME, overrides=list(words), run_mode=RunMode.RUN, from_shell=False
        )
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{mark.name}, line {mark.line + 1}" if mark else ""
        raise ConfigError(Problem(f"is no YAML: {getattr(error, 'problem', error)}", place)) from error
    except OSError as error:
        raise ConfigError(Problem(str(error), " ".join(words), "an option is a YAML mapping")) from error
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise ConfigError(Problem(lines[0], "", lines[1] if len(lines) > 1 else "")) from error
    HydraConfig.instance().set_config(config)
    hydra = config.hydra
    with flag_override(config, ["readonly", "struct"], False):
        config.pop("hydra")
    return config, hydra


def resolved_hydra(hydra: DictConfig) -> Mapping[str, Any]:
    """Return Hydra's own node as plain containers, unresolved: it refers to the node it was cut from."""
    from omegaconf import OmegaConf

    plain = OmegaConf.to_container(hydra, resolve=False)
    return plain if isinstance(plain, dict) else {}  # type: ignore[return-value]
