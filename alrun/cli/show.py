"""Summary of a finished run or sweep: metrics, run directory, and the commands to type next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.cli.arguments import print_json
from alrun.core.errors import AlrunError, ConfigError, StoreError
from alrun.core.showing import printable, printable_block, typed
from alrun.store.lock import is_locked
from alrun.store.rundir import RunDirectory

if TYPE_CHECKING:
    from alrun.config.targets import Trust
    from alrun.runner.outcome import Outcome

__all__ = ["problem_text", "show_outcome", "show_sweep", "skipped_text"]


def problem_text(error: AlrunError) -> str:
    """Return the message for ``error``: every problem on its own lines."""
    if not isinstance(error, ConfigError):
        return f"error: {printable_block(str(error))}\n"
    count = len(error.problems)
    head = "1 problem" if count == 1 else f"{count} problems"
    return "\n".join([f"error: {head}", *(f"  {printable_block(str(problem))}" for problem in error.problems)]) + "\n"


def skipped_text(skipped: Mapping[str, ConfigError]) -> str:
    """Return what is said of jobs that are left out, by their words."""
    notes = (f"note: {printable(words)} is skipped: {_first_of(error)}\n" for words, error in skipped.items())
    return "".join(notes)


def _first_of(error: ConfigError) -> str:
    more = len(error.problems) - 1
    return printable(error.problems[0].what) + (f" (and {more} more)" if more else "")


def show_outcome(outcome: Outcome, trust: Trust, *, json: bool = False) -> None:
    """Print how a run ended, and the next commands under the same ``trust``; or all of it as JSON."""
    from alrun.cli.console import new_console

    if json:
        print_json(_outcome(outcome))
        return
    console = new_console()
    place = typed(shortened(outcome.directory))
    again = _again(place, trust)
    if outcome.info.get("metrics"):
        console.print(_metrics_table(outcome.info))
    if outcome.error is not None:
        new_console(stderr=True).print(problem_text(outcome.error).rstrip(), soft_wrap=True)
        console.print(f"continue: {again.removesuffix(', with')}", soft_wrap=True)
        return
    state = "already finished" if outcome.answered else "finished"
    console.print(f"{state}: {printable(outcome.info.get('reason') or '')}", soft_wrap=True)
    console.print(f"run:      {place}", soft_wrap=True)
    further = _further(outcome.info)
    if further:
        console.print(f"continue: {again} {further}", soft_wrap=True)
    console.print(f"report:   alrun report {place}", soft_wrap=True)


def _outcome(outcome: Outcome) -> dict[str, Any]:
    told = {name: outcome.info.get(name) for name in ("status", "reason", "identity", "step", "labels", "budget")}
    error = None if outcome.error is None else str(outcome.error)
    ended = {"answered": outcome.answered, "exit_code": outcome.exit_code, "error": error}
    return {"path": outcome.directory, **told, "metrics": outcome.info.get("metrics") or {}, **ended}


def _again(place: str, trust: Trust) -> str:
    """Return the command that goes on; what a program itself defines, only that program can go on with."""
    if any(package.partition(".")[0] == "__main__" for package in trust.packages):
        return "the same program again, with"
    return " ".join([f"alrun resume {place}", *(f"--trust {package}" for package in trust.packages)])


def _further(info: Mapping[str, Any]) -> str:
    """Return the override that continues a finished run by raising the limit that ended it; empty if there is none."""
    if "picks" in (info.get("rerun") or {}):
        return ""
    reason, extent = info.get("reason") or "", info["extent"]
    clock = (extent.get("stopping") or {}).get("wall_clock") or {}
    if reason.endswith("labels is spent"):
        return f"budget={2 * info['budget']}"
    if reason.endswith("steps are done") and extent.get("max_steps"):
        return f"max_steps={2 * extent['max_steps']}"
    if reason.endswith("of work are over") and clock.get("minutes"):
        return f"stopping.wall_clock.minutes={2 * clock['minutes']:g}"
    return ""


def _metrics_table(info: Any) -> Any:
    from rich import box
    from rich.table import Table

    query, data, learner = (info["choices"].get(group, "") for group in ("query", "data", "learner"))
    title = printable(f"{query} on {data} with {learner}, seed {info['seed']}")
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    shown = {name: value for name, value in info["metrics"].items() if not name.startswith("count_")}
    measured = {name: info["measured"].get(name, info["labels"]) for name in shown}
    newest = max(measured.values(), default=0)
    table.add_column("after")
    table.add_column(f"{newest} labels", justify="right")
    for name, value in shown.items():
        if value is not None:
            earlier = "" if measured[name] == newest else f" (after {measured[name]})"
            table.add_row(printable(f"{name}{earlier}"), f"{value:.4g}")
    return table


def shortened(path: Path) -> str:
    """Return ``path`` relative to the working directory where it lies below it."""
    cwd = Path.cwd()
    return str(path.relative_to(cwd)) if path.is_relative_to(cwd) else str(path)


def show_sweep(
    directories: Sequence[RunDirectory], finished_before: Sequence[bool], *, again: bool = False, json: bool = False
) -> int:
    """Print how the jobs of a sweep ended; return 0 when all finished, 2 when none could start, else 1.

    Args:
        directories: Where they lie.
        finished_before: Whether each was finished already.
        again: Whether the sweep was stopped, and goes on when it is started again.
        json: Whether to print JSON in place of text.
    """
    from alrun.cli.console import new_console

    console = new_console(quiet=json)
    states = [_state(directory) for directory in directories]
    before = sum(finished_before)
    counts = Counter(states)
    told = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    noun = "job" if len(states) == 1 else "jobs"
    rest = "; type the same command again" if again else f" ({before} before, not run again)"
    console.print(f"{len(states)} {noun}: {told}{rest}", soft_wrap=True)
    for directory, state in zip(directories, states, strict=True):
        if state != "finished":
            reason = _reason(directory) if directory.exists else "never started"
            console.print(f"  {state}: {shortened(directory.path)}: {printable(reason)}", soft_wrap=True)
    if counts["finished"]:
        console.print(f"report: alrun report {typed(shortened(directories[0].path.parent))}", soft_wrap=True)
    if json:
        print_json(_jobs(directories, states, finished_before))
    if counts["missing"] == len(states):
        return ConfigError.exit_code
    return 0 if counts["finished"] == len(states) else 1


def _jobs(directories: Sequence[RunDirectory], states: Sequence[str], before: Sequence[bool]) -> dict[str, Any]:
    jobs = [
        {
            "path": directory.path,
            "status": state,
            "reason": _reason(directory) if directory.exists else "",
            "finished_before": finished,
        }
        for directory, state, finished in zip(directories, states, before, strict=True)
    ]
    return {"jobs": jobs, "counts": dict(Counter(states))}


def _state(directory: RunDirectory) -> str:
    if not directory.exists:
        return "missing"
    try:
        status = str(directory.info()["status"])
    except StoreError:
        return "unreadable"
    return "interrupted" if status == "running" and not is_locked(directory.path) else status


def _reason(directory: RunDirectory) -> str:
    try:
        return str(directory.info()["reason"] or "")
    except StoreError as error:
        return str(error)
