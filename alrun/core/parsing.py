"""Parsers of JSON and YAML to plain values, with limits on time and memory."""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any

__all__ = ["MOST_LEVELS", "check_yaml", "parse_json", "parse_yaml"]

#: Levels of lists and mappings; alrun writes about ten.
MOST_LEVELS = 64
#: Nodes of a YAML text; a config has some hundreds.
MOST_NODES = 20_000
#: Characters of a YAML value that stands there without quotes, and so may be a number.
MOST_PLAIN = 1 << 14
_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEPS = [1 if character in b"[{" else -1 for character in range(256)]


def parse_json(data: bytes | str, *, exact: bool = False) -> Any:
    """Return the value of JSON text.

    Args:
        data: The text.
        exact: Refuse numbers that are not written as they would be here, as damage may leave the value what it was.

    Raises:
        ValueError: It is none, or is nested deeper than anything that was written here.
    """
    raw = data.encode(errors="surrogatepass") if isinstance(data, str) else data
    try:
        value = json.loads(raw, parse_float=_as_written if exact else None)
    except (RecursionError, MemoryError):
        raise ValueError("JSON is nested too deeply, or too large") from None
    if raw.count(b"[") + raw.count(b"{") > MOST_LEVELS and _levels(raw) > MOST_LEVELS:
        raise ValueError("JSON is nested too deeply, or too large")
    return value


def _as_written(text: str) -> float:
    number = float(text)
    if repr(number) != text:
        raise ValueError(f"the number {text[:40]} is not what was written")
    return number


def _levels(data: bytes) -> int:
    """Return how deeply JSON is nested."""
    brackets = _STRINGS.sub(b"", data).translate(None, _NO_BRACKETS)
    return max(accumulate(map(_STEPS.__getitem__, brackets)))


def parse_yaml(text: str, loader: Any = None) -> Any:
    """Return the value of YAML text, of the types that JSON has (and dates); tags that name objects are refused.

    Args:
        text: The text.
        loader: A safe loader that tells numbers from text in its own way; by default PyYAML's.

    Raises:
        ValueError: It is none, or beyond the limits; the message is one line.
    """
    import yaml

    check_yaml(text)
    loading = (loader or _loader())(text)
    try:
        return loading.get_single_data()
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(_told(error)) from None
    finally:
        loading.dispose()


def check_yaml(text: str) -> None:
    """Go through YAML text without building anything.

    Aliases (``*name``) are refused: a few of them stand for any number of nodes, and alrun writes none.

    Raises:
        ValueError: It is no YAML, or beyond the limits; the message is one line.
    """
    import yaml

    level = nodes = 0
    try:
        for event in yaml.parse(text, Loader=_loader()):
            nodes += isinstance(event, yaml.NodeEvent)
            if isinstance(event, yaml.AliasEvent):
                raise ValueError(f"line {event.start_mark.line + 1}: an alias; write out what it stands for")
            if isinstance(event, yaml.CollectionStartEvent):
                level += 1
            elif isinstance(event, yaml.CollectionEndEvent):
                level -= 1
            elif isinstance(event, yaml.ScalarEvent) and not event.style and len(event.value) > MOST_PLAIN:
                raise ValueError(f"line {event.start_mark.line + 1}: a value of {len(event.value)} characters")
            if level > MOST_LEVELS or nodes > MOST_NODES:
                raise ValueError(f"line {event.start_mark.line + 1}: larger or deeper than any config")
    except yaml.YAMLError as error:
        raise ValueError(_told(error)) from None


def _loader() -> Any:
    """Return libyaml's safe loader; Python's own, ten times slower, where the library was built without."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _told(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error) or type(error).__name__
    return f"line {mark.line + 1}: {what}" if mark else " ".join(str(what).split())
