"""Page of one run: curves, picks, settings, log, files, and what has been asked of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from alrun.core.errors import StoreError
from alrun.core.showing import printable
from alrun.report.material import PARTS
from alrun.report.page.section import Section, TextTable
from alrun.report.runs import Run
from alrun.store.reading import Most, opened, read_bytes
from alrun.viewer.compare import differences
from alrun.viewer.control import TOLD, Control, offered, whoami
from alrun.viewer.estimate import about, seconds_left
from alrun.viewer.files import listed_files
from alrun.viewer.index import Entry
from alrun.viewer.lists import shown_state
from alrun.viewer.rendering import link, markup, preformatted, state
from alrun.viewer.requests import requests_of
from alrun.viewer.run_results import MOST_METRICS, measured_sections

if TYPE_CHECKING:
    pass

__all__ = ["run_sections"]

#: Bytes of the log and characters of a config that are shown.
MOST_LOG, MOST_CONFIG = 1 << 16, 100_000


def run_sections(
    entry: Entry, run: Run, others: Sequence[Run], control: Control | None, *, full: bool
) -> list[Section]:
    """Return the sections of a run.

    Args:
        entry: Where it is.
        run: What it says now.
        others: The runs of its sweep, from which its settings may differ.
        control: What requests go through; without it nothing can be asked for, and no file be fetched.
        full: With charts and picks, which take longer.
    """
    sections = [_standing(run), _control(entry, run, control)]
    if full:
        sections += measured_sections(run)
    else:
        sections.append(Section("curves", "Curves", ["Reading the records …"]))
    sections += [
        _config(run, others),
        Section("log", "Log", blocks=[preformatted(_log(run.path))]),
        _files(entry, run, linked=control is not None),
    ]
    return sections


def _standing(run: Run) -> Section:
    left = seconds_left(run) if run.status == "running" else None
    facts = {
        "state": state(shown_state(run)),
        "why": printable(run.reason),
        "step and phase": f"{run.step} {printable(run.phase, 60)}",
        "labels": f"{run.labels} of {run.budget}",
        "time left": "" if left is None else about(left),
        "seed": str(run.seed),
        **{printable(group, 60): printable(choice, 200) for group, choice in run.choices.items()},
        "directory": printable(str(run.path)),
    }
    values = [[name, f"{value:.5g}"] for name, value in run.metrics.items() if not name.startswith(PARTS)]
    tables = [TextTable("How it stands.", ["fact", "value"], [[name, value] for name, value in facts.items() if value])]
    if values:
        shown = [[printable(name, 100), value] for name, value in values[:MOST_METRICS]]
        tables.append(TextTable(_shown("Last values", len(shown), len(values)), ["metric", "value"], shown))
    return Section("standing", "State", tables=tables)


def _control(entry: Entry, run: Run, control: Control | None) -> Section:
    """Return what can be asked of the run, and what has been."""
    blocks = _asked(run)
    said = []
    if control is not None:
        actions = offered(run)
        blocks = [*(_form(entry, action) for action in actions), *blocks]
        if run.status == "running" and not actions:
            said = ["Its process is on another machine, or belongs to somebody else: nothing can be asked of it here."]
        if heard := control.said(run.path):
            blocks.append(preformatted(heard))
    return Section("control", "Control", said, blocks=blocks)


def _form(entry: Entry, action: str) -> str:
    form = (
        '<form class="act" action="run-{}/{}" method="post">'
        '<label>your name <input type="text" name="author" maxlength="100" value="{}" required></label>'
        '<label>reason <input type="text" name="reason" maxlength="500"></label><button>{} the run</button></form>'
        "<p>{}</p>"
    )
    return markup(form, entry.key, action, whoami(), action.capitalize(), TOLD[action])


def _asked(run: Run) -> list[str]:
    rows = [[one.when, one.action, one.author, one.reason] for one in requests_of(run.path)[-20:]]
    if not rows:
        return []
    cells = [markup("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>", *row) for row in rows]
    head = "<tr><th>when</th><th>asked for</th><th>by</th><th>why</th></tr>"
    table = (
        '<div class="scroll" tabindex="0" role="region" aria-label="Requests"><table>'
        "<caption>What people have asked of this run.</caption><thead>{}</thead><tbody>{}</tbody></table></div>"
    )
    return [markup(table, markup(head), markup("{}" * len(cells), *cells))]


def _shown(what: str, shown: int, whole: int) -> str:
    return f"{what}." if shown == whole else f"{what}: {shown} of {whole}; the others are in the files of the run."


def _config(run: Run, others: Sequence[Run]) -> Section:
    try:
        text = read_bytes(run.path / "config.yaml", Most.CONFIG).decode()
    except (StoreError, UnicodeDecodeError) as error:
        return Section("config", "Settings", [printable(f"config.yaml: {error}")])
    more = len(text) - MOST_CONFIG
    said = [f"{more} more characters are in config.yaml."] if more > 0 else []
    inside = markup("<details><summary>config.yaml</summary>{}</details>", preformatted(text[:MOST_CONFIG]))
    found = differences([run, *others])
    tables = []
    if found is not None and others:
        rows = [[row[0], row[1], ", ".join(dict.fromkeys(row[2:]))] for row in found.rows]
        told = "Settings in which it differs from other runs of its sweep."
        tables = [TextTable(told, ["setting", "here", "elsewhere"], rows)] if rows else []
    return Section("config", "Settings", said, tables, blocks=[inside])


def _log(run_dir: Path) -> str:
    """Return the end of the log."""
    try:
        with opened(run_dir / "alrun.log", Most.DATA, 1) as (descriptor, size):
            content = os.pread(descriptor, MOST_LOG, max(0, size - MOST_LOG))
    except StoreError as error:
        return "There are no messages." if isinstance(error.__cause__, FileNotFoundError) else str(error)
    text = content.decode(errors="replace")
    return text if size <= MOST_LOG else f"… {size - MOST_LOG} bytes before\n{text.partition(chr(10))[2]}"


def _files(entry: Entry, run: Run, *, linked: bool) -> Section:
    found, more = listed_files(run.path)
    rows = [
        [link(f"run-{entry.key}/files/{name}", name) if linked and kind == "" else printable(name, 200), size or kind]
        for name, size, kind in found
    ]
    caption = f"Files, {len(rows)} of them" + ("; there are more in the directory." if more else ".")
    table = TextTable(caption, ["file", "bytes"], rows)
    return Section("files", "Files", tables=[table])
