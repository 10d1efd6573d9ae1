"""Names of columns as they are typed: what of them a config would read as something else than text."""

from __future__ import annotations

from alrun.core.showing import typed

__all__ = ["listed_as", "reads_as"]

#: What a config takes for nothing, a truth value or a number.
_WORDS = {"null": "None", "true": "True", "false": "False", "nan": "nan", "inf": "inf"}


def listed_as(key: str, name: str) -> str:
    """Return the override that lists a column, as it is typed in a shell."""
    if name.isascii() and name.isidentifier() and name.lower() not in _WORDS:
        return f"data.{key}=[{name}]"
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return typed(f'data.{key}=["{escaped}"]')


def reads_as(column: str, name: str) -> bool:
    """Return whether ``column``, typed without quotes, is read as what ``name`` is the text of: ``1.10`` as ``1.1``."""
    if column.lower() in _WORDS:
        return _WORDS[column.lower()] == name
    for number in (int, float):
        try:
            return str(number(column)) == name
        except ValueError:
            continue
    return False
