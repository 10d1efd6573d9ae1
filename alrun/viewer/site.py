"""Pages by their names, which are the same for a server and for a bundle of files."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from alrun.core.showing import printable
from alrun.report.page.section import Section
from alrun.report.runs import Run, read_run
from alrun.viewer.compare import MOST_RUNS, differences
from alrun.viewer.control import Control
from alrun.viewer.index import Entry, Index, key_of, shortened
from alrun.viewer.lists import pages_of, run_list, running_list, sweep_list
from alrun.viewer.rendering import Page
from alrun.viewer.run_page import run_sections
from alrun.viewer.run_results import DAMAGED
from alrun.viewer.sweeps import STATES, Directions, Sweep, sweep_of, sweeps_of

__all__ = ["Site"]

#: Runs of a sweep that are drawn together; of more, ``alrun report`` makes a page.
MOST_DRAWN = 500
NAME = re.compile(
    r"(?P<kind>index|sweep|run)(-(?P<key>[0-9a-f]{16}))?(-(?P<status>"
    + "|".join(STATES)
    + r"))?(-(?P<number>[1-9][0-9]{0,5}))?"
)


#: Sections, and the colors of their strategies.
_Drawn = tuple[list[Section], dict[str, str]]


class Site:
    """The pages over an index."""

    def __init__(self, index: Index, control: Control | None = None) -> None:
        """Make pages of ``index``.

        Through ``control`` requests go; with it lists are newest first, with times left, files to fetch and runs to
        choose. Without it pages depend on nothing but the runs.
        """
        self._index, self._control = index, control
        self._live = control is not None
        self._directions = Directions()
        # What is drawn takes memory: one at a time.
        self._drawing = threading.Lock()
        self._drawn: dict[str, tuple[str, _Drawn]] = {}

    def page(self, name: str, *, full: bool) -> Page | None:
        """Return the page ``name`` (without ending), ``None`` where there is none; ``full``: with what takes longer."""
        match = NAME.fullmatch(name)
        if match is None:
            return None
        kind, key, status = match["kind"], match["key"], match["status"] or ""
        number = int(match["number"] or 1)
        if kind == "index" and not key and not status:
            return self._overview(number, full=full)
        if kind == "sweep" and key:
            return self._sweep(key, status, number, full=full)
        if kind == "run" and key and not status and not match["number"]:
            return self._run(key, full=full)
        return None

    def names(self) -> Iterator[str]:
        """Yield the names of all pages."""
        sweeps = sweeps_of(self._index)
        yield from _numbered("index", len(sweeps))
        for sweep in sweeps:
            for status in ("", *(one for one in STATES if sweep.counts[one])):
                base = f"sweep-{sweep.key}" + (f"-{status}" if status else "")
                yield from _numbered(base, sweep.counts[status] if status else len(sweep.entries))
            yield from (f"run-{entry.key}" for entry in sweep.entries)

    def compared(self, keys: Sequence[str]) -> Page:
        """Return the page on the settings of chosen runs."""
        chosen = [entry for key in keys[:MOST_RUNS] if (entry := self._index.run(key))]
        table = differences([entry.run for entry in chosen])
        section = Section("settings", "Settings", tables=[table] if table and len(chosen) > 1 else [])
        said = f"{len(chosen)} runs" if len(chosen) > 1 else "Choose two runs or more in a list, and compare them."
        return Page("Comparison of settings", said, [section], self._trail(chosen[0] if chosen else None))

    def _overview(self, number: int, *, full: bool) -> Page | None:
        entries = self._index.entries()
        sweeps = sweeps_of(self._index)
        if self._live:
            sweeps.sort(key=lambda sweep: (-sweep.counts["running"], -sweep.changed))
        if number > pages_of(len(sweeps)):
            return None
        note = "" if self._index.is_whole else f"Still reading: {len(entries)} runs so far."
        directions = self._directions if full else None
        sections = [
            running_list(entries, timed=self._live),
            sweep_list(sweeps, number, directions, note) if sweeps or note else _nothing(self._index.root),
        ]
        counts = ", ".join(f"{count} {name}" for name in STATES if (count := sum(s.counts[name] for s in sweeps)))
        subtitle = f"{len(entries)} runs" + (f": {counts}" if counts else "")
        title = f"alrun: {printable(str(self._index.root))}"
        return Page(title, subtitle, _filled(sections), topic="*", later=not full)

    def _sweep(self, key: str, status: str, number: int, *, full: bool) -> Page | None:
        folder = self._index.folder(key)
        if folder is None:
            return None
        sweep = sweep_of(self._index, folder, self._index.entries(folder))
        count = sweep.counts[status] if status else len(sweep.entries)
        if number > pages_of(count):
            return None
        sections = [running_list(sweep.entries, timed=self._live), run_list(sweep, status, number, chosen=self._live)]
        page = Page(printable(sweep.title, 300), _told(sweep), (), self._trail(), f"/{key}", later=not full)
        is_first = not status and number == 1
        if not is_first:
            return _with(page, sections, later=False)
        if not full:
            return _with(page, [*sections, Section("areas", "Results", ["Reading the records …"])], later=True)
        drawn, colors = self._report(sweep)
        return replace(_with(page, [*sections, *drawn], later=False), colors=colors)

    def _report(self, sweep: Sweep) -> _Drawn:
        """Return the sections of the report on the runs that have measured something, and colors of strategies."""
        if len(sweep.entries) > MOST_DRAWN:
            what = f"Of more than {MOST_DRAWN} runs, alrun report --html makes a page with charts."
            return [Section("areas", "Results", [what])], {}
        state = self._index.state(sweep.folder)
        try:
            with self._drawing:
                known = self._drawn.get(sweep.folder)
                if known is None or known[0] != state:
                    known = state, _report_on([entry.run for entry in sweep.entries if entry.run.metrics])
                    self._drawn = {sweep.folder: known}
                return known[1]
        except DAMAGED as error:
            what = printable(f"Cannot be shown: {type(error).__name__}: {error}")
            return [Section("areas", "Results", [what])], {}

    def _run(self, key: str, *, full: bool) -> Page | None:
        entry = self._index.run(key)
        if entry is None:
            return None
        run = shortened(read_run(entry.run.path))
        siblings = [one.run for one in self._index.entries(entry.folder) if one.key != key]
        with self._drawing if full else nullcontext():
            sections = run_sections(entry, run, siblings if full else (), self._control, full=full)
        title, topic = printable(run.path.name, 300), f"run/{key}"
        page = Page(title, printable(entry.place, 300), (), self._trail(entry), topic, kind="run")
        return _with(page, sections, later=not full)

    def _trail(self, entry: Entry | None = None) -> list[tuple[str, str]]:
        trail = [("all runs", "index.html")]
        if entry is not None:
            trail.append((printable(self._index.title(entry.folder), 100), f"sweep-{key_of(entry.folder)}.html"))
        return trail


def _report_on(runs: Sequence[Run]) -> _Drawn:
    from alrun.report.charts.style import strategy_colors
    from alrun.report.choice import choose_baseline, choose_metric
    from alrun.report.document import sections
    from alrun.report.load import load_records
    from alrun.report.material import gather
    from alrun.report.study import study_metric

    records = load_records(runs).distinct()
    if not records.runs or not records.metrics:
        return [Section("areas", "Results", ["Nothing has been measured yet."])], {}
    metric = choose_metric(records, None)
    baseline = choose_baseline(set(records.frame(metric)["query"]), None)
    study = study_metric(records, metric, baseline)
    found = [one for one in sections(gather(records, study, runs)) if one.anchor != "runs"]
    return found, strategy_colors(study.strategies, study.baseline)


def _numbered(base: str, count: int) -> Iterator[str]:
    yield base
    yield from (f"{base}-{number}" for number in range(2, pages_of(count) + 1))


def _with(page: Page, sections: Sequence[Section], *, later: bool) -> Page:
    return replace(page, sections=_filled(sections), later=later)


def _filled(sections: Sequence[Section]) -> list[Section]:
    return [one for one in sections if one.charts or one.tables or one.paragraphs or one.blocks]


def _told(sweep: Sweep) -> str:
    waiting = f", and {sweep.waiting} that have not begun" if sweep.waiting else ""
    return f"{len(sweep.entries)} runs{waiting}"


def _nothing(root: Path) -> Section:
    return Section(
        "sweeps", "Sweeps", [f"There are no runs below {printable(str(root))} yet. Start one: alrun query=entropy"]
    )
