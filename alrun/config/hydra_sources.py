"""Config folders: nothing outside them is read, and every lookup is recorded for the cache."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigResult
from omegaconf.errors import GrammarParseError, OmegaConfBaseException
from yaml import YAMLError

from alrun.config.compat import FileConfigSource, file_name, header_of, is_none
from alrun.core.errors import ConfigError, Problem

__all__ = ["Answers", "confine", "noted"]

#: Characters in which Hydra looks for a file's ``@package``.
HEADER = 512
#: A reference to a variable of the environment; an option may be chosen by one.
VARIABLE = re.compile(r"\.env:\s*([^\s,}]*)")


class Answers:
    """What a composition learned from the folders: which options there are, and what their files say."""

    def __init__(self) -> None:
        """Begin with none."""
        self._files: dict[Path, str | None] = {}
        self._found: dict[tuple[ConfinedSource, str, str], bool] = {}
        self._variables: dict[str, str | None] = {}

    def still_hold(self) -> bool:
        """Return whether the folders, and the environment where a file refers to it, would answer the same now."""
        return (
            all(os.environ.get(name) == value for name, value in self._variables.items())
            and all(_text(path) == text for path, text in self._files.items())
            and all(
                getattr(FileConfigSource, question)(source, name) == answer
                for (source, question, name), answer in self._found.items()
            )
        )

    def read(self, path: Path) -> str | None:
        """Return what the file at ``path`` says, if it can be read; note it, and the variables that it refers to."""
        self._files[path] = text = _text(path)
        self._variables |= {name: os.environ.get(name) for name in VARIABLE.findall(text or "")}
        return text

    def found(self, source: ConfinedSource, question: str, name: str) -> bool:
        """Return the answer to ``is_config`` or ``is_group``; note it."""
        self._found[source, question, name] = answer = bool(getattr(FileConfigSource, question)(source, name))
        return answer


_NOTED: ContextVar[Answers] = ContextVar("noted")


@contextmanager
def noted() -> Iterator[Answers]:
    """Yield what the folders answer from now on."""
    answers = Answers()
    before = _NOTED.set(answers)
    try:
        yield answers
    finally:
        _NOTED.reset(before)


class ConfinedSource(FileConfigSource):
    """Configs below one folder: none that a ``..`` or an absolute name puts outside."""

    def is_config(self, config_path: str) -> bool:
        """Return whether there is such an option."""
        return _stays(config_path) and _answers().found(self, "is_config", config_path)

    def is_group(self, config_path: str) -> bool:
        """Return whether there is such a group."""
        return _stays(config_path) and _answers().found(self, "is_group", config_path)

    def load_config(self, config_path: str) -> Any:
        """Read an option.

        Raises:
            ConfigError: It lies outside, or its file is no mapping of keys to plain values.
        """
        if not _stays(config_path):
            raise ConfigError(Problem(f"{config_path!r} leads outside the config groups", "defaults", "alrun ls"))
        path = Path(self.path, file_name(self, config_path))
        text = _answers().read(path)
        if text is None:
            raise ConfigError(_unreadable(path))
        try:
            header = header_of(self, text[:HEADER])
            return ConfigResult(self.provider, f"file://{self.path}", deepcopy(_parsed(text)), header)
        except (ValueError, YAMLError, RecursionError, HydraException, OmegaConfBaseException, OSError) as error:
            raise ConfigError(_problem(error, path)) from error

    def list(self, config_path: str, results_filter: Any) -> list[str]:
        """Return what lies in a group."""
        return super().list(config_path, results_filter) if _stays(config_path) else []


def confine(loader: Any) -> None:
    """Let ``loader`` read nothing outside its folders."""
    sources = loader.repository.sources
    for position, source in enumerate(sources):
        if source.scheme() == "file":
            sources[position] = ConfinedSource(source.provider, f"file://{source.path}")


@lru_cache(maxsize=512)
def _parsed(text: str) -> Any:
    """Return the config that ``text`` says; to be copied. Hydra reads each file again for every config it composes."""
    from omegaconf import OmegaConf

    parsed = OmegaConf.load(StringIO(text))
    if not OmegaConf.is_dict(parsed) or is_none(parsed):
        raise ValueError("is not a mapping of keys to values")
    if "!!" in text and any(isinstance(value, bytes) for value in _values(OmegaConf.to_container(parsed))):
        raise ValueError("holds bytes (!!binary)")
    return parsed


def _values(tree: Any) -> Iterator[Any]:
    """Yield what stands in containers."""
    items = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for item in items:
        yield item
        yield from _values(item)


def _problem(error: Exception, path: Path) -> Problem:
    """Return why the file at ``path`` is no option."""
    if isinstance(error, YAMLError):
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or str(getattr(error, "reason", error)).splitlines()[0]
        place = f"{path}, line {mark.line + 1}" if mark else str(path)
        return Problem(f"is no YAML: {said}", place, "correct the file")
    if isinstance(error, RecursionError):
        return Problem("is nested too deeply, or refers to itself", str(path), "write the values out")
    said = (str(error).splitlines() or [type(error).__name__])[0]
    if isinstance(error, OSError):
        return Problem("is not a mapping of keys to values", str(path), "write key: value, one a line")
    if isinstance(error, GrammarParseError):
        return Problem("has a reference ${…} that cannot be read", str(path), "close it with }, or write \\${ for text")
    return Problem(said[0].lower() + said[1:], str(path), "write key: value, of text, numbers, lists and mappings")


def _unreadable(path: Path) -> Problem:
    try:
        path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        return Problem(f"is not UTF-8: {error.reason} in byte {error.start}", str(path), "save it as UTF-8")
    except OSError as error:
        return Problem(f"cannot be read: {error.strerror}", str(path), "an option is a file that you may read")
    return Problem("cannot be read", str(path), "type the same command again")


def _answers() -> Answers:
    return _NOTED.get(None) or Answers()


def _text(path: Path) -> str | None:
    try:
        return path.resolve().read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _stays(config_path: str) -> bool:
    return "\0" not in config_path and not os.path.normpath(config_path).startswith(("..", "/"))
