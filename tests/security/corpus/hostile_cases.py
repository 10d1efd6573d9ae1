"""The corpus, made by combining: what is hostile, what carries it, and where it is put."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

RUN = "{_target_: os.system, _args_: [touch sprung]}"
#: Resolvers that no config may call. ``canary`` is one that an installed package brings, and runs what it is told.
CALLS = (
    f"${{oc.create:{RUN}}}",
    "${oc.create:{a: 1}}",
    "${oc.decode:'{_target_: os.system}'}",
    "${oc.decode:${oc.env:HOSTILE}}",
    "${oc.deprecated:y}",
    "${hydra:job.name}",
    "${now:%Y}",
    "${python_version:}",
    "${canary:touch sprung}",
    "${${oc.env:RESOLVER}:touch sprung}",
    "${${y}:touch sprung}",
    "${oc.${oc.env:PART}:{a: 1}}",
    "${canary:${oc.env:HOSTILE}}",
)
#: Where a text can stand, so that resolving the config resolves it.
CARRIERS: dict[str, Any] = {
    "a value": {"x": "P"},
    "part of a text": {"x": "a P b"},
    "a list": {"x": [1, "P"]},
    "deep": {"x": {"y": [{"z": "P"}]}},
    "a target": {"x": {"_target_": "P"}},
    "an argument of a target": {"x": {"_target_": "torch.nn.ReLU", "inplace": "P"}},
    "a reference": {"p": "P", "x": "${p}"},
    "a selection": {"p": "P", "x": "${oc.select:p}"},
    "the values of a mapping": {"m": {"a": "P"}, "x": "${oc.dict.values:m}"},
    "a default": {"x": "${oc.select:nope,P}"},
    "a default of the environment": {"x": "${oc.env:NOPE,P}"},
    "the name of a variable": {"x": "${oc.env:P}"},
}


def put(carrier: Any, payload: str) -> Any:
    """Return ``carrier`` with ``payload`` in its place."""
    if isinstance(carrier, dict):
        return {key: put(item, payload) for key, item in carrier.items()}
    if isinstance(carrier, list):
        return [put(item, payload) for item in carrier]
    return (
        carrier.replace("P", payload)
        if isinstance(carrier, str) and "NOPE" not in carrier
        else _default(carrier, payload)
    )


def _default(carrier: Any, payload: str) -> Any:
    return carrier.replace(",P", f",{payload}") if isinstance(carrier, str) else carrier


def calls() -> Iterator[tuple[str, Any]]:
    """Yield configs that call what they may not."""
    for payload in CALLS:
        for name, carrier in CARRIERS.items():
            yield f"{payload} as {name}", {"y": "canary", **put(carrier, payload)}


def contents() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (name, content of the variable HOSTILE, config that refers to it): the content is data."""
    texts = (*CALLS, RUN, f"[{RUN}]", "x: !!python/object/apply:os.system [touch sprung]", "\\${canary:a}", "${y}")
    for text in texts:
        for name, carrier in CARRIERS.items():
            if name != "the name of a variable":
                yield f"{text} in the environment as {name}", text, {"y": "canary", **put(carrier, "${oc.env:HOSTILE}")}


def escaped() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield configs in which a call is text, which it stays."""
    for payload in CALLS:
        for name in ("a value", "a list", "deep", "a reference", "a selection"):
            yield f"{payload}, escaped, as {name}", {"y": "canary", **put(CARRIERS[name], "\\" + payload)}


def handler(**options: Any) -> dict[str, Any]:
    return {"version": 1, "handlers": {"x": options}, "root": {"handlers": ["x"]}}


TARGETS = (
    "os.system",
    "trap.go",
    "builtins.exec",
    "subprocess.Popen",
    "hydra.utils.call",
    "hydra_plugins.evil.Launcher",
)
JOBLIB = "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher"
SLURM = "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher"
RQ = "hydra_plugins.hydra_rq_launcher.rq_launcher.RQLauncher"
RAY = "hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher"
AWS = "hydra_plugins.hydra_ray_launcher.ray_aws_launcher.RayAWSLauncher"
OPTUNA = "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper"
BASIC = "hydra._internal.core_plugins.basic_launcher.BasicLauncher"
LAUNCHERS: tuple[dict[str, Any], ...] = (
    {"_target_": BASIC, "x": {"_target_": "os.system"}},
    {"_target_": BASIC, "_args_": ["touch sprung"]},
    {"_target_": BASIC, "_partial_": True},
    {"_target_": "hydra._internal.core_plugins.basic_launcher.Path", "x": "y"},
    {"_target_": "hydra._internal.core_plugins.bash_completion.BashCompletion"},
    {"_target_": f"{JOBLIB}.launch"},
    {"_target_": JOBLIB, "temp_folder": "/tmp/sprung"},  # noqa: S108 - refused
    {"_target_": JOBLIB, "pre_dispatch": "__import__('os').system('touch sprung')"},
    {"_target_": JOBLIB, "backend": "trap"},
    {"_target_": JOBLIB, "initializer": {"_target_": "trap.go"}},
    {"_target_": JOBLIB, "mmap_mode": "w+"},
    {"_target_": SLURM, "setup": ["touch sprung"]},
    {"_target_": SLURM, "python": "/tmp/evil"},  # noqa: S108 - refused
    {"_target_": SLURM, "srun_args": ["--prolog=/tmp/evil"]},
    {"_target_": SLURM, "submitit_folder": "/etc/sprung"},
    {"_target_": SLURM, "partition": "a\ntouch sprung"},
    {"_target_": SLURM, "additional_parameters": {"wrap": "touch sprung"}},
    {"_target_": SLURM, "additional_parameters": {"mail-user": "a\n#SBATCH --wrap=x"}},
    {"_target_": RQ, "redis": {"host": "evil.example"}},
    {"_target_": RQ, "enqueue": {"on_success": "trap.go"}},
    {"_target_": RAY, "ray": {"init": {"address": "ray://evil.example:10001"}}},
    {"_target_": RAY, "ray": {"init": {"runtime_env": {"working_dir": "/"}}}},
    {"_target_": AWS, "env_setup": {"commands": ["touch sprung"]}},
)
SWEEPERS: tuple[dict[str, Any], ...] = (
    {"_target_": OPTUNA, "custom_search_space": "trap.go"},
    {"_target_": OPTUNA, "storage": "mysql://evil.example/x"},
    {"_target_": OPTUNA, "storage": "sqlite:////tmp/sprung.db"},
    {"_target_": OPTUNA, "sampler": {"_target_": "trap.go"}},
    {"_target_": OPTUNA, "sampler": {"_target_": "optuna.samplers.TPESampler", "gamma": {"_target_": "trap.go"}}},
    {"_target_": "hydra._internal.core_plugins.basic_sweeper.BasicSweeper", "max_batch_size": {"_target_": "trap.go"}},
    {"_target_": "hydra._internal.core_plugins.basic_sweeper.BasicSweeper", "params": {"hydra.callbacks\n": "x"}},
)
HANDLERS: tuple[dict[str, Any], ...] = (
    {"class": "logging.handlers.SocketHandler", "host": "evil.example", "port": 1},
    {"class": "logging.handlers.HTTPHandler", "host": "evil.example", "url": "/"},
    {"class": "logging.handlers.SMTPHandler", "mailhost": "evil.example"},
    {"class": "logging.handlers.SysLogHandler"},
    {"class": "logging.handlers.QueueHandler", "queue": "trap.go"},
    {"class": "logging.handlers.MemoryHandler", "capacity": 1, "target": "cfg://handlers.x"},
    {"class": "logging.FileHandler", "filename": "/tmp/sprung.log"},  # noqa: S108 - refused
    {"class": "logging.FileHandler", "filename": "../sprung.log"},
    {"class": "logging.FileHandler", "filename": "outputs/../../sprung.log"},
    {"class": "logging.FileHandler", "filename": "link/sprung.log"},
    {"class": "logging.FileHandler", "filename": "trap.py"},
    {"class": "logging.FileHandler", "filename": "own.log", "mode": "w"},
    {"class": "logging.handlers.RotatingFileHandler", "filename": "/tmp/sprung.log"},  # noqa: S108 - refused
    {"class": "logging.StreamHandler", "stream": "ext://os.system"},
    {"class": "logging.StreamHandler", "stream": "ext://trap.go"},
    {"class": "logging.StreamHandler", ".": {"terminator": "x"}},
    {"class": "logging.StreamHandler", "filters": ["x"]},
    {"()": "os.system", "command": "touch sprung"},
    {"()": "trap.go"},
    {"class": "trap.go"},
)
VARIABLES = (
    "PATH",
    "LD_PRELOAD",
    "LD_LIBRARY_PATH",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "GIT_DIR",
    "GIT_SSH_COMMAND",
    "HOME",
)
MORE = ("BASH_ENV", "PYTHONBREAKPOINT", "MPLBACKEND", "HTTPS_PROXY", "TMPDIR", "OMP_NUM_THREADS\0", "HYDRA_FULL_ERROR")
PLACES = ("/tmp/sprung", "../sprung", "link/x", "a/../../x", "~root/../sprung/../../..", "/")  # noqa: S108 - refused


def nodes() -> Iterator[tuple[str, Any]]:
    """Yield (key in Hydra's own node, value that it must not be given)."""
    for target in TARGETS:
        node = {"_target_": target, "_args_": ["touch sprung"]}
        yield from (("callbacks.x", node), ("callbacks", {"x": {"y": [node]}}), ("launcher", node), ("sweeper", node))
        yield from (("own", node), ("verbose", node), ("job.config.override_dirname.own", node))
    yield from (("launcher", node) for node in LAUNCHERS)
    yield from (("sweeper", node) for node in SWEEPERS)
    for options in HANDLERS:
        yield from (("job_logging", handler(**options)), ("hydra_logging", handler(**options)))
    for log in ("job_logging", "hydra_logging"):
        yield log, {"version": 1, "formatters": {"x": {"()": "trap.go"}}}
        yield log, {"version": 1, "formatters": {"x": {"class": "trap.go"}}}
        yield log, {"version": 1, "formatters": {"x": {"format": "{0.__class__}", "style": "{"}}}
        yield log, {"version": 1, "filters": {"x": {"()": "os.system"}}}
        yield log, {"version": 1, "objects": {"x": "ext://trap.go"}}
    for name in (*VARIABLES, *MORE):
        yield "job.env_set", {name: "/evil"}
    yield "job.env_set", {"OMP_NUM_THREADS": "1\n2"}
    yield from (("job.chdir", True), ("job.name", "../x"), ("output_subdir", ".hydra"), ("output_subdir", ""))
    yield from (("searchpath", ["file:///tmp"]), ("searchpath", ["pkg://os"]), ("own", 1), ("job.own", 1))
    for place in PLACES:
        yield from (("run.dir", place), ("sweep.dir", place), ("output_subdir", place))

    yield from (("sweep.subdir", place) for place in PLACES if place != "link/x")


def words() -> Iterator[list[str]]:
    """Yield command lines, each of which must be refused whatever command it is given to."""
    node = "{_target_: trap.go}"
    yield ["-m", f"+hydra.callbacks.x={node}"]
    yield ["-m", "+hydra.callbacks.x='${oc.create:${oc.env:HOSTILE}}'"]
    yield [f"++hydra.callbacks={{x: {node}}}", "hydra.mode=MULTIRUN"]
    yield ["-m", "+hydra.job.env_set.PATH=/evil"]
    yield ["-m", "hydra.job.env_copy=[PATH]"]
    yield ["-m", "hydra.sweeper.params={hydra.job.chdir: true}"]
    yield ["-m", "hydra.sweeper.params={data._target_: trap.go}"]
    yield ["-m", "hydra/launcher=joblib", "hydra.launcher.pre_dispatch=\"__import__('trap')\""]
    yield ["-m", "hydra.overrides.task=[data._target_=trap.go]", "data._target_=trap.go"]
    yield ["--cfg", "hydra", "--resolve", "hydra.job.name='${canary:touch sprung}'"]
    yield ["--cfg", "job", "--resolve", "name='${oc.create:{a: 1}}'"]
    yield ["--info", "all", f"+hydra.callbacks.x={node}"]
    yield ["validate", "name='${canary:touch sprung}'"]
    yield ["validate", "-m", "seed='${canary:touch sprung}',1"]
    yield ["hydra.job_logging.version='${oc.decode:${oc.env:HOSTILE}}'"]


#: Files of a folder that is given with ``--config-dir``, and the words that choose them.
FOLDERS: dict[str, tuple[dict[str, str], list[str]]] = {
    "a launcher of its own": ({"hydra/launcher/evil.yaml": "_target_: trap.go"}, ["-m", "hydra/launcher=evil"]),
    "a callback of its own": (
        {"hydra/callbacks/evil.yaml": "x: {_target_: trap.go}"},
        ["-m", "hydra/callbacks=evil"],
    ),
    "an experiment that sweeps": (
        {"experiment/e.yaml": "# @package _global_\nhydra: {mode: MULTIRUN, callbacks: {x: {_target_: trap.go}}}"},
        ["experiment=e"],
    ),
    "an experiment swept over": (
        {
            "experiment/a.yaml": "# @package _global_\nseed: 1",
            "experiment/b.yaml": "# @package _global_\nhydra: {job: {env_set: {PATH: /evil}}}",
        },
        ["-m", "experiment=a,b"],
    ),
    "words in a file": (
        {"experiment/e.yaml": "# @package _global_\nhydra: {sweeper: {params: {data._target_: trap.go}}}"},
        ["-m", "experiment=e"],
    ),
    "a search path": (
        {"experiment/e.yaml": "# @package _global_\nhydra: {searchpath: [file:///]}"},
        ["experiment=e"],
    ),
    "defaults outside": ({"experiment/e.yaml": "# @package _global_\ndefaults: [/../../sprung]"}, ["experiment=e"]),
    "an absolute default": ({"query/e.yaml": "defaults: [//etc/passwd]"}, ["query=e"]),
    "a default from the environment": (
        {"experiment/e.yaml": "# @package _global_\ndefaults: ['/query@q: ${oc.env:OUTSIDE}']"},
        ["experiment=e"],
    ),
    "a default that calls": (
        {"experiment/e.yaml": "# @package _global_\ndefaults:\n- /query@q: ${canary:touch sprung}"},
        ["experiment=e"],
    ),
    "a package in Hydra's node": ({"query/e.yaml": "# @package hydra.callbacks\nx: {_target_: trap.go}"}, ["query=e"]),
    "a plugin of its own": (
        {"hydra_plugins/trap.py": "import trap", "query/e.yaml": "mine: {_target_: trap.go}"},
        ["query=e"],
    ),
    "tags": ({"query/e.yaml": "mine: !!python/object/apply:os.system ['touch sprung']"}, ["query=e"]),
    "a primary config": ({"config.yaml": "hydra: {searchpath: [file:///]}"}, []),
}


def stored_configs() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what replaces keys of the ``config.yaml`` of a received run."""
    for payload in CALLS:
        yield f"{payload} as a knob", {"name": payload}
        yield f"{payload} as an argument", {"learner.hidden": [payload]}
        yield f"{payload} as text", {"learner.hidden": ["\\" + payload]}
    for target in ("os.system", "trap.go", "builtins.exec", "torch.hub.load", "hydra.utils.call", "subprocess.Popen"):
        for place in ("data", "learner", "learner.optimizer", "query.entropy", "label", "training.loop"):
            yield f"{target} as {place}", {f"{place}._target_": target}
    yield "a target from the environment", {"learner._target_": "${oc.env:TARGET}"}
    yield "a node from the environment", {"learner.hidden": "${oc.env:HOSTILE}"}
    yield "a Hydra node", {"hydra": {"callbacks": {"x": {"_target_": "trap.go"}}}}


def dumped(value: Any) -> str:
    """Return ``value`` as YAML on one line."""
    return json.dumps(value)
