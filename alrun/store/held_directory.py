"""Directory that is kept open, to notice when its path comes to name another one."""

from __future__ import annotations

import os
from pathlib import Path

from alrun.store.files import is_named, store_error

__all__ = ["HeldDirectory"]


class HeldDirectory:
    """A directory that is kept open, so that no other can pass for it under the same number."""

    def __init__(self, path: Path) -> None:
        """Open ``path``."""
        self._path = path
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise store_error(error, path) from error

    @property
    def is_named(self) -> bool:
        """Whether the path still names the directory; asked no more when it is closed."""
        return self._descriptor < 0 or is_named(self._path, self._descriptor)

    def close(self) -> None:
        """Let it go."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
