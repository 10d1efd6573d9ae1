"""Rendering of the live display: a pure function of its state."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Group
from rich.constrain import Constrain
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from alrun.callbacks.progress_state import JobCount, RunState, main_metrics
from alrun.core.phases import ActiveLearningPhase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, RenderableType

__all__ = ["ECHO", "Sparkline", "clock", "jobs_text", "view"]

#: Columns left free: a terminal shows Ctrl-C there as ^C, and would begin another line for it.
ECHO = 4

LABEL_WIDTH = 11
ARROW = " → "
NOTE_WIDTH = 32


def clock(seconds: float) -> str:
    """Return ``seconds`` as ``m:ss``, or ``h:mm:ss`` from an hour on."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def jobs_text(jobs: JobCount, now: float) -> str:
    """Return how far a sweep has come: ``job 3 of 30 · 1 failed · about 4:10 left``."""
    parts = [f"job {jobs.before + jobs.ended + 1} of {jobs.total}"]
    parts += [f"{jobs.failed} failed"] if jobs.failed else []
    left = jobs.seconds_left(now)
    return " · ".join([*parts, *([f"about {clock(left)} left"] if left is not None else [])])


def view(state: RunState, elapsed: float, left: float | None, jobs: str = "") -> RenderableType:
    """Return the panel for ``state``.

    Args:
        state: Where the run stands.
        elapsed: Seconds since the session began.
        left: Seconds to go, where that is known.
        jobs: How far the sweep has come that the run is part of.
    """
    bars = Table.grid(padding=(0, 2), expand=True)
    bars.add_column(style="bold", no_wrap=True, width=LABEL_WIDTH)
    bars.add_column(ratio=1)
    bars.add_column(no_wrap=True, width=NOTE_WIDTH)
    bars.add_row(_words(state.phase) or "starting", _bar(state.done, state.total), _note(state))
    bars.add_row("labels", _bar(state.labels, state.budget), f"{state.labels}/{state.budget}")
    if state.curve:
        name = Text(next(iter(main_metrics(state.metrics))), overflow="ellipsis")
        bars.add_row(name, Sparkline(state.curve), f"{state.curve[0]:.4g} to {state.curve[-1]:.4g}")
    head = Text(f"step {state.step}".ljust(LABEL_WIDTH + 2), style="bold", no_wrap=True, overflow="ellipsis")
    first = [Text(jobs, style="bold", no_wrap=True, overflow="ellipsis")] if jobs else []
    lines: list[RenderableType] = [
        *first,
        head.append_text(_phases(state.phase)),
        *_seconds(state.seconds),
        bars,
        _metrics(state),
    ]
    time_left = f" · about {clock(left)} left" if left is not None else ""
    panel = Panel(
        Group(*lines),
        title=Text(state.name),
        title_align="left",
        subtitle=Text(f"{clock(elapsed)}{time_left}"),
        subtitle_align="right",
        border_style="dim",
    )
    return _Narrower(panel)


class _Narrower:
    """A renderable that leaves the last columns free."""

    def __init__(self, content: RenderableType) -> None:
        self._content = content

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Yield the content for a narrower screen."""
        yield Constrain(self._content, max(1, options.max_width - ECHO))


class Sparkline:
    """A renderable: one character a value, the last ones that there is room for; the highest is the largest of them."""

    LEVELS, ASCII = "▁▂▃▄▅▆▇█", "_.,-~=*#"

    def __init__(self, values: Sequence[float]) -> None:
        """Draw ``values``; those that are not finite are blank."""
        self._values = values

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Yield one line."""
        levels = self.ASCII if options.ascii_only else self.LEVELS
        shown = list(self._values)[-options.max_width :]
        finite = [value for value in shown if math.isfinite(value)]
        low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
        scale = (len(levels) - 1) / (high - low) if high > low else 0.0
        text = "".join(levels[round((one - low) * scale)] if math.isfinite(one) else " " for one in shown)
        yield Text(text, style="cyan", no_wrap=True)


def _seconds(seconds: Mapping[str, float]) -> Iterator[Text]:
    """Yield a line with the seconds of each phase below its name."""
    cells = [
        (f"{seconds[phase]:.2f}" if phase in seconds else "").ljust(len(_words(phase)) + len(ARROW))
        for phase in map(str, ActiveLearningPhase)
    ]
    if seconds:
        yield Text(
            f"{'seconds'.ljust(LABEL_WIDTH + 2)}{''.join(cells)}", style="dim", no_wrap=True, overflow="ellipsis"
        )


def _words(phase: str) -> str:
    return "integration" if phase == ActiveLearningPhase.DATA_INTEGRATION else phase


def _phases(current: str) -> Text:
    text = Text(style="not bold")
    names = [str(phase) for phase in ActiveLearningPhase]
    position = names.index(current) if current in names else -1
    for number, name in enumerate(names):
        style = "bold cyan" if number == position else "green" if number < position else "dim"
        text.append(ARROW if number else "", style="dim").append(_words(name), style=style)
    return text


def _bar(done: int, total: int) -> ProgressBar:
    return ProgressBar(total=total or None, completed=min(done, total))


def _note(state: RunState) -> Text:
    return Text(state.note or (f"{state.done}/{state.total}" if state.total else ""), overflow="ellipsis")


def _metrics(state: RunState) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for number, (name, value) in enumerate(main_metrics(state.metrics).items()):
        text.append("  " if number else f"at {state.measured} labels  ", style="dim")
        text.append(f"{name} ", style="dim").append(f"{value:#.4g}")
    return text
