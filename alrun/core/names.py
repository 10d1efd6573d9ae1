"""Names to file names: one that a config gives may be long, hold separators, or lead elsewhere."""

from __future__ import annotations

import re
from hashlib import blake2b

__all__ = ["file_name"]

#: With a suffix, and what a temporary sibling adds, it stays below the 255 bytes that file systems take.
MOST = 100
_FOREIGN = re.compile(r"[^A-Za-z0-9._+=-]")


def file_name(name: str) -> str:
    """Return ``name`` as a file may be called: itself where it can be, else a part of it with eight digits of a hash.

    Different names have different file names.
    """
    plain = _FOREIGN.sub("_", name)[:MOST].lstrip(".")
    if plain == name and plain:
        return name
    return f"{plain}-{blake2b(name.encode(errors='surrogatepass'), digest_size=4).hexdigest()}"
