"""Console that every command prints on: text is cleaned of control characters, whatever its source."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.segment import Segment

from alrun.core.showing import printable, printable_block

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderableType

__all__ = ["new_console"]


class _CleanConsole(Console):
    """Console on which text cannot move the cursor, set the title or hide anything; only rich's own styles can."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; of text that has several lines all but the first are indented, so that none passes for a message."""
        super().print(*(printable_block(one) if isinstance(one, str) else one for one in objects), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield segments in which whatever cannot be seen is written out."""
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable() or segment.text == "\n":
                yield segment
            else:
                yield Segment("\n".join(map(printable, segment.text.split("\n"))), segment.style)


def new_console(**options: Any) -> Console:
    """Return a console that takes all text literally (no markup, no highlighting); ``options`` are rich's."""
    return _CleanConsole(**({"markup": False, "highlight": False, "emoji": False} | options))
