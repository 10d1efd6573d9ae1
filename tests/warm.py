"""Runs command lines and programs in forked children of one process that has paid the imports.

Started by ``command_line.Warm`` with the number of a socket. A request is a line of JSON, and so is its answer:

- ``{"start": [words], "code": text or null, "folder", "environment", "out", "err", "die_at": glob or null}``: the
  number of the child, which is the leader of its own process group;
- ``{"wait": number, "block": true or false}``: its exit code, minus the number of the signal that ended it, or null.
- ``{"end": [numbers] or null}``: null, when these children, or all, are killed with what they have started, and reaped.

They are not before, except when the socket is closed.
"""

# ruff: noqa: E402 - imports are put off before the first of them

from __future__ import annotations

import atexit
import gc
import json
import os
import runpy
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from glob import glob
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from alrun.core.lean_imports import put_off

put_off()

import torchmetrics.classification  # noqa: F401

import alrun.cli.app
import alrun.driver.driver
import alrun.inference.deterministic
import alrun.learner.mlp
import alrun.query.entropy
import alrun.training.fabric
import alrun.training.trainer  # noqa: F401
from alrun.config.compose import Composer
from alrun.config.targets import Trust

MAKES_FILES = ("os.rename", "os.link", "os.mkdir")


def die_at(pattern: str) -> None:
    """Kill this process with SIGKILL as soon as a file that matches ``pattern`` is there: at its next audit event."""
    process, made, looking = os.getpid(), False, False

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal made, looking
        if looking or os.getpid() != process:  # a process that this one has forked is none of ours
            return
        if made:
            made, looking = False, True
            if glob(pattern):  # noqa: PTH207 - does not stumble over what vanishes
                os.kill(process, signal.SIGKILL)
            looking = False
        made = event in MAKES_FILES or (event == "open" and bool(arguments[2] & os.O_CREAT))

    sys.addaudithook(watch)


def become(request: Mapping[str, Any]) -> None:
    """Give this process the folder, environment and streams of ``request``, and a group of its own."""
    os.setpgid(0, 0)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    writes = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, (path, flags) in enumerate(
        [(os.devnull, os.O_RDONLY), (request["out"], writes), (request["err"], writes)]
    ):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)


def execute(words: Sequence[str], code: str | None) -> int:
    """Return the exit code of ``alrun`` with ``words``, or of ``python -c`` with a program whose arguments they are."""
    sys.argv = ["-c", *words]
    try:
        if code is None:
            runpy.run_module("alrun", run_name="__main__", alter_sys=True)
        else:
            sys.path.insert(0, str(Path.cwd()))
            sys.modules["__main__"] = ModuleType("__main__")
            exec(compile(code, "<string>", "exec"), vars(sys.modules["__main__"]))  # noqa: S102
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
            return 1
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def be(request: Mapping[str, Any]) -> NoReturn:
    """Run ``request`` in this process, and end it as Python ends."""
    become(request)
    if request["die_at"]:
        die_at(request["die_at"])
    code = execute(request["start"], request["code"])
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def exit_code(child: int, *, block: bool) -> int | None:
    """Return the exit code of a child that stays a zombie, so that its number is not given away; or nothing yet."""
    ended = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT | (0 if block else os.WNOHANG))
    if ended is None:
        return None
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def end(children: Iterable[int]) -> None:
    """Kill ``children`` and what they have started, and reap them."""
    for child in children:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)


def serve(channel: socket.socket) -> None:
    """Answer requests until the other side closes ``channel``."""
    children: set[int] = set()
    with channel, channel.makefile("rw") as lines:
        lines.write("ready\n")
        lines.flush()
        for line in lines:
            request = json.loads(line)
            answer: int | None = None
            if "start" in request:
                answer = os.fork()
                if answer == 0:
                    os.close(channel.fileno())
                    be(request)
                with suppress(PermissionError):  # it has done so itself: after this line it leads its group
                    os.setpgid(answer, answer)
                children.add(answer)
            elif "wait" in request:
                answer = exit_code(request["wait"], block=request["block"])
            else:
                ended = children if request["end"] is None else children.intersection(request["end"])
                end(ended)
                children = children - ended
            lines.write(f"{json.dumps(answer)}\n")
            lines.flush()
        end(children)


if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, which command lines do not see
    for choice in ("data=digits", "data=moons"):
        Composer(Trust()).compose([choice])
    Composer(Trust()).compose([])
    gc.collect()
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
