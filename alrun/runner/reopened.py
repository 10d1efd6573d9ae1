"""Stored run, opened again: its config, with values that a command sets in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from alrun.config.compose import Composed
from alrun.config.identity import ONCE
from alrun.config.overrides import ParsedOverride, key_problems, parse_overrides
from alrun.config.replaced import drop_other_options
from alrun.config.stored import parse_config
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem, StoreError
from alrun.core.knobs import Part, terms
from alrun.core.settings import Config
from alrun.store.rundir import RunDirectory

__all__ = ["opened", "stored"]

GROUPS = frozenset({"training", *(key for key, term in terms(Config).items() if isinstance(term, Part))})
AGAIN = "repeat the command that started the run: it writes this file again"


def opened(word: str) -> RunDirectory:
    """Return the run that is named on the command line.

    Raises:
        ConfigError: There is none.
    """
    directory = RunDirectory(Path(word).expanduser().absolute())
    directory.install()
    if not directory.exists:
        raise ConfigError(Problem("there is no run here", word, "alrun status lists the runs below outputs"))
    return directory


def stored(
    directory: RunDirectory, words: Sequence[str], trust: Trust, nodes: Mapping[str, Any] | None = None
) -> Composed:
    """Return the config of a run, with ``words`` set in it; ``trust`` is for classes that they name.

    Args:
        directory: The run.
        words: Overrides.
        trust: The allowlist.
        nodes: What is put in the place of top-level keys, before the overrides.

    Raises:
        ConfigError: It cannot be read, or a word does more than set a key.
    """
    from omegaconf import OmegaConf

    info = directory.info()
    choices, folder = info["choices"], Path(info["folder"]) if info["folder"] else None
    try:
        config = parse_config(directory.config_text(), str(directory.config))
    except StoreError as error:
        what = str(error).removeprefix(f"cannot read {directory.config}: ")
        raise ConfigError(Problem(f"cannot be read: {what}", str(directory.config), AGAIN)) from error
    except ConfigError as error:
        raise ConfigError([replace(problem, hint=AGAIN) for problem in error.problems]) from error
    for key in ONCE:
        OmegaConf.update(config, key, False, force_add=True)
    for key, node in (nodes or {}).items():
        config[key] = node
    overrides, problems = parse_overrides(words)
    for override in overrides:
        problems += _not_a_value(override) or key_problems(override, config)
    if problems:
        raise ConfigError(problems)
    for override in overrides:
        OmegaConf.update(config, override.key, override.parsed.value(), force_add=override.is_added)
    drop_other_options(config, overrides, trust)
    choices = {group: ",".join(option) if isinstance(option, list) else option for group, option in choices.items()}
    return Composed(config, choices, folder=folder)


def _not_a_value(override: ParsedOverride) -> list[Problem]:
    """Return the problem of a word that does more than set a key: a stored config has no groups to choose from."""
    if override.is_sweep:
        return [Problem(f"{override.text} gives several values", "", "resume continues one run")]
    if override.parsed.is_delete():
        return [Problem(f"{override.text} removes a key", "", "resume continues a run as it is")]
    if override.key in GROUPS and not override.named_class:
        hint = f"that is another run: alrun {override.text}"
        return [Problem(f"{override.text} chooses an option", "", hint)]
    return []
