"""Audit of a run directory, which changes nothing: the chain of commits, and the label log.

What damage means for an experiment is for others to say; here it is found, with what can be recovered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alrun.core.errors import CorruptionError
from alrun.core.phases import ActiveLearningPhase
from alrun.core.types import LabelStatus
from alrun.store.checkpoints import WEIGHTS, Commit, read_commit
from alrun.store.files import TEMPORARY_PREFIX
from alrun.store.label_lines import AnswerBook, DamagedLine, LabelReader
from alrun.store.rundir import RunDirectory

__all__ = ["Chain", "Finding", "Labels", "leftovers", "read_chain", "read_labels"]

PHASES = tuple(ActiveLearningPhase)
EPOCH = "training.epoch_"
EPOCH_NAME = re.compile(r"training\.epoch_[0-9]{1,18}")
PASSED_OVER = ".passed-over-"


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was written, or that is no longer needed any more.

    Attributes:
        where: Phase, line or file.
        what: What is the matter.
        remedy: What becomes of it.
        harmless: Whether the run is sound all the same.
    """

    where: str
    what: str
    remedy: str = ""
    harmless: bool = False


@dataclass
class Chain:
    """The commits of a run.

    Attributes:
        commits: Those that hold, from the first on without a gap; weights may be damaged.
        is_whole: Whether there is none after them.
        findings: What is wrong.
    """

    commits: list[Commit] = field(default_factory=list)
    is_whole: bool = True
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Labels:
    """The label log of a run.

    Attributes:
        book: The answers that hold.
        damaged: The lines that do not.
        torn: Bytes after the last whole line.
        findings: Requests that were answered after they had a label.
        files: Names of the files that lines name.
    """

    book: AnswerBook = field(default_factory=AnswerBook)
    damaged: list[DamagedLine] = field(default_factory=list)
    torn: int = 0
    findings: list[Finding] = field(default_factory=list)
    files: set[str] = field(default_factory=set)


def place(step: int, phase: str) -> str:
    """Return what a phase is called in a finding."""
    return f"step {step} {phase}"


def read_chain(directory: RunDirectory) -> Chain:
    """Read every commit and compare every blob with its size and SHA-256; pruned weights are not missed."""
    chain, readable = Chain(), list[Commit]()
    expected: str | None = ""
    following = 0
    for position in _positions(directory.checkpoints):
        if position > following:
            expected = None
            chain.findings.append(_missing(following, position, _recomputed(chain)))
        step, phase = _step_and_phase(position)
        found = _examined(directory.checkpoints / f"step_{step}" / phase, step, phase, expected)
        if isinstance(found, Commit):
            readable.append(found)
            expected = found.digest
            chain.commits += [found] if chain.is_whole else []
        else:
            expected = None
            chain.findings.append(Finding(place(step, phase), found, _recomputed(chain)))
        following = position + 1
    chain.findings += _weights(readable)
    chain.findings += _epochs(directory.checkpoints, chain.commits)
    return chain


def _positions(checkpoints: Path) -> list[int]:
    """Return the places in the run of all phases that have a directory, ascending."""
    return sorted(len(PHASES) * step + PHASES.index(phase) for step, phase in _entries(checkpoints) if phase in PHASES)


def _step_and_phase(position: int) -> tuple[int, ActiveLearningPhase]:
    step, number = divmod(position, len(PHASES))
    return step, PHASES[number]


def _missing(first: int, behind: int, remedy: str) -> Finding:
    count = behind - first
    what = "missing" if count == 1 else f"missing, with the {count - 1} phases after it"
    return Finding(place(*_step_and_phase(first)), what, remedy)


def _entries(checkpoints: Path) -> Iterator[tuple[int, str]]:
    for path in checkpoints.glob("step_*/*"):
        number = path.parent.name.removeprefix("step_")
        if number.isdecimal():
            yield int(number), path.name


def _examined(path: Path, step: int, phase: str, expected: str | None) -> Commit | str:
    """Return the commit in ``path``, or what is wrong with it; weights are left out."""
    try:
        commit = read_commit(path, step, phase)
        if expected is not None and commit.previous != expected:
            return "does not continue the phase before it"
        for name in commit.files:
            if name != WEIGHTS:
                commit.check(name)
    except CorruptionError as error:
        return str(error).replace(f"{path}/", "")
    return commit


def _recomputed(chain: Chain) -> str:
    """Return what becomes of a phase that does not hold; from the first such on the chain is broken."""
    if not chain.is_whole:
        return "likewise"
    chain.is_whole = False
    last = chain.commits[-1] if chain.commits else None
    after = f"after {place(last.step, last.phase)}" if last is not None else "from the beginning"
    return f"run again {after}; later phases are run again where they differ; no label is bought twice"


def _weights(commits: Sequence[Commit]) -> Iterator[Finding]:
    """Yield damaged weights. The newest are needed to go on; older ones are read by people alone."""
    newest = True
    for commit in reversed(commits):
        if not commit.has_weights:
            continue
        where = place(commit.step, commit.phase)
        again = f"{where} is run again"
        remedy = again if newest else f"not needed to resume; move {commit.path} away and {again}"
        if commit.is_given_up and newest:
            what = "the newest weights were removed on request"
            yield Finding(where, what, "a larger budget trains this step again", harmless=True)
        elif commit.is_pruned and newest:
            yield Finding(where, "the newest weights are marked as pruned", remedy)
        elif not commit.is_pruned:
            try:
                commit.check(WEIGHTS)
            except CorruptionError as error:
                yield Finding(where, str(error).replace(f"{commit.path}/", ""), remedy)
        newest = False


def _epochs(checkpoints: Path, commits: Sequence[Commit]) -> Iterator[Finding]:
    """Yield checkpoints inside a training phase that do not hold; one that has a successor is being removed."""
    previous: dict[tuple[int, str], str] = {(commit.step, commit.phase): commit.previous for commit in commits}
    done = {step for step, phase in previous if phase == ActiveLearningPhase.TRAINING}
    previous[_next(commits)] = commits[-1].digest if commits else ""
    epochs = [
        (step, int(name.removeprefix(EPOCH))) for step, name in _entries(checkpoints) if EPOCH_NAME.fullmatch(name)
    ]
    for step, epoch in sorted(epochs, reverse=True):
        name = f"{EPOCH}{epoch}"
        expected = previous.get((step, ActiveLearningPhase.TRAINING))
        found = _examined(checkpoints / f"step_{step}" / name, step, name, expected)
        if isinstance(found, Commit):
            done.add(step)
        elif step in done:
            yield Finding(place(step, name), "was being removed when a process died", "no longer needed", harmless=True)
        else:
            yield Finding(place(step, name), found, "training continues from an earlier epoch, or starts over")


def _next(commits: Sequence[Commit]) -> tuple[int, ActiveLearningPhase]:
    if not commits:
        return _step_and_phase(0)
    last = commits[-1]
    return _step_and_phase(len(PHASES) * last.step + PHASES.index(ActiveLearningPhase(last.phase)) + 1)


def read_labels(directory: RunDirectory) -> Labels:
    """Read every line of the label log, and the tensors that lie beside it.

    Raises:
        StoreError: The log is there and cannot be read.
    """
    reader, labels = LabelReader(directory.labels), Labels()
    labels.torn = reader.torn
    bought: dict[tuple[int, int], int] = {}
    for line in reader:
        if isinstance(line, DamagedLine):
            labels.damaged.append(line)
            continue
        key = line.step, line.order
        if key in bought and line.annotation.status is not LabelStatus.REJECTED:
            what = f"request {line.order} of step {line.step} had its label in line {bought[key]}"
            labels.findings.append(Finding(f"label log line {line.number}", what, "the later one counts"))
        if line.annotation.status is LabelStatus.LABELLED:
            bought[key] = line.number
        labels.book.add(line.step, line.order, line.annotation, line.data)
        labels.files |= {line.file} - {""}
    return labels


def leftovers(directory: RunDirectory, labels: Labels) -> Iterator[Finding]:
    """Yield what has been set aside, and what a killed process left half written."""
    for step, name in sorted(_entries(directory.checkpoints)):
        if PASSED_OVER in name:
            yield Finding(place(step, name), "was set aside, damaged", "kept; may be removed", harmless=True)
    temporaries = sorted(directory.path.rglob(f"{TEMPORARY_PREFIX}*"))
    for path in temporaries:
        where = str(path.relative_to(directory.path))
        yield Finding(where, "was being written when a process died", "removed when the run continues", harmless=True)
    for path in sorted(directory.labels.glob("*.safetensors")):
        if path.name not in labels.files and not labels.damaged:
            yield Finding(f"labels/{path.name}", "no line names it", "its answer was never acknowledged", harmless=True)
    if labels.torn:
        what = f"{labels.torn} bytes of a torn last line"
        yield Finding("label log", what, "cut off when the run continues; it was never acknowledged", harmless=True)
