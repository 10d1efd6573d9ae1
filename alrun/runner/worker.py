"""End of a worker process when the sweep that started it is gone.

A worker process of a sweep (joblib's, or whose launcher ever) lives on when the sweep is killed, and holds the
directory of the run that it is busy with. It watches the sweep from a thread, and asks itself to stop as a user would
(SIGTERM): the run is left as any interrupted run is. The kernel's own signal at a parent's death is of no use here, as
it comes when the *thread* ends that started the worker, which joblib does at will.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from functools import cache

from alrun.core.process import Process

__all__ = ["end_with"]

#: Seconds that a run has to come to a safe point and to write how it ended.
GRACE = 10.0


def end_with(sweep: Process) -> None:
    """Have this process end within seconds when ``sweep`` has ended, if it is a worker of that.

    Does nothing in the sweep's own process, nor where a launcher hands jobs to a queue or to another machine. Returns
    at once, and does not return at all where ``sweep`` has ended already.
    """
    is_worker = multiprocessing.current_process().name != "MainProcess" or os.getppid() == sweep.pid
    if not is_worker or sweep.pid == os.getpid():
        return
    if not sweep.is_alive:
        os._exit(128 + signal.SIGTERM)
    _watch(sweep)


@cache
def _watch(sweep: Process) -> threading.Thread:
    """Watch ``sweep``, once for all the jobs that it gives this process."""
    watch = threading.Thread(target=_end_after, args=(sweep,), name="alrun-sweep-watch", daemon=True)
    watch.start()
    return watch


def _end_after(sweep: Process) -> None:
    sweep.wait()
    # A second signal ends a run that does not come to a safe point; the last one cannot be caught.
    for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGTERM, 1.0), (signal.SIGKILL, 0.0)):
        os.kill(os.getpid(), number)
        time.sleep(seconds)
