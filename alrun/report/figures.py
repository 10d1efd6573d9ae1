"""Image files of charts: SVG, PNG and PDF."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from alrun.core.errors import ConfigError, Problem
from alrun.core.showing import printable
from alrun.report.charts.chart import Chart
from alrun.store.cache import cached

__all__ = ["FORMATS", "converter", "page_script", "render", "svg"]

#: Widths of one and two columns of a paper, in points.
WIDTHS = {"": 252, "_wide": 522}
VERSION = "6.4"
#: What a page calls of the libraries.
SNIPPET = "window.vegaEmbed = vegaEmbed;"
#: Characters of a text in a chart; captions and expressions have fewer.
MOST_TEXT = 1000


def converter() -> Any:
    """Return the module that draws charts.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import vl_convert  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError as error:
        hint = "pip install vl-convert-python"
        raise ConfigError(
            Problem("charts are drawn by vl-convert-python, which is not installed", hint=hint)
        ) from error
    return vl_convert


def _drawable(value: Any) -> Any:
    """Return a specification whose text is printable and short: the converter ends the process at others."""
    if isinstance(value, str):
        return printable(value, MOST_TEXT)
    if isinstance(value, Mapping):
        return {_drawable(key): _drawable(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_drawable(one) for one in value]
    return value


def _svg(spec: Mapping[str, Any]) -> bytes:
    text: str = converter().vegalite_to_svg(_drawable(spec), vl_version=VERSION)
    return text.encode()


def _png(spec: Mapping[str, Any]) -> bytes:
    return bytes(converter().vegalite_to_png(_drawable(spec), vl_version=VERSION, scale=3))


def _pdf(spec: Mapping[str, Any]) -> bytes:
    return bytes(converter().vegalite_to_pdf(_drawable(spec), vl_version=VERSION))


FORMATS: Mapping[str, Callable[[Mapping[str, Any]], bytes]] = {"svg": _svg, "png": _png, "pdf": _pdf}


def render(chart: Chart, formats: Iterable[str] = tuple(FORMATS)) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each image file of ``chart``, for one and for two columns of a paper."""
    for suffix, width in WIDTHS.items():
        spec = _sized(chart.spec, width)
        for ending in formats:
            yield f"{chart.name}{suffix}.{ending}", FORMATS[ending](spec)


def svg(chart: Chart) -> bytes:
    """Return ``chart`` as SVG on white, of its own size.

    Raises:
        ConfigError: What draws it is not installed.
    """
    return _svg({**chart.spec, "background": "white"})


def _sized(spec: Mapping[str, Any], width: int) -> dict[str, Any]:
    """Return ``spec`` on white, ``width`` points wide; narrow ones are lower and have fewer columns of legend."""
    sized = deepcopy(dict(spec))
    sized["background"] = "white"
    sized["config"]["legend"]["columns"] = 3 if width < 400 else 6
    if "facet" in sized:
        sized["spec"]["width"] = width - 140
        return sized
    for part in sized.get("vconcat", [sized]):
        part["width"] = width if part is sized else width - 80
        if isinstance(part.get("height"), int | float):
            part["height"] = round(width * 0.6) if width < 400 else part["height"]
    return sized


def page_script() -> str:
    """Return the script that draws charts in a page: Vega, Vega-Lite and Vega-Embed, without any request.

    It takes seconds to put together, and is kept in the user's cache folder.

    Raises:
        ConfigError: What draws charts is not installed.
    """
    module = converter()
    key = hashlib.sha256(f"{module.__version__} {VERSION} {SNIPPET}".encode()).hexdigest()[:16]
    made = cached(f"vega-{key}.js", lambda: module.javascript_bundle(SNIPPET, vl_version=VERSION).encode())
    return made.decode()
