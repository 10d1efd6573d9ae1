"""Pages of the viewer as HTML: sections in the template of the report, with links and states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from alrun.core.showing import printable
from alrun.report.page.page import content, templates
from alrun.report.page.section import Section

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

__all__ = ["Page", "file_text", "html", "link", "markup", "preformatted", "state"]


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        title: Its heading.
        subtitle: One line below it.
        sections: What it shows.
        trail: Text and address of the pages above it.
        topic: What is to change before it changes; empty for a page that does not.
        later: Whether a part that takes longer is left out, and is to be fetched with ``full=1``.
        colors: Colors of strategies, where charts compare some.
        kind: ``run`` for the page of a run, which is laid out in columns.
    """

    title: str
    subtitle: str
    sections: Sequence[Section]
    trail: Sequence[tuple[str, str]] = ()
    topic: str = ""
    later: bool = False
    colors: Mapping[str, str] = field(default_factory=dict)
    kind: str = ""


def html(page: Page, *, bundled: bool = False) -> bytes:
    """Return ``page`` in UTF-8; ``bundled``: as a file that nothing answers."""
    text = _template().render(
        **content(page.title, page.subtitle, page.sections, page.colors),
        own_style=_trusted(file_text("view.css")),
        trail=page.trail,
        topic="" if bundled else page.topic,
        kind=page.kind,
        later=page.later and not bundled,
        bundled=bundled,
    )
    return text.encode(errors="replace")


@cache
def _template() -> Template:
    return templates({"view.html": file_text("view.html")}).get_template("view.html")


@cache
def file_text(name: str) -> str:
    """Return the text of a file that the pages are made of."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def _trusted(text: str) -> Markup:
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 - our own file


def markup(pattern: str, *parts: object) -> Markup:
    """Return ``pattern``, an element of the page, with ``parts`` put in, escaped."""
    from markupsafe import Markup

    return Markup(pattern).format(*parts)  # noqa: S704 - patterns are written in this package


def link(address: str, text: str) -> Markup:
    """Return a link; ``text`` may come from anywhere."""
    return markup('<a href="{}">{}</a>', address, printable(text, 200))


def state(name: str) -> Markup:
    """Return the state of a run with its mark."""
    return markup('<span class="state state-{}">{}</span>', name, name)


def preformatted(text: str) -> Markup:
    """Return text line by line as it stands, what cannot be seen written out."""
    lines = "\n".join(printable(line) for line in text.split("\n"))
    return markup('<pre tabindex="0">{}</pre>', lines)
