"""Checklist of a believable comparison: each point with its state, its number, and why it matters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alrun.core.showing import printable
from alrun.report.material import Material
from alrun.report.paper.references import cite_key
from alrun.report.runs import Run
from alrun.report.statistics.paired import power
from alrun.report.study import Study

__all__ = ["IN_PART", "MET", "NOT_MET", "Check", "State", "checklist"]

#: Seeds under which a test finds large effects only.
FEW_SEEDS = 5

State = str
MET, IN_PART, NOT_MET = "met", "in part", "not met"


@dataclass(frozen=True)
class Check:
    """One point.

    Attributes:
        name: What is asked for.
        state: ``met``, ``in part`` or ``not met``.
        found: What the runs have, with its number.
        section: Anchor of the section with the evidence.
    """

    name: str
    state: State
    found: str
    section: str


def checklist(material: Material) -> list[Check]:
    """Return all points."""
    study, runs = material.study, material.runs
    configs = [config for _, config in material.with_curves]
    facts = [_seeds(study), _paired(study), _baseline(study), _ceiling(study)]
    axes = [
        _several("query sizes", _values(configs, "query_size")),
        _several("sizes of the first labels", _values(configs, "initial_size")),
        _several("data sets", {run.choices.get("data", "") for run in runs}),
    ]
    tests = [_corrected(study), _timed(material), _implementations(study)]
    return [*facts, *axes, _first_labels(runs), _tuned(), _alike(runs), *tests, _finished(runs)]


def _seeds(study: Study) -> Check:
    n = int(study.areas["n"].min()) if len(study.areas) else 0
    chance = (
        f"; a paired t-test finds a difference of one standard deviation in {power(n):.0%} of cases" if n > 1 else ""
    )
    state = MET if n >= FEW_SEEDS else IN_PART if n > 2 else NOT_MET
    return Check(f"at least {FEW_SEEDS} seeds", state, f"{n} seed{'s' * (n != 1)}{chance}", "areas")


def _paired(study: Study) -> Check:
    gaps = len(study.missing)
    found = "every strategy has the same seeds: same split, first labels and weights"
    return Check("paired design", IN_PART if gaps else MET, f"{gaps} seeds are missing" if gaps else found, "runs")


def _baseline(study: Study) -> Check:
    return Check("random baseline", MET if study.baseline else NOT_MET, study.baseline or "none", "differences")


def _ceiling(study: Study) -> Check:
    n = len(study.ceilings)
    found = f"{n} runs on all labels" if n else "no run on all labels, so what could be reached is unknown"
    return Check("ceiling", MET if n else IN_PART, found, "curves")


def _values(configs: Sequence[Mapping[str, Any]], key: str) -> set[str]:
    return {str(config[key]) for config in configs if key in config}


def _several(what: str, values: set[str]) -> Check:
    shown = ", ".join(sorted(values)[:8])
    return Check(f"several {what}", MET if len(values) > 1 else IN_PART, f"{len(values)}: {shown}", "runs")


def _first_labels(runs: Sequence[Run]) -> Check:
    kinds = sorted({run.choices.get("cold_start", "") for run in runs})
    return Check("first labels drawn alike", MET if len(kinds) == 1 else IN_PART, ", ".join(kinds), "methods")


def _tuned() -> Check:
    found = "alrun does not record how hyper-parameters were chosen: say on which labels"
    return Check("hyper-parameters tuned on the first labels alone", IN_PART, found, "methods")


def _alike(runs: Sequence[Run]) -> Check:
    def distinct(part: Callable[[Run], Any]) -> int:
        return len({repr(part(run)) for run in runs})

    machines, versions = distinct(lambda run: run.machines), distinct(lambda run: run.versions)
    state = MET if machines == versions == 1 else IN_PART
    found = f"machines: {machines}; sets of versions: {versions}"
    return Check("one machine, one set of versions", state, found, "methods")


def _corrected(study: Study) -> Check:
    tests = len(study.differences)
    undefined = int(study.differences[["t_holm", "wilcoxon_holm"]].isna().any(axis=1).sum()) if tests else 0
    state = MET if tests and not undefined else IN_PART if tests else NOT_MET
    lacking = f", of which {undefined} have too few or equal pairs" if undefined else ""
    found = f"Holm over {tests} comparisons with the baseline{lacking}" if tests else "no test was made"
    return Check("tests corrected for being several", state, found, "differences")


def _timed(material: Material) -> Check:
    known = set(material.timing["run"]) if len(material.timing) else set()
    timed, every = len(known), len(material.runs)
    state = MET if timed == every else IN_PART if timed else NOT_MET
    return Check("selection time reported", state, f"seconds of each phase of {timed} of {every} runs", "time")


def _implementations(study: Study) -> Check:
    cited = {name: cite_key(name) for name in study.strategies if name != study.baseline}
    found = ", ".join(f"{printable(name)} ({key or 'no reference known'})" for name, key in cited.items())
    return Check("each strategy with its paper", MET if all(cited.values()) else IN_PART, found, "methods")


def _finished(runs: Sequence[Run]) -> Check:
    ended = sum(run.status == "finished" for run in runs)
    state = MET if ended == len(runs) else IN_PART
    return Check("all runs finished", state, f"{ended} of {len(runs)}", "runs")
