"""Overrides of a command line: parsed, and checked for unknown groups, options and keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.config.compat import child, is_none, written
from alrun.config.quoting import as_text, hint_for_unreadable
from alrun.config.stored import FORMER
from alrun.core.errors import Problem
from alrun.core.knobs import Knob, iterate_terms, terms
from alrun.core.knobs import written as written_knob
from alrun.core.settings import Config
from alrun.core.suggest import did_you_mean

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

    from alrun.config.compat import ConfigLoaderImpl

__all__ = ["Choices", "ParsedOverride", "key_problems", "parse_overrides"]

OPEN_ROOTS = ("hydra",)
_KNOBS = {key: term for key, term in iterate_terms(Config) if isinstance(term, Knob)}


@dataclass(frozen=True)
class ParsedOverride:
    """One word of the command line.

    Attributes:
        text: As typed.
        parsed: As Hydra reads it.
    """

    text: str
    parsed: Override

    @property
    def key(self) -> str:
        """Dotted key or group, without a package."""
        return str(self.parsed.key_or_group)

    @property
    def is_sweep(self) -> bool:
        """Whether it stands for several values."""
        return bool(self.parsed.is_sweep_override())

    @property
    def is_glob(self) -> bool:
        """Whether it stands for all options that a pattern matches."""
        from hydra.core.override_parser.types import ValueType

        return self.parsed.value_type is ValueType.GLOB_CHOICE_SWEEP

    @property
    def is_added(self) -> bool:
        """Whether it begins with ``+``."""
        return bool(self.parsed.is_add() or self.parsed.is_force_add())

    @property
    def named_class(self) -> str:
        """The ``_target_`` of a mapping; empty for any other value."""
        value = None if self.parsed.is_delete() or self.is_sweep else self.parsed.value()
        target = value.get("_target_") if isinstance(value, dict) else None
        return target if isinstance(target, str) else ""

    @property
    def splits_a_path(self) -> bool:
        """Whether its values are what commas part the name of a file into."""
        path = self.text.partition("=")[2]
        if not self.is_sweep or "," not in path or not _exists(path):
            return False
        return not all(_exists(value.partition("=")[2]) for value in self.values())

    def values(self) -> list[str]:
        """Return one override a value of a sweep; the word itself where there is no sweep."""
        if not self.is_sweep or not self.parsed.is_discrete_sweep():
            return [self.text]
        key = self.parsed.get_key_element()
        return [f"{key}={value}" for value in self.parsed.sweep_string_iterator()]


def parse_overrides(
    words: Sequence[str], loader: ConfigLoader | None = None
) -> tuple[list[ParsedOverride], list[Problem]]:
    """Return the words that parse, and a problem for each that does not; ``loader`` resolves ``group=glob(*)``."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser = OverridesParser.create()
    parsed: list[ParsedOverride] = []
    problems: list[Problem] = []
    for word in words:
        try:
            parsed_word = parser.parse_override(word)
            parsed_word.config_loader = loader
            override = ParsedOverride(word, parsed_word)
            readable = bool(override.key) and bool(override.values())
        except HydraException:
            readable = False
        if readable:
            parsed.append(override)
        else:
            problems.append(Problem(f"cannot read {word!r}", "command line", hint_for_unreadable(word, parser)))
    return parsed, problems


def _exists(path: str) -> bool:
    try:
        return Path(path).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False


class Choices:
    """The groups and options that a config loader finds; each folder is looked into once."""

    def __init__(self, loader: ConfigLoaderImpl) -> None:
        """Ask what ``loader`` reads from; the loader itself would copy that first."""
        self._repository = loader.repository
        self._options: dict[str, list[str]] = {}

    def options(self, group: str) -> list[str]:
        """Return the options of ``group``, sorted, those in its folders as ``folder/option``; empty when it is none."""
        if group not in self._options:
            self._options[group] = sorted(self._listed(group))
        return self._options[group]

    def _listed(self, group: str) -> Iterator[str]:
        from hydra.core.object_type import ObjectType

        yield from self._repository.get_group_options(group, ObjectType.CONFIG)
        if group != "hydra":
            for folder in self._repository.get_group_options(group, ObjectType.GROUP):
                yield from (f"{folder}/{option}" for option in self.options(f"{group}/{folder}"))

    def groups(self) -> list[str]:
        """Return the names of all top-level groups."""
        from hydra.core.object_type import ObjectType

        return sorted(self._repository.get_group_options("", ObjectType.GROUP))

    def is_group(self, override: ParsedOverride) -> bool:
        """Return whether ``override`` chooses options of a group."""
        return "." not in override.key and bool(self.options(override.key))

    def problems(self, override: ParsedOverride, *, listed: bool = True) -> Iterator[Problem]:
        """Yield options that do not exist, and groups that do not exist but look like one.

        Args:
            override: One word.
            listed: Whether a sweep must be a list of values, as Hydra's basic sweeper needs it.
        """
        key = override.key
        if override.splits_a_path:
            what = f"{override.text} has several values, and as a whole is the name of a file"
            yield Problem(what, "", as_text(override.text))
        elif listed and override.parsed.is_sweep_override() and not override.parsed.is_discrete_sweep():
            what = f"{override.text} is not a list of values"
            hint = f"'{key}=range(0,3)', '{key}=choice(a,b)' or {key}=a,b; hydra/sweeper=optuna searches intervals"
            yield Problem(what, "command line", hint)
        elif override.parsed.is_delete() and key in _KNOBS:
            default = written_knob(_KNOBS[key].default)
            yield Problem("a knob has a value, and cannot be deleted", key, f"{key}={default}")
        elif key == "hydra.searchpath":
            yield Problem("hydra.searchpath is not supported", "command line", "--config-dir DIR adds config groups")
        elif ".." in key or key.startswith("/"):
            yield Problem(f"{key!r} is not a config group", "command line", did_you_mean(key, self.groups()))
        elif self.is_group(override):
            if not override.parsed.is_delete():
                yield from self._option_problems(override)
        elif "/" in key:
            yield Problem(f"{key!r} is not a config group", "command line", did_you_mean(key, self.groups()))

    def _option_problems(self, override: ParsedOverride) -> Iterator[Problem]:
        key, valid = override.key, self.options(override.key)
        if override.named_class:
            several = getattr(terms(Config).get(key), "several", False)
            place = f"+{key}.mine" if several else key
            yield Problem("a mapping is no option", key, f"{place}._target_={override.named_class}")
            return
        for chosen in _chosen(override):
            if chosen is None:
                hint = f"{key}=… is one of: {', '.join(valid)}; or {key}=[] for none, in groups that take several"
                yield Problem(f"{key}=null chooses nothing", "", hint)
                continue
            for option in chosen:
                if option not in valid:
                    hint = did_you_mean(option, valid, prefix=f"{key}=", most=None)
                    yield Problem(f"{key} has no option {option!r}", "", hint)
                elif chosen.count(option) > 1:
                    yield Problem(f"{key} lists {option!r} more than once", "", f"{key}={option}")
                    break


def _chosen(override: ParsedOverride) -> Iterator[list[str] | None]:
    """Yield the options that each value of the override chooses; ``None`` for null."""
    for word in override.values():
        text = word.partition("=")[2].strip()
        if text == "null":
            yield None
            continue
        inner = text[1:-1] if text.startswith("[") else text
        parts = [part.strip().strip("'\"") for part in inner.split(",")]
        yield [part for part in parts if part or not text.startswith("[")]


def key_problems(override: ParsedOverride, config: DictConfig) -> list[Problem]:
    """Return what is wrong with the key of an override that sets, adds or deletes a value."""
    path = override.key.split(".")
    if path[0] in OPEN_ROOTS:
        return []
    node: Any = config
    for depth, name in enumerate(path):
        if _length(node) is not None and not (name.isdecimal() and int(name) < (_length(node) or 0)):
            place = ".".join(path[:depth])
            what = f"{place} is a list of {_length(node)}, whose items are {place}.0, {place}.1 …"
            items = ",".join(str(written(child(node, number))) for number in range(len(node)))
            return [Problem(what, override.key, f"{place}=[{items}]")]
        valid = _keys(node)
        if valid is None or name in valid:
            node = _child(node, name)
            continue
        prefix = ".".join([*path[:depth], ""]) if depth else ""
        target = _target(node)
        last = depth == len(path) - 1
        if override.is_added and (target or _under_target(config, path[:depth])):
            return []
        hint = did_you_mean(name if depth else FORMER.get(name, name), valid, prefix=prefix)
        hint = hint or f"{prefix.rstrip('.')} has no keys: alrun --cfg job shows the config"
        if target and last and not override.parsed.is_delete():
            hint = f"{hint}  (if {target} takes it: +{override.text})"
        return [Problem(f"unknown key '{prefix}{name}'", "", hint)]
    return []


def _keys(node: Any) -> list[str] | None:
    from omegaconf import DictConfig

    return [str(key) for key in node] if isinstance(node, DictConfig) and not is_none(node) else None


def _length(node: Any) -> int | None:
    from omegaconf import ListConfig

    return len(node) if isinstance(node, ListConfig) and not is_none(node) else None


def _child(node: Any, name: str) -> Any:
    if _length(node) is not None:
        return child(node, int(name))
    return child(node, name) if _keys(node) is not None else None


def _target(node: Any) -> str:
    keys = _keys(node)
    return str(written(child(node, "_target_"))) if keys and "_target_" in keys else ""


def _under_target(config: DictConfig, path: Sequence[str]) -> bool:
    node: Any = config
    for name in path:
        node = _child(node, name)
        if _target(node):
            return True
    return False
