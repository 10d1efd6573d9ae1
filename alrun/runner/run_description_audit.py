"""Audit of the description of a run (``run.json``, ``config.yaml``, tables, records) against its commits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from alrun.config.environment import described
from alrun.config.identity import identity_hash, names_secrets
from alrun.config.stored import parse_config
from alrun.core.errors import ConfigError, StoreError
from alrun.core.settings import EVERY
from alrun.driver.audit import LedgerAudit
from alrun.runner.journal import extent
from alrun.runner.records import rerun_problems
from alrun.runner.sessions import changes
from alrun.store.audit import Chain, Finding, Labels, place
from alrun.store.projections import changed_projections
from alrun.store.records import acquisitions_difference, records_difference
from alrun.store.rundir import RunDirectory

__all__ = ["Description"]

REWRITTEN = "rewritten from the commits"
AGAIN = "repeat the command that started the run, with repair=true"


@dataclass(frozen=True)
class Description:
    """What a run says of itself, beside what was found in it.

    Attributes:
        directory: The run directory.
        info: Its ``run.json``.
        chain: Its commits.
        labels: Its answers.
    """

    directory: RunDirectory
    info: Mapping[str, Any]
    chain: Chain
    labels: Labels

    def audit(self, chain: Chain | None = None) -> LedgerAudit:
        """Go through the ledger of ``chain``, by default that of all commits."""
        by_row = self.info.get("fingerprint") is not None
        return LedgerAudit(chain or self.chain, self.labels, reset=str(self.info.get("reset") or ""), by_row=by_row)

    def findings(self, audit: LedgerAudit) -> Iterator[Finding]:
        """Yield where it is not as the commits say; ``audit`` is of all of them."""
        granted = self.info.get("granted", self.info.get("budget", 0))
        if not isinstance(granted, int) or audit.bought > granted:
            what = f"{audit.bought} labels were bought with a budget of {granted}"
            yield Finding("run.json", what, "a larger budget covers them")
        for problem in rerun_problems(self.directory, self.info):
            yield Finding("recorded labels", problem.what, problem.hint)
        yield from self._sessions()
        found = [*self._config(), *(self._results(audit) if audit.is_whole else ())]
        yield from found
        yield from self._projections({finding.where for finding in found})

    def _sessions(self) -> Iterator[Finding]:
        """Yield where the run went on with other versions, or on another machine."""
        sessions = self.info.get("sessions")
        for before, after in pairwise(sessions if isinstance(sessions, list) else ()):
            if changed := ", ".join(changes(before, after)):
                what = f"went on in step {after.get('step')} with {changed}"
                yield Finding("run.json", what, "last bits may differ", harmless=True)

    def _config(self) -> Iterator[Finding]:
        try:
            loaded = parse_config(self.directory.config_text(), "config.yaml")
            config = described(loaded, self.info.get("environment") or {})
            same, told = identity_hash(config) == self.info.get("identity"), extent(config)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ConfigError, StoreError) as error:
            yield Finding(
                "config.yaml",
                f"cannot be read: {str(error).splitlines()[0] if str(error) else type(error).__name__}",
                AGAIN,
            )
            return
        if not same and not self.info.get("algorithms") and names_secrets(config):
            what = "was begun when values of secrets still counted, and cannot be compared without them"
            yield Finding("config.yaml", what, "the next session that finds them the same settles it", harmless=True)
        elif not same:
            yield Finding("config.yaml", "is not the config that the run was begun with", AGAIN)
        elif self.info.get("head") and any(
            self.info.get(key) != value for key, value in told.items() if value != EVERY
        ):
            yield Finding("run.json", "budget or stopping criteria are not those of config.yaml", AGAIN)

    def _results(self, audit: LedgerAudit) -> Iterator[Finding]:
        """Yield what differs from the commits up to the one that the last session ended with."""
        commits, head = self.chain.commits, self.info.get("head")
        digests = [commit.digest for commit in commits]
        if head and head not in digests:
            last = place(commits[-1].step, commits[-1].phase) if commits else "nothing"
            what = f"the run went on after {last}, and what it committed there is gone"
            yield Finding("checkpoints", what, "run again; labels in the label log are not bought again")
            return
        if head and head != digests[-1]:
            audit = self.audit(Chain(commits[: digests.index(head) + 1]))
        finished = self.info.get("status") == "finished"
        if finished and self.info.get("labels") != audit.bought:
            yield Finding(
                "run.json", f"tells of {self.info.get('labels')} labels, the commits of {audit.bought}", AGAIN
            )
        yield from self._tables(audit, begun=not finished)

    def _projections(self, named: Collection[str]) -> Iterator[Finding]:
        """Yield files that are not as the last session left them, those aside that are ``named`` already."""
        for name, what in changed_projections(self.directory, self.info.get("projections", {})):
            if name not in named:
                yield Finding(name, what, REWRITTEN)
        if self.info.get("status") == "finished" and not self.directory.timing.exists():
            yield Finding("timing.csv", "is missing", "the durations of the phases are lost", harmless=True)

    def _tables(self, audit: LedgerAudit, *, begun: bool) -> Iterator[Finding]:
        """Yield tables that are not what the commits say; of a run that is not finished they may be behind."""
        records, acquisitions = self.directory.records, self.directory.acquisitions
        tables = [
            (records, audit.ledger.records, records_difference),
            (acquisitions, audit.ledger.acquisitions, acquisitions_difference),
        ]
        for path, rows, difference in tables:
            what = "" if begun and not path.exists() else difference(path, rows, begun=begun)
            if what:
                yield Finding(path.name, what, REWRITTEN)
