"""Tables of a run that goes on, or that was killed, from its commits and label log; nothing is changed.

``records.parquet`` and ``acquisitions.parquet`` are written when a session ends. Until then this tells the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from alrun.core.errors import CorruptionError
from alrun.core.phases import ActiveLearningPhase
from alrun.store import codec
from alrun.store.checkpoints import Commit, read_commit
from alrun.store.label_lines import AnswerBook, LabelLine, LabelReader
from alrun.store.ledger import Ledger
from alrun.store.rundir import RunDirectory

__all__ = ["committed_ledger"]


def committed_ledger(run_dir: Path, reset: str) -> Ledger:
    """Return what the phases that are committed have measured and acquired, up to the first that does not hold.

    Args:
        run_dir: The run.
        reset: How its learner starts each training phase, which its records tell.

    Raises:
        StoreError: The label log cannot be read, or a commit holds what no run writes.
    """
    directory, ledger, bought = RunDirectory(run_dir), Ledger(reset), 0
    book = _answers(directory)
    try:
        for commit in _commits(directory):
            if commit.phase == ActiveLearningPhase.DATA_INTEGRATION:
                bought += _part(commit, "labelled")
            else:
                _add(ledger, commit, book)
            ledger.set_labels(bought)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise CorruptionError(f"the commits of {run_dir} are inconsistent: {error}") from error
    return ledger


def _add(ledger: Ledger, commit: Commit, book: AnswerBook) -> None:
    step = commit.step
    if commit.phase == ActiveLearningPhase.TRAINING:
        ledger.add_logged(step, _part(commit, "logged") if "logged" in commit.encoded else {})
    elif commit.phase == ActiveLearningPhase.METROLOGY:
        for name, records in _part(commit, "records"):
            ledger.add_records(step, name, records)
    elif commit.phase == ActiveLearningPhase.QUERY:
        names = [name for name in ("items", "uuids", "scores", "strategies") if name in commit.encoded]
        ledger.add_requests(step, {name: _part(commit, name) for name in names})
    else:
        ledger.add_answers(step, book.answers(step), book.costs(step))


def _part(commit: Commit, name: str) -> Any:
    """Return a part of the state of a phase; tensors are read where it has some."""
    try:
        return codec.decode(commit.encoded[name], {})
    except CorruptionError:
        return commit.state()[name]


def _commits(directory: RunDirectory) -> Iterator[Commit]:
    previous = ""
    for step in count():
        for phase in ActiveLearningPhase:
            try:
                commit = read_commit(directory.checkpoints / f"step_{step}" / phase, step, phase)
            except CorruptionError:
                return
            if commit.previous != previous:
                return
            previous = commit.digest
            yield commit


def _answers(directory: RunDirectory) -> AnswerBook:
    book = AnswerBook()
    for line in LabelReader(directory.labels):
        if isinstance(line, LabelLine):
            book.add(line.step, line.order, line.annotation, line.data)
    return book
