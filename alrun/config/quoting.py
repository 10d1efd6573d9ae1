"""Quotes of the command line: how a word is typed whose value Hydra would read as something else than text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from alrun.core.showing import typed

if TYPE_CHECKING:
    from hydra.core.override_parser.overrides_parser import OverridesParser

__all__ = ["as_text", "hint_for_unreadable", "text_value"]


def as_text(word: str) -> str:
    """Return ``key=value`` as it is typed in a shell where all of the value is meant as text."""
    key, _, value = word.partition("=")
    return typed(f"{key}={text_value(value)}")


def hint_for_unreadable(word: str, parser: OverridesParser) -> str:
    """Return what to type in place of ``word``, which Hydra cannot read."""
    from hydra.errors import HydraException

    key, _, value = word.partition("=")
    try:
        readable = bool(key and value) and parser.parse_override(f"{key}={text_value(value)}").value() == value
    except HydraException:
        readable = False
    return f"write key=value; a value that is text: {as_text(word)}" if readable else "write key=value"


def text_value(text: str) -> str:
    """Return ``text`` in quotes of Hydra's, which takes it for text then, whatever it holds."""
    mark = "'" if '"' in text else '"'
    inner = re.sub(rf"(\\*)({mark}|$)", _doubled, text)  # a backslash stands for itself, except before the mark
    return f"{mark}{inner}{mark}"


def _doubled(found: re.Match[str]) -> str:
    backslashes, mark = found.groups()
    return 2 * str(backslashes) + (f"\\{mark}" if mark else "")
