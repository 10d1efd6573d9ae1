"""Jobs of a sweep that failed or were killed, started again; each runs where its death ends nothing else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool

from alrun.cli.interrupts import Stopped
from alrun.core.errors import ConfigError

__all__ = ["apart", "retried", "unbroken"]

#: Number and words of a job.
Numbered = tuple[int, tuple[str, ...]]
#: Runs jobs, and returns the exit code of each: minus a signal's number, or nothing, where it was killed.
Launch = Callable[[Sequence[Numbered]], Sequence[int | None]]
#: What a worker process imports once, before it forks for each job.
PRELOADED = ["alrun.cli.worker_imports"]


def retried(launch: Launch, jobs: Sequence[Numbered], times: int) -> list[str]:
    """Run ``jobs``; start those that failed or were killed up to ``times`` times again, the refused (2) never.

    Returns:
        What there is to say of it afterwards, line by line.
    """
    left, again = list(jobs), Counter[int]()
    for attempt in range(times + 1):
        if attempt:
            again.update(number for number, _ in left)
            noun = "job is" if len(left) == 1 else "jobs are"
            sys.stderr.write(f"retry {attempt} of {times}: {len(left)} {noun} started again\n")
        codes = launch(left)
        left = [job for job, code in zip(left, codes, strict=True) if code not in (0, ConfigError.exit_code)]
        if not left:
            break
    lost = {number for number, _ in left}
    if not again:
        return []
    ended = sum(number not in lost for number in again)
    return [f"{len(again)} started again ({again.total()} times in all), {ended} of them to their end"]


def apart(run: Callable[[tuple[str, ...]], int], jobs: Sequence[Numbered]) -> Sequence[int | None]:
    """Run ``jobs`` one after the other, each in a process of its own; return their exit codes.

    Raises:
        Stopped: A signal asked this process, or a job, to stop; the job has come to a safe point.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    codes: list[int | None] = []
    for _, words in jobs:
        process = context.Process(target=_ended, args=(run, words))
        process.start()
        try:
            process.join()
        except KeyboardInterrupt:
            process.terminate()
            process.join()
            raise
        code = process.exitcode
        if code in (128 + signal.SIGINT, 128 + signal.SIGTERM):
            raise Stopped(code - 128)
        codes.append(code)
    return codes


def unbroken(launch: Launch) -> Launch:
    """Return ``launch`` as what says of no job how it ended where a worker was killed: the others died with it."""

    def launched(jobs: Sequence[Numbered]) -> Sequence[int | None]:
        try:
            return launch(jobs)
        except BrokenProcessPool:
            return [None] * len(jobs)

    return launched


def _ended(run: Callable[[tuple[str, ...]], int], words: tuple[str, ...]) -> None:
    """End this process as the job ends."""
    try:
        code = run(words)
    except Stopped as stopped:
        code = stopped.exit_code
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
