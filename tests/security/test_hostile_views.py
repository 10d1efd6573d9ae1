"""R5, R11, R12 in ``alrun view``: hostile runs side by side, each on its page, and the run beside them as ever.

``ALRUN_HOSTILE=1`` takes all of them.
"""

from __future__ import annotations

import os
import re
import resource
from pathlib import Path
from shutil import copytree

import pytest
from hostile_runs import CONTENTS, Edit, cases  # type: ignore[import-not-found]
from watched import Watch  # type: ignore[import-not-found]

from alrun.viewer.index import Index
from alrun.viewer.rendering import html
from alrun.viewer.site import Site

pytest.importorskip("jinja2", reason='pip install "alrun[view]"')

#: What moves a cursor, hides text or turns it round.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
GIBIBYTE = 1 << 30
#: Descriptions, which lists and pages show, and a sample of everything else.
CASES: list[tuple[str, Edit]] = (
    cases() if os.environ.get("ALRUN_HOSTILE") else [*list(CONTENTS.items())[:8], *cases()[::8]]
)
#: Elements that the pages have; nothing from a run is one.
SCRIPTS = ['<script type="application/json" id="charts">', '<script src="view.js">']


def test_every_hostile_run_has_its_page(stored: Path, watch: Watch) -> None:
    root = watch.home / "shown"
    outside = watch.home.parent / "outside"
    (outside / "folder").mkdir(parents=True)
    (outside / "sprung").write_text("secret")
    copytree(stored, root / "good")
    for number, (_, edit) in enumerate(CASES):
        place = root / "sent" / f"{number:03d}"
        copytree(stored, place)
        edit(place, outside)
    watch.forget()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    watch.armed = True
    try:
        index = Index(root)
        index.scan()
        pages = {
            name: html(page).decode() for name in Site(index).names() if (page := Site(index).page(name, full=True))
        }
    finally:
        watch.armed = False
    places = [entry.place for entry in index.entries()]
    assert "good" in places
    # A run whose description is no file has none; all the others are there, whatever else they hold.
    assert len(places) > len(CASES) * 0.9
    for entry in index.entries():
        assert f"run-{entry.key}" in pages
    for name, text in pages.items():
        assert re.findall(r"<script[^>]*>", text) == SCRIPTS, name
        assert not re.search(r"<(img|svg|iframe|object|embed)\b|\son\w+=", re.sub(r"&[a-z0-9#]+;", "", text)), name
        assert not (found := UNSEEN.search(text)), (name, found)
        assert "secret" not in text, name
        assert len(text) < 3_000_000, name
    assert (watch.read, watch.written, watch.ran) == ([], [], [])
    assert sorted(path.name for path in outside.iterdir()) == ["folder", "sprung"]
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) * 1024 < GIBIBYTE
