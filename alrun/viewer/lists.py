"""Lists of sweeps and of runs, page by page."""

from __future__ import annotations

from collections.abc import Sequence

from alrun.core.showing import printable
from alrun.report.page.section import Section, TextTable
from alrun.report.runs import Run
from alrun.viewer.estimate import about, seconds_left, seconds_taken
from alrun.viewer.index import Entry
from alrun.viewer.rendering import link, markup, state
from alrun.viewer.requests import pausing
from alrun.viewer.sweeps import STATES, Best, Directions, Sweep, best_of

__all__ = ["ROWS", "pages_of", "run_list", "running_list", "shown_state", "sweep_list"]

#: Rows of a page of a list, and of the list of what is running.
ROWS, MOST_RUNNING = 100, 20
#: Finished runs of whose times the next ones' is estimated.
SAMPLED = 10


def pages_of(count: int) -> int:
    """Return how many pages ``count`` rows take; at least one."""
    return max(1, -(-count // ROWS))


def shown_state(run: Run) -> str:
    """Return the status of ``run``, or that it pauses."""
    return (run.status == "running" and pausing(run.path)) or run.status


def running_list(entries: Sequence[Entry], *, timed: bool = True) -> Section:
    """Return the runs that are going on: where they are, and about how long they will take."""
    running = [entry for entry in entries if entry.run.status == "running"]
    if not running:
        return Section("running", "Running")
    rows = [
        [
            link(f"run-{entry.key}.html", entry.place),
            state(shown_state(entry.run)),
            f"{entry.run.step} {printable(entry.run.phase, 40)}",
            _labels(entry.run),
            _value(entry.run),
            _left(entry.run) if timed else "",
        ]
        for entry in running[:MOST_RUNNING]
    ]
    header = ["run", "state", "step", "labels", "last value", "time left"]
    more = len(running) - len(rows)
    caption = f"{len(running)} running" + (f"; {more} of them are not shown here." if more else ".")
    return Section("running", "Running", tables=[TextTable(caption, header, rows)])


def sweep_list(sweeps: Sequence[Sweep], number: int, directions: Directions | None, note: str = "") -> Section:
    """Return page ``number`` of the list of sweeps; best values are left out without ``directions``."""
    shown = sweeps[(number - 1) * ROWS : number * ROWS]
    states = [name for name in STATES if name != "finished" and any(sweep.counts[name] for sweep in shown)]
    rows = [
        [
            link(f"sweep-{sweep.key}.html", sweep.title),
            _done(sweep),
            _best(best_of(sweep, directions)) if directions else "…",
            *(_count(sweep, name) for name in states),
        ]
        for sweep in shown
    ]
    header = ["sweep", "finished", "best strategy", *states]
    caption = _part("sweeps", len(shown), len(sweeps), number)
    pager = [_pager("index", number, pages_of(len(sweeps)))] if len(sweeps) > ROWS else []
    return Section("sweeps", "Sweeps", [note] if note else [], [TextTable(caption, header, rows)], blocks=pager)


def run_list(sweep: Sweep, status: str, number: int, *, chosen: bool = False) -> Section:
    """Return page ``number`` of the runs of ``sweep`` with ``status``, or of all; ``chosen``: to be compared."""
    runs = [entry for entry in sweep.entries if status in ("", entry.run.status)]
    shown = runs[(number - 1) * ROWS : number * ROWS]
    cells = [_run_cells(entry) for entry in shown]
    has_reasons = any(row[-1] for row in cells)
    rows = [
        [*(row if has_reasons else row[:-1]), *([_box(entry)] if chosen else [])]
        for row, entry in zip(cells, shown, strict=True)
    ]
    reasons = ["why"] if has_reasons else []
    header = ["run", "state", "step", "labels", "last value", *reasons, *(["compare"] if chosen else [])]
    caption = _part("runs", len(shown), len(runs), number)
    base = f"sweep-{sweep.key}" + (f"-{status}" if status else "")
    blocks = [_statuses(sweep, status)]
    blocks += [_pager(base, number, pages_of(len(runs)))] if len(runs) > ROWS else []
    if chosen:
        told = '<form id="compare" action="compare.html" method="get"><button>Compare the chosen runs</button></form>'
        blocks.append(markup(told))
    return Section("list", "Runs", _times(sweep, timed=chosen), [TextTable(caption, header, rows)], blocks=blocks)


def _run_cells(entry: Entry) -> list[str]:
    run = entry.run
    name = link(f"run-{entry.key}.html", entry.place.rpartition("/")[2] or entry.place)
    reason = printable(run.reason, 160) if run.status != "finished" else ""
    if run.status == "unreadable":
        return [name, state(run.status), "", "", "", reason]
    place = str(run.step) if run.status == "finished" else f"{run.step} {printable(run.phase, 40)}"
    return [name, state(shown_state(run)), place, _labels(run), _value(run), reason]


def _labels(run: Run) -> str:
    return f"{run.labels}/{run.budget}"


def _value(run: Run) -> str:
    return next((f"{printable(name, 60)} {value:.4g}" for name, value in run.metrics.items()), "")


def _left(run: Run) -> str:
    left = seconds_left(run)
    return "" if left is None else about(left)


def _done(sweep: Sweep) -> str:
    done, total = sweep.counts["finished"], len(sweep.entries) + sweep.waiting
    bar = '<progress value="{}" max="{}" aria-label="finished"></progress> {} of {}'
    return markup(bar, done, total, done, total)


def _count(sweep: Sweep, status: str) -> str:
    count = sweep.counts[status]
    return link(f"sweep-{sweep.key}-{status}.html", str(count)) if count else ""


def _best(best: Best | None) -> str:
    if best is None:
        return ""
    return f"{printable(best.strategy, 60)}: {printable(best.metric, 60)} {best.value:.4g} (n = {best.count})"


def _times(sweep: Sweep, *, timed: bool) -> list[str]:
    """Return how long finished runs took, as far as a few of them tell, and what that means for the others."""
    finished = [entry.run for entry in sweep.entries if entry.run.status == "finished"][-SAMPLED:]
    taken = [seconds for run in finished if (seconds := seconds_taken(run)) > 0]
    if not taken:
        return []
    each = sum(taken) / len(taken)
    said = [f"A finished run took {about(each)}."]
    running = [entry.run for entry in sweep.entries if entry.run.status == "running"]
    if running and timed:
        left = [each / 2 if (one := seconds_left(run)) is None else one for run in running[:MOST_RUNNING]]
        rest = (sum(left) * len(running) / len(left) + each * sweep.waiting) / len(running)
        said.append(f"With {len(running)} at a time the sweep will take {about(max(rest, *left))} more.")
    return said


def _part(what: str, shown: int, whole: int, number: int) -> str:
    if shown == whole:
        return f"{whole} {what}."
    first = (number - 1) * ROWS
    return f"{what.capitalize()} {first + 1} to {first + shown} of {whole}; the others are on other pages."


def _pager(base: str, number: int, count: int) -> str:
    """Return links to the pages near ``number``, and to the first and last."""
    near = sorted({1, count, *range(max(1, number - 2), min(count, number + 2) + 1)})
    addresses = [(str(one), f"{base}.html" if one == 1 else f"{base}-{one}.html") for one in near]
    return _chips("Pages", addresses, str(number), markup("<li>page</li>"))


def _statuses(sweep: Sweep, status: str) -> str:
    counts = {name: sweep.counts[name] if name else len(sweep.entries) for name in ("", *STATES)}
    texts = {name: f"{name or 'all'} {count}" for name, count in counts.items() if count or not name}
    addresses = [(text, f"sweep-{sweep.key}{f'-{name}' if name else ''}.html") for name, text in texts.items()]
    return _chips("Runs by status", addresses, texts.get(status, ""))


def _chips(label: str, addresses: Sequence[tuple[str, str]], here: str, first: str = "") -> str:
    """Return links side by side; the one that leads ``here`` is marked."""
    items = [
        markup('<li aria-current="page"><strong>{}</strong></li>', text)
        if text == here
        else markup("<li>{}</li>", link(address, text))
        for text, address in addresses
    ]
    inside = markup("{}" * (len(items) + 1), first, *items)
    return markup('<nav aria-label="{}"><ul class="chips">{}</ul></nav>', label, inside)


def _box(entry: Entry) -> str:
    label = printable(entry.place, 200)
    return markup(
        '<input type="checkbox" form="compare" name="run" value="{}" aria-label="compare {}">', entry.key, label
    )
