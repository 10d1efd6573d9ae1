"""Live view of several runs: their state, again and again, read from their files alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.text import Text

from alrun.callbacks.progress_view import clock
from alrun.cli.status import status_table
from alrun.report.runs import Run
from alrun.report.standing import Pace, standing

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

__all__ = ["RunsView", "drawn_meanwhile", "watch"]

#: Seconds between two looks at the files; of many runs more, so that looking takes at most a fifth of the time.
PAUSE = 1.0
#: Lines of a screen that are not rows of the table.
FRAME = 7
#: States in the order in which they are shown; a screen has room for some runs.
FIRST = ("running", "failed", "unreadable", "interrupted", "finished")

#: Returns the runs that have begun, and the number of those that have not.
Find = Callable[[], tuple[Sequence[Run], int]]


class RunsView:
    """A renderable: the runs that a screen has room for, how many there are of each state, and about the time left."""

    def __init__(self, find: Find) -> None:
        """Show what ``find`` returns."""
        self._find = find
        self._pace = Pace()
        self._runs: Sequence[Run] = ()
        self.state, self._time = "", ""

    def look(self) -> bool:
        """Look at the files; return whether anything goes on, or is still to begin."""
        runs, waiting = self._find()
        self._runs = sorted(runs, key=lambda run: (FIRST.index(run.status), run.path))
        state = standing(runs, waiting)
        left = self._pace.seconds_left(time.monotonic(), state)
        self.state, self._time = str(state), "" if left is None else f" · about {clock(left)} left"
        return bool(waiting) or any(run.status == "running" for run in runs)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table, what it leaves out, and the line."""
        room = max(1, console.height - FRAME)
        shown, left_out = self._runs[:room], self._runs[room:]
        if shown:
            yield status_table(shown)
        if left_out:
            yield Text(f" … and {standing(left_out)}", style="dim", no_wrap=True, overflow="ellipsis")
        yield Text(f" {self.state}{self._time}", no_wrap=True, overflow="ellipsis")


def watch(view: RunsView, console: Console) -> None:
    """Show ``view`` until nothing goes on any more; on anything but a terminal, a line at each change of state."""
    if console.is_terminal and not console.is_dumb_terminal:
        from rich.live import Live

        with Live(view, console=console, auto_refresh=False, vertical_overflow="crop") as live:
            for _ in _looks(view):
                live.refresh()
        return
    said = ""
    for _ in _looks(view):
        if view.state != said:
            console.print(view.state, soft_wrap=True)
            said = view.state


def _looks(view: RunsView) -> Iterator[None]:
    """Yield after each look, until nothing goes on."""
    goes_on = True
    while goes_on:
        began = time.monotonic()
        goes_on = view.look()
        yield
        if goes_on:
            time.sleep(max(PAUSE, 4 * (time.monotonic() - began)))


@contextmanager
def drawn_meanwhile(find: Find, console: Console) -> Iterator[None]:
    """Show runs while something else goes on; nothing on anything but a terminal."""
    if not console.is_terminal or console.is_dumb_terminal:
        yield
        return
    from rich.live import Live

    view = RunsView(find)

    def looked() -> RunsView:
        view.look()
        return view

    with Live(get_renderable=looked, console=console, refresh_per_second=1 / PAUSE, transient=True):
        yield
