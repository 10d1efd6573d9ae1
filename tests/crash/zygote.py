"""Runs command lines in forked children, so that one does not pay the imports of every process that is killed.

Each line of standard input is JSON: the words, the seconds after which SIGKILL comes, or null, and whether it comes to
all processes that the child has started too. The answer is the exit code, -9 for a child that was killed.
"""

import contextlib
import json
import os
import signal
import sys
import time

import lightning  # noqa: F401
import sklearn.datasets  # noqa: F401
import torchmetrics.classification  # noqa: F401

import alrun.driver.driver
import alrun.learner.mlp
import alrun.query.entropy
import alrun.training.fabric
import alrun.training.trainer  # noqa: F401
from alrun.cli.main import main

left = []
print("ready", flush=True)  # noqa: T201
for line in sys.stdin:
    words, kill_after, family = json.loads(line)
    child = os.fork()
    left.append(child)
    if child == 0:
        os.setsid()
        with open(os.devnull, "r+") as nothing:  # noqa: PTH123
            for number in range(3):
                os.dup2(nothing.fileno(), number)
        os._exit(main(words))
    if kill_after is not None:
        time.sleep(kill_after)  # a child that has ended waits to be asked for: its number is not given away
        (os.killpg if family else os.kill)(child, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)  # noqa: T201
for child in left:  # workers whose parent has ended, one way or the other, may wait for it for ever
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
