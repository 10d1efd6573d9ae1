"""Safe text for terminals, shells and spreadsheets: control characters and formulas are escaped."""

from __future__ import annotations

import codecs
import io
import shlex
import unicodedata
from typing import Any

__all__ = ["exported", "printable", "printable_block", "typed", "write_any_text"]

#: Control characters, invisible ones and those that turn the direction of writing, bytes that are not text, line ends.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: A spreadsheet takes a cell that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
MOST = 2000
#: What stands for a character that the encoding of a terminal or file lacks, of the same width; a question mark else.
_PLAIN = {"─": "-", "→": ">", "…": ".", "·": "-", "±": "~", "━": "-", "│": "|"}
INDENT = "    "


def printable(text: str, most: int = MOST) -> str:
    """Return ``text`` on one line, what cannot be seen written out as ``repr`` does, cut after ``most`` characters."""
    if len(text) > most:
        text = f"{text[:most]}…"
    return text if text.isprintable() else "".join(map(_written_out, text))


def printable_block(text: str, most: int = MOST) -> str:
    """Return ``text`` line by line as ``printable`` does; all lines but the first are indented.

    So nothing in it can pass for a message of its own.
    """
    first, *others = text.split("\n")
    lines = [line if line.startswith(INDENT) or not line else f"{INDENT}{line}" for line in others]
    return "\n".join(printable(line, most) for line in [first, *lines])


def _written_out(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # a byte of a file name that is no UTF-8
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def typed(text: object) -> str:
    """Return ``text`` as one word of a shell; where something in it cannot be seen, in the notation of bash and zsh."""
    word = str(text)
    if not any(unicodedata.category(one) in _HIDDEN for one in word):
        return shlex.quote(word)
    plain = word.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{''.join(map(_in_shell, plain))}'"


def _in_shell(character: str) -> str:
    """Return a character as it is written between ``$'`` and ``'``, where two digits are a byte, not a character."""
    written = _written_out(character)
    return written.replace("\\x", "\\u00") if "\x80" <= character <= "\xff" else written


def exported(value: Any) -> Any:
    """Return a cell of a table that is written for spreadsheets: text that would be a formula has a quote before it.

    Numbers, and text that is one, stay as they are.
    """
    if not isinstance(value, str):
        return value
    text = printable(value)
    return f"'{text}" if value.startswith(_FORMULA) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_PLAIN.get(one, "?") for one in error.object[error.start : error.end]), error.end


def write_any_text(*streams: Any) -> None:
    """Have text ``streams`` of any encoding take any text: what they cannot write is written plainly."""
    codecs.register_error("alrun.plain", _plain)
    for stream in streams:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="alrun.plain")
