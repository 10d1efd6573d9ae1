"""The commit of a checkout is read from git's files: git itself is not run, and neither is what a repository says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alrun.runner.checkout import commit_of

COMMIT, OTHER = "a" * 40, "b" * 40


def repository(place: Path, **files: str) -> Path:
    for name, text in files.items():
        path = place / ".git" / name.replace("__", "/").replace("_", "-")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return place


def test_a_branch_a_tag_list_and_no_branch(tmp_path: Path) -> None:
    head = "ref: refs/heads/main\n"
    assert commit_of(repository(tmp_path / "a", HEAD=head, refs__heads__main=f"{COMMIT}\n")) == COMMIT
    assert commit_of(repository(tmp_path / "b", HEAD=head, packed_refs=f"# x\n{COMMIT} refs/heads/main\n")) == COMMIT
    assert commit_of(repository(tmp_path / "c", HEAD=f"{COMMIT}\n")) == COMMIT
    (tmp_path / "a" / "deep").mkdir()
    assert commit_of(tmp_path / "a" / "deep") == COMMIT


def test_a_worktree(tmp_path: Path) -> None:
    main = repository(tmp_path / "main", HEAD=f"{OTHER}\n", refs__heads__side=f"{COMMIT}\n")
    own = main / ".git" / "worktrees" / "side"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/side\n")
    (own / "commondir").write_text("../..\n")
    (tmp_path / "side").mkdir()
    (tmp_path / "side" / ".git").write_text(f"gitdir: {own}\n")
    assert commit_of(tmp_path / "side") == COMMIT


@pytest.mark.parametrize(
    "head",
    [
        "",
        "ref: refs/heads/../../../../secret",
        "ref: /etc/passwd",
        "ref: HEAD",
        "x" * 10000,
        f"{COMMIT}; rm",
        "\0",
        "ref:",
    ],
)
def test_what_is_no_commit_is_none(head: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(COMMIT)
    assert commit_of(repository(tmp_path / "a", HEAD=head)) is None


def test_a_pipe_does_not_hold_up_a_run(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    os.mkfifo(tmp_path / ".git" / "HEAD")
    assert commit_of(tmp_path) is None


def test_outside_of_any_checkout(tmp_path: Path) -> None:
    assert commit_of(Path("/")) is None
