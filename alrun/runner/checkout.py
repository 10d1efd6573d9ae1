"""Commit of a git checkout, read from git's own files.

``git`` is not called: which program that is depends on the environment, and what it runs on the repository's config.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

__all__ = ["commit_of"]

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
BRANCH = re.compile(r"refs/[\w./+@#=,-]{1,200}")
#: Bytes of a file that names one thing, and of the list of all branches and tags.
SMALL, LIST = 4096, 1 << 25
#: Files that may refer to each other.
DEPTH = 5


def commit_of(folder: Path) -> str | None:
    """Return the commit, as hexadecimal digits, of the checkout around ``folder``; ``None`` where there is none."""
    for place in (folder, *folder.parents):
        git = place / ".git"
        if git.is_dir():
            return _head(git)
        if git.is_file():  # a worktree or a submodule
            word, _, path = _text(git).partition(":")
            return _head(place / path.strip()) if word == "gitdir" and path.strip() else None
    return None


def _head(git: Path) -> str | None:
    common = git / (_text(git / "commondir").strip() or ".")
    name = _text(git / "HEAD").strip()
    for _ in range(DEPTH):
        if COMMIT.fullmatch(name):
            return name
        branch = name.removeprefix("ref:").strip()
        if not name.startswith("ref:") or not BRANCH.fullmatch(branch) or ".." in branch:
            return None
        loose = (_text(folder / branch).strip() for folder in (git, common))
        name = next((text for text in loose if text), "") or _packed(common, branch)
    return None


def _packed(common: Path, branch: str) -> str:
    for line in _text(common / "packed-refs", LIST).splitlines():
        commit, _, name = line.partition(" ")
        if name.strip() == branch:
            return commit
    return ""


def _text(path: Path, limit: int = SMALL) -> str:
    """Return what a regular file begins with; nothing where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return ""
    try:
        return os.read(descriptor, limit).decode(errors="replace") if stat.S_ISREG(os.fstat(descriptor).st_mode) else ""
    except OSError:
        return ""
    finally:
        os.close(descriptor)
