"""Secrets from the environment, whose values are kept out of messages and files."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from alrun.core.errors import AlrunError, ConfigError, Problem

__all__ = ["Secrets"]

#: Fewer characters are not a secret, and are found in any text.
SHORTEST = 4
#: Fewer characters are looked for as whole words.
WORD = 8


class Secrets:
    """Secret values, by the references that stand for them."""

    def __init__(self) -> None:
        """Know of none."""
        self._references: dict[str, str] = {}

    def __bool__(self) -> bool:
        """Return whether there is any reference."""
        return bool(self._references)

    def note(self, value: Any, reference: str) -> None:
        """Note that ``reference`` stands for ``value``."""
        self._references[str(value)] = reference

    def hidden(self, text: str) -> str:
        """Return ``text`` with references in place of the values."""
        for pattern, reference in self._patterns():
            text = pattern.sub(lambda _, told=reference: told, text)  # type: ignore[misc]
        return text

    def without(self, problems: Iterable[Problem]) -> list[Problem]:
        """Return ``problems`` with references in place of the values."""
        return [replace(p, what=self.hidden(p.what), hint=self.hidden(p.hint)) for p in problems]

    def _patterns(self) -> Iterator[tuple[re.Pattern[str], str]]:
        """Yield what to look for, longest first: the values themselves, and as they stand in code and in JSON."""
        for value in sorted(self._references, key=len, reverse=True):
            if len(value) >= SHORTEST:
                forms = sorted({value, repr(value)[1:-1], json.dumps(value)[1:-1]}, key=len, reverse=True)
                pattern = "|".join(map(re.escape, forms))
                whole = rf"(?<!\w)(?:{pattern})(?!\w)" if len(value) < WORD else pattern
                yield re.compile(whole), self._references[value]

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Let no error leave the content with a secret in it, or in what led to it."""
        try:
            yield
        except AlrunError as error:
            cleaned = self.cleaned(error)
            if cleaned is error:
                raise
            raise cleaned from None
        except Exception as error:
            if not self._are_in(error):
                raise
            raise AlrunError(self.hidden(f"{type(error).__name__}: {error}")) from None

    def cleaned(self, error: AlrunError) -> AlrunError:
        """Return ``error``, or one that says the same without the secrets in it or in what led to it."""
        if not self._are_in(error):
            return error
        if isinstance(error, ConfigError):
            return type(error)(self.without(error.problems))
        error.args = tuple(self.hidden(value) if isinstance(value, str) else value for value in error.args)
        error.__cause__ = error.__context__ = None
        return error

    def _are_in(self, error: Exception) -> bool:
        told = "".join(traceback.format_exception(error)) if self._references else ""
        return self.hidden(told) != told
