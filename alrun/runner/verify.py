"""Verification of a run directory: nothing in it is changed, and nothing that it names is imported."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from alrun.core.errors import AlrunError, StoreError
from alrun.runner.run_description_audit import Description
from alrun.store.audit import Finding, Labels, leftovers, read_chain, read_labels
from alrun.store.lock import is_locked
from alrun.store.reading import foreign_entries
from alrun.store.rundir import REPAIRED, RunDirectory

__all__ = ["Verdict", "verify"]

SETTLES_AFTER = 0.3
FOREIGN = "a run contains only regular files and folders; replace it by what it leads to, or move it away"
MOST_FOREIGN = 20


@dataclass(frozen=True)
class Verdict:
    """What was found in a run directory.

    Attributes:
        path: The directory.
        status: ``running``, ``finished``, ``failed``, ``interrupted`` (also one that was killed), or ``unreadable``.
        commits: Phases that hold, from the first on without a gap.
        labels: Labels that have been integrated.
        findings: What is not as it should be, and what is left over.
    """

    path: Path
    status: str
    commits: int
    labels: int
    findings: tuple[Finding, ...]

    @property
    def holds(self) -> bool:
        """Whether everything is as it should be."""
        return all(finding.harmless for finding in self.findings)


def verify(path: Path) -> Verdict:
    """Examine the run in ``path``; one that is being run is looked at twice, and what passes is left out."""
    directory = RunDirectory(path)
    before = is_locked(path)
    verdict = _examined(directory)
    if verdict.holds or not (before or is_locked(path)):
        return verdict
    time.sleep(SETTLES_AFTER)
    again = _examined(directory)
    both = tuple(finding for finding in again.findings if finding in verdict.findings)
    return Verdict(path, again.status, again.commits, again.labels, both)


def _examined(directory: RunDirectory) -> Verdict:
    findings = [
        Finding(str(path.relative_to(directory.path)), f"is {kind}", FOREIGN) for path, kind in _foreign(directory)
    ]
    if findings:
        return Verdict(directory.path, "unreadable", 0, 0, tuple(findings))
    try:
        return _read(directory)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, RuntimeError, AlrunError) as error:
        told = f"its content is inconsistent: {type(error).__name__}: {error}"
        return Verdict(directory.path, "unreadable", 0, 0, (Finding("run", told, "alrun never writes such a run"),))


def _foreign(directory: RunDirectory) -> list[tuple[Path, str]]:
    """Return what is neither a file nor a folder; with any of that there, nothing else is looked at."""
    try:
        return list(islice(foreign_entries(directory.path), MOST_FOREIGN))
    except StoreError as error:
        return [(directory.path, str(error))]


def _read(directory: RunDirectory) -> Verdict:
    findings: list[Finding] = []
    info = _info(directory, findings)
    chain, labels = read_chain(directory), _labels(directory, findings)
    description = Description(directory, info, chain, labels)
    audit = description.audit()
    findings += [*chain.findings, *labels.findings, *audit.findings]
    findings += description.findings(audit) if info else ()
    findings += leftovers(directory, labels)
    return Verdict(directory.path, _status(directory, info), len(chain.commits), audit.bought, tuple(findings))


def _info(directory: RunDirectory, findings: list[Finding]) -> Mapping[str, Any]:
    try:
        return directory.info()
    except StoreError as error:
        what, _, remedy = str(error).replace(f"{directory.path}/", "").partition("\n    → ")
        findings.append(Finding("run.json", what, remedy or REPAIRED))
        return {}


def _labels(directory: RunDirectory, findings: list[Finding]) -> Labels:
    try:
        return read_labels(directory)
    except StoreError as error:
        findings.append(Finding("label log", str(error), "repair that first: it contains every label"))
        return Labels()


def _status(directory: RunDirectory, info: Mapping[str, Any]) -> str:
    if is_locked(directory.path):
        return "running"
    status = str(info.get("status", "unreadable"))
    return "interrupted" if status == "running" else status
