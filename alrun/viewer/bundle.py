"""Bundle: all pages of the viewer as files, which need no server and no network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alrun.report.figures import page_script
from alrun.report.page.page import page_file
from alrun.viewer.index import Index
from alrun.viewer.rendering import file_text, html
from alrun.viewer.site import Site

__all__ = ["bundle_files"]


def bundle_files(root: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file over the runs below ``root``; equal runs give equal bytes.

    Raises:
        ConfigError: What draws the charts is not installed.
    """
    yield "vega.js", page_script().encode()
    yield "page.js", page_file("page.js").encode()
    yield "view.js", file_text("view.js").encode()
    index = Index(root)
    index.scan()
    site = Site(index)
    for name in site.names():
        page = site.page(name, full=True)
        if page is not None:
            yield f"{name}.html", html(page, bundled=True)
