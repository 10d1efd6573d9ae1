"""Runs command lines in forked children of one process that has paid the imports, in the folder it was started in.

Each line of standard input is JSON: the words, and the glob at whose first match SIGKILL comes, or null. The answer is
JSON: the exit code (-9 for a child that was killed) and what it said.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import lightning  # noqa: F401
import sklearn.datasets  # noqa: F401
import torchmetrics.classification  # noqa: F401

import alrun.driver.driver
import alrun.learner.mlp
import alrun.query.entropy
import alrun.training.fabric
import alrun.training.trainer  # noqa: F401
from alrun.cli.main import main

TOLD = Path("told.txt")


def kill_at(child: int, pattern: str) -> None:
    while not any(Path().glob(pattern)):
        time.sleep(0.001)
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            return
    os.kill(child, signal.SIGKILL)


sys.path.insert(0, str(Path.cwd()))
print("ready", flush=True)  # noqa: T201
for line in sys.stdin:
    words, pattern = json.loads(line)
    child = os.fork()
    if child == 0:
        with open(os.devnull) as nothing, TOLD.open("w") as told:  # noqa: PTH123
            os.dup2(nothing.fileno(), 0)
            os.dup2(told.fileno(), 1)
            os.dup2(told.fileno(), 2)
        code = main(words)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    if pattern is not None:
        kill_at(child, pattern)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(json.dumps([code, TOLD.read_text()]), flush=True)  # noqa: T201
