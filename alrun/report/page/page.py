"""The page: sections and charts in one HTML file; equal input gives equal bytes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from alrun.core.showing import printable
from alrun.report.charts.chart import Chart
from alrun.report.charts.style import strategy_colors
from alrun.report.figures import page_script
from alrun.report.page.section import Section, text_table
from alrun.report.study import Study

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["content", "page", "page_file", "templates"]

#: Rows of the table beside a chart.
MOST_ROWS = 400
#: Characters of a text.
MOST_TEXT = 5000
BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)


def page(title: str, subtitle: str, sections: Sequence[Section], study: Study) -> bytes:
    """Return the page in UTF-8.

    All text is escaped: names from data and configs run nothing. No script but the page's own runs, and
    none that is made from text (Content-Security-Policy without ``unsafe-eval``).

    Args:
        title: Its heading.
        subtitle: One line below it.
        sections: In their order.
        study: What the page compares: its strategies have one color each.

    Raises:
        ConfigError: What draws the charts is not installed.
    """
    from markupsafe import Markup

    library, script = page_script(), page_file("page.js")
    text = (
        templates()
        .get_template("page.html")
        .render(
            **content(title, subtitle, sections, strategy_colors(study.strategies, study.baseline)),
            script_hashes=Markup(" ".join(map(_hash, (library, script)))),  # noqa: S704 - digests
            library=Markup(library),  # noqa: S704 - of the library that draws
            script=Markup(script),  # noqa: S704 - our own file
        )
    )
    return text.encode()


def templates(further: Mapping[str, str] = MappingProxyType({})) -> Environment:
    """Return the templates of the page, and ``further`` ones, which may extend it; all escape what is put in."""
    from jinja2 import DictLoader, Environment

    known = DictLoader({"page.html": page_file("page.html"), **further})
    return Environment(autoescape=True, loader=known, finalize=_visible)


def _visible(value: Any) -> Any:
    """Return text as it is shown: what cannot be seen is written out; elements of the page stay as they are."""
    return printable(value, MOST_TEXT) if type(value) is str else value


def content(
    title: str, subtitle: str, sections: Sequence[Section], colors: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """Return what the templates show: text, sections, style, and the charts as JSON."""
    from markupsafe import Markup

    swatches = [f".swatch-{i}{{background:{color}}}" for i, color in enumerate(colors.values())]
    charts = [chart for section in sections for chart in section.charts]
    return {
        "title": title,
        "subtitle": subtitle,
        "sections": [_shown(section) for section in sections],
        "anchors": [section.anchor for section in sections],
        "colors": list(colors.items()),
        "style": Markup(page_file("page.css") + "\n".join(swatches)),  # noqa: S704 - our own file and colors
        "charts_json": Markup(_json({chart.name: _embedded(chart) for chart in charts})),  # noqa: S704 - escaped there
    }


def page_file(name: str) -> str:
    """Return the text of a file that the page is made of: ``page.html``, ``page.css`` or ``page.js``."""
    return (files(__package__) / name).read_text(encoding="utf-8")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _json(value: Any) -> str:
    """Return JSON that may stand within a script element."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _embedded(chart: Chart) -> dict[str, Any]:
    spec = chart.spec | {"description": f"{chart.title}. {chart.caption}"}
    return spec | {"width": "container"} if "width" in spec else spec


def _shown(section: Section) -> dict[str, Any]:
    charts = [
        {
            "name": chart.name,
            "title": chart.title,
            "caption": chart.caption,
            "slider": chart.spec.get("usermeta", {}).get("labels"),
            "table": text_table(chart.data, chart.title, MOST_ROWS),
            "left_out": max(0, len(chart.data) - MOST_ROWS),
        }
        for chart in section.charts
    ]
    from markupsafe import Markup

    galleries = [
        replace(one, cards=[replace(card, picture=Markup(_base64(card.picture))) for card in one.cards])  # noqa: S704
        for one in section.galleries
    ]
    names = ("anchor", "title", "paragraphs", "blocks", "tables")
    return {name: getattr(section, name) for name in names} | {"charts": charts, "galleries": galleries}


def _base64(text: str) -> str:
    """Return ``text`` where it is base64, which needs no escaping and is not cut; else nothing."""
    return text if BASE64.fullmatch(text) else ""
