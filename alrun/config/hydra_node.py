"""Checks of Hydra's own node, after it is resolved and before Hydra acts on it: a table of its keys.

Hydra builds objects from this node, sets environment variables from it and opens files that it names. What Hydra is
given afterwards is made from the plain values that were checked here; nothing in them is resolved again.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alrun.config.bound import iterate_targets
from alrun.config.compat import child, written
from alrun.config.hydra_logging import logging_check
from alrun.config.hydra_plugins import plugin_problems
from alrun.config.shapes import HANDS_OFF, Check, each, either, empty, flag, keys, one_of, text, worded
from alrun.core.errors import Problem

__all__ = ["hydra_problems", "with_plain_subdir"]

#: Environment variables that a config may set for its job: how much of the machine it uses, and nothing that is run.
ENVIRONMENT = frozenset(
    {
        *(
            "OMP_NUM_THREADS",
            "MKL_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "NUMEXPR_NUM_THREADS",
            "VECLIB_MAXIMUM_THREADS",
        ),
        *("NUMBA_NUM_THREADS", "OMP_DYNAMIC", "OMP_PROC_BIND", "OMP_PLACES", "KMP_AFFINITY", "KMP_BLOCKTIME"),
        *(
            "CUDA_VISIBLE_DEVICES",
            "CUDA_DEVICE_ORDER",
            "HIP_VISIBLE_DEVICES",
            "ROCR_VISIBLE_DEVICES",
            "ZE_AFFINITY_MASK",
        ),
        *("CUBLAS_WORKSPACE_CONFIG", "CUDA_LAUNCH_BLOCKING", "NVIDIA_TF32_OVERRIDE", "TOKENIZERS_PARALLELISM"),
    }
)
#: Folder of a job below the sweep's: plain, or named after the job's number.
SUBDIR = r"(?:[\w.,=+-]|/|\$\{hydra\.job\.(?:num|id)\})*"
LOG_SUFFIXES = (".log", ".txt")
NAME = text(r"[\w.-]{1,100}", "a plain name")


def _inside(folder: Path) -> Check:
    """Return the check of a path that stays below ``folder`` or the working directory, links followed."""
    is_path = "\0" not in str(folder)
    roots = (folder, Path.cwd()) if is_path else (Path.cwd(),)
    real = [Path(os.path.realpath(root)) for root in roots]

    def check(value: Any, where: str) -> Iterator[Problem]:
        # What cannot be a path because name or output_dir cannot is refused there.
        if value is None or (not is_path and "\0" in str(value)):
            return
        if not isinstance(value, str) or "\0" in value:
            yield Problem(f"{value!r} is not a path", where, HANDS_OFF)
            return
        place = Path(os.path.realpath(value))
        if not any(place.is_relative_to(root) for root in real):
            yield Problem(f"{value!r} leads outside", where, f"a path below {roots[0]} or the working directory")

    return check


def _log_file(inside: Check) -> Check:
    def check(value: Any, where: str) -> Iterator[Problem]:
        yield from inside(value, where)
        if isinstance(value, str) and not value.endswith(LOG_SUFFIXES):
            yield Problem(f"{value!r} is not the name of a log file", where, "a name that ends with .log")

    return check


def _variables(value: Any, where: str) -> Iterator[Problem]:
    """Yield environment variables that a config may not set or copy."""
    given = value if isinstance(value, Mapping) else dict.fromkeys(value or (), "")
    for name, setting in given.items():
        if name not in ENVIRONMENT:
            what = f"a config may not set the environment variable {name!r}"
            yield Problem(
                what,
                f"{where}.{name}",
                f"set it before alrun is started; a config may set {', '.join(sorted(ENVIRONMENT))}",
            )
        yield from worded(setting, f"{where}.{name}")


def _callbacks(value: Any, where: str) -> Iterator[Problem]:
    for _, place, node in iterate_targets(value, (), where):
        yield Problem(
            f"_target_ {node['_target_']!r} is not Hydra's own", f"{place}._target_", "callbacks=… for alrun's"
        )
    if value and not any(True for _ in iterate_targets(value)):
        yield Problem("Hydra's own callbacks are not supported", where, "callbacks=… for alrun's")


def _anything(value: Any, where: str) -> Iterator[Problem]:
    """Accept what Hydra itself fills in after the words were applied, or prints and does nothing else with."""
    yield from ()


def _job() -> Check:
    dirname = keys({"kv_sep": worded, "item_sep": worded, "exclude_keys": each(worded)})
    return keys(
        {
            "name": NAME,
            "chdir": empty("alrun does not change its working directory", "leave it false"),
            "override_dirname": _anything,
            "id": text(r"\?\?\?", "left to Hydra"),
            "num": text(r"\?\?\?", "left to Hydra"),
            "config_name": one_of("config"),
            "env_set": _variables,
            "env_copy": _variables,
            "config": keys({"override_dirname": dirname}),
        }
    )


def hydra_problems(hydra: Mapping[str, Any], folder: Path) -> Iterator[Problem]:
    """Yield what is wrong with Hydra's own node.

    Args:
        hydra: The node, resolved to plain containers.
        folder: The sweep's runs lie below it.
    """
    inside = _inside(folder)
    logs = logging_check(_log_file(inside))
    table: dict[str, Check] = {
        "env": empty("hydra.env is not supported", HANDS_OFF),
        "mode": one_of("RUN", "MULTIRUN"),
        "searchpath": empty("hydra.searchpath is not supported", "--config-dir DIR adds config groups"),
        "run": keys({"dir": inside}),
        "sweep": keys({"dir": inside, "subdir": text(SUBDIR, "a plain folder name, or ${hydra.job.num}")}),
        "hydra_logging": logs,
        "job_logging": logs,
        "sweeper": lambda value, where: plugin_problems("sweeper", value, inside),
        "launcher": lambda value, where: plugin_problems("launcher", value, inside),
        "callbacks": _callbacks,
        "help": _anything,
        "hydra_help": _anything,
        "output_subdir": empty("each run directory has its own config.yaml", "hydra.output_subdir=null"),
        "overrides": _anything,
        "job": _job(),
        "runtime": _anything,
        "verbose": either(flag, NAME, each(NAME)),
    }
    yield from keys(table)(hydra, "hydra")
    yield from _subdir_problems(hydra.get("sweep") or {}, inside)
    for where, value in _unresolved({key: item for key, item in hydra.items() if key not in UNUSED}):
        if where == "hydra.sweep.subdir":
            continue
        yield Problem(f"{value!r} looks like an interpolation, which would be resolved again", where, "write the value")


def _subdir_problems(sweep: Mapping[str, Any], inside: Check) -> Iterator[Problem]:
    """Yield a folder of a job that does not stay below the sweep's."""
    folder, name = sweep.get("dir"), sweep.get("subdir")
    if isinstance(folder, str) and isinstance(name, str):
        place = str(Path(folder) / re.sub(r"\$\{[\w.]+\}", "0", name))
        if name.startswith("/") or ".." in name:
            yield Problem(f"{name!r} leads outside", "hydra.sweep.subdir", "hydra.sweep.subdir=.")
        else:
            yield from inside(place, "hydra.sweep.subdir")


#: What Hydra is not given: texts that are only printed, and what it notes of the words.
UNUSED = ("env", "help", "hydra_help", "overrides", "runtime")


def _unresolved(value: Any, where: str = "hydra") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _unresolved(str(key), where)
            yield from _unresolved(item, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            yield from _unresolved(item, f"{where}[{number}]")
    elif isinstance(value, str) and "${" in value:
        yield where, value


@contextmanager
def with_plain_subdir(hydra: Any) -> Iterator[str | None]:
    """Let a ``sweep.subdir`` that is named after a job's number be a plain name for a while; yield what it was."""
    text = written(child(hydra.sweep, "subdir"))
    numbered = isinstance(text, str) and "${" in text and re.fullmatch(SUBDIR, text) is not None
    if numbered:
        hydra.sweep.subdir = "0"
    try:
        yield text if numbered else None
    finally:
        if numbered:
            hydra.sweep.subdir = text
