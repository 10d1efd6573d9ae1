"""Launchers and sweepers that Hydra may use: an allowlist of exact names and argument values.

An argument that runs something (a set-up script, an interpreter, a function by name), or that leads results to another
machine, is in no table. What a plugin needs of that is given where alrun is started: its environment, its own files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from alrun.config.compat import BASIC_LAUNCHER, BASIC_SWEEPER
from alrun.config.shapes import Check, each, either, flag, integer, keys, number, one_of, text, worded
from alrun.core.errors import Problem

__all__ = ["OPTUNA", "SAMPLERS", "plugin_problems"]

#: alrun's own sweeper; Hydra is not asked to build it.
OPTUNA = "alrun.cli.optuna_study.OptunaStudy"
SUBMITIT = "hydra_plugins.hydra_submitit_launcher.submitit_launcher"
HINT = "this could run other programs: set it in the environment in which alrun is started"
#: One value of a batch script's header; a line break would begin a command.
WORD = text(r"[\w.,:=@%+/\[\]*&|()-]{0,200}", "one plain word")
SCALAR = either(number, flag, worded)
#: Words of the command line, by key, as Hydra's sweepers take them.
PARAMS = each(either(worded, number, flag, each(SCALAR)), key=r"[+~]{0,2}[\w./@:-]{1,200}")
COUNTS = dict.fromkeys(("num_cpus", "num_gpus", "memory", "object_store_memory", "max_calls", "max_retries"), integer)
#: Samplers of Optuna. CmaEsSampler keeps pickles in the study; grids and sequences go on where another process left
#: them by chance alone.
SAMPLERS = {
    f"optuna.samplers.{name}": {"_target_", "seed", *options}
    for name, options in {
        "TPESampler": ("n_startup_trials", "n_ei_candidates", "multivariate", "group", "constant_liar"),
        "GPSampler": ("n_startup_trials", "deterministic_objective"),
        "NSGAIISampler": ("population_size", "mutation_prob", "crossover_prob", "swapping_prob"),
        "RandomSampler": (),
    }.items()
}
MAIL = ("mail-user", "mail-type", "nodelist", "reservation", "clusters", "licenses", "hint", "mem-bind", "nice")


def _from_environment(variable: str, default: Any) -> Check:
    """Return the check of a value that only the environment may set: where results come from decides what is run."""

    def check(value: Any, where: str) -> Iterator[Problem]:
        wanted = os.environ.get(variable, default)
        if value is not None and str(value) != str(wanted):
            yield Problem(f"{value!r} is on another machine", where, f"export {variable}={value}")

    return check


def _joblib() -> Mapping[str, Check]:
    return {
        "n_jobs": integer,
        "backend": one_of("loky"),
        "prefer": one_of("processes", "threads"),
        "require": one_of("sharedmem"),
        "verbose": integer,
        "timeout": number,
        "pre_dispatch": either(integer, text(r"all|\d{1,6}|(\d{1,4} ?\* ?)?n_jobs", "'all', a number, or '2*n_jobs'")),
        "batch_size": either(integer, text(r"auto|\d{1,6}", "'auto' or a number")),
        "max_nbytes": either(integer, text(r"\d{1,12}[KMG]?", "a size such as 1M")),
        "mmap_mode": one_of("r", "c"),
    }


def _submitit(inside: Check) -> Mapping[str, Check]:
    numbers = (
        "timeout_min",
        "cpus_per_task",
        "gpus_per_node",
        "tasks_per_node",
        "nodes",
        "cpus_per_gpu",
        "gpus_per_task",
    )
    more = ("signal_delay_s", "max_num_timeout", "array_parallelism", "mem_gb")
    words = ("partition", "qos", "comment", "constraint", "exclude", "gres", "mem_per_gpu", "mem_per_cpu", "account")
    return {
        "submitit_folder": inside,
        "name": WORD,
        "stderr_to_stdout": flag,
        "exclusive": either(flag, WORD),
        "additional_parameters": keys({key: either(number, WORD) for key in MAIL}, HINT),
        **dict.fromkeys((*numbers, *more), number),
        **{key: either(number, WORD) for key in words},
    }


def _rq() -> Mapping[str, Check]:
    environment = {"host": ("REDIS_HOST", "localhost"), "port": ("REDIS_PORT", "6379"), "db": ("REDIS_DB", "0")}
    server = {key: _from_environment(*pair) for key, pair in environment.items()}
    server |= {"password": _from_environment("REDIS_PASSWORD", ""), "ssl": _from_environment("REDIS_SSL", "False")}
    server |= {
        "ssl_ca_certs": _from_environment("REDIS_SSL_CA_CERTS", ""),
        "mock": _from_environment("REDIS_MOCK", "False"),
    }
    numbers = ("job_timeout", "ttl", "result_ttl", "failure_ttl")
    enqueue: dict[str, Check] = {key: either(integer, text(r"\d{1,9}[smhd]?")) for key in numbers}
    enqueue |= {"at_front": flag, "job_id": WORD, "description": worded}
    return {
        "enqueue": keys(enqueue, HINT),
        "queue": WORD,
        "redis": keys(server, HINT),
        "stop_after_enqueue": flag,
        "wait_polling": number,
    }


def _ray() -> Mapping[str, Check]:
    init = {**COUNTS, "address": one_of("local"), "include_dashboard": flag, "log_to_driver": flag}
    return {"ray": keys({"init": keys(init, HINT), "remote": keys(COUNTS, HINT)}, HINT)}


def _optuna() -> Mapping[str, Check]:
    return {
        "sampler": _sampler,
        "direction": one_of("minimize", "maximize"),
        "study_name": WORD,
        "n_trials": _count,
        "n_jobs": _count,
        "max_failure_rate": number,
        "params": PARAMS,
    }


def _sampler(value: Any, where: str) -> Iterator[Problem]:
    """Yield what is wrong with the sampler of a study."""
    target = value.get("_target_") if isinstance(value, Mapping) else None
    if target not in SAMPLERS:
        known = ", ".join(SAMPLERS)
        yield Problem(f"_target_ {target!r} is none of the samplers {known}", where, "hydra/sweeper/sampler=tpe")
        return
    options = dict.fromkeys(SAMPLERS[target], either(number, flag))
    yield from keys({**options, "_target_": one_of(target), "seed": integer}, "hydra/sweeper/sampler=tpe")(value, where)


def _count(value: Any, where: str) -> Iterator[Problem]:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        yield Problem(f"{value!r} is not a whole number from 1 on", where, f"{where}=20")


def _hydras_optuna() -> Mapping[str, Check]:
    """Return the check of Hydra's own plugin, which asks for Optuna 2."""
    options = {key: either(number, flag) for key in ("seed", "n_startup_trials", "n_ei_candidates", "population_size")}
    options |= dict.fromkeys(("consider_prior", "consider_endpoints", "consider_magic_clip", "multivariate"), flag)
    options |= {"prior_weight": number}
    direction = one_of("minimize", "maximize")
    return {
        "sampler": keys({"_target_": one_of(*SAMPLERS, "optuna.samplers.MOTPESampler"), **options}, HINT),
        "direction": either(direction, each(direction)),
        "study_name": WORD,
        "n_trials": integer,
        "n_jobs": integer,
        "max_failure_rate": number,
        "search_space": each(either(SCALAR, each(either(SCALAR, each(SCALAR))))),
        "params": PARAMS,
    }


def _ax() -> Mapping[str, Check]:
    parameter = {
        "type": WORD,
        "values": each(SCALAR),
        "bounds": each(number),
        "value": SCALAR,
        "value_type": WORD,
        "log_scale": flag,
    }
    stop = {"minimize": flag, "max_epochs_without_improvement": integer, "epsilon": number}
    experiment = {"name": WORD, "objective_name": WORD, "minimize": flag, "status_quo": PARAMS}
    experiment |= {"parameter_constraints": each(worded), "outcome_constraints": each(worded)}
    config = {
        "max_trials": integer,
        "early_stop": keys(stop),
        "experiment": keys(experiment),
        "client": keys({"verbose_logging": flag, "random_seed": integer}),
        "params": each(either(SCALAR, keys(parameter))),
        "is_noisy": flag,
    }
    return {"max_batch_size": integer, "ax_config": keys(config, HINT), "params": PARAMS}


def _nevergrad() -> Mapping[str, Check]:
    numbers: dict[str, Check] = dict.fromkeys(("budget", "num_workers", "seed", "max_failure_rate"), number)
    optim = {"optimizer": WORD, "noisy": flag, "maximize": flag, **numbers}
    scalar = {"init": SCALAR, "lower": number, "upper": number, "step": number, "integer": flag, "log": flag}
    return {
        "version": integer,
        "optim": keys(optim, HINT),
        "parametrization": each(either(SCALAR, each(SCALAR), keys(scalar))),
        "params": PARAMS,
    }


def plugin_problems(kind: str, node: Any, inside: Check) -> Iterator[Problem]:
    """Yield what is wrong with the node of a launcher or a sweeper.

    Args:
        kind: ``launcher`` or ``sweeper``.
        node: The node, plain.
        inside: Check of a path that the plugin writes to.
    """
    submitit = _submitit(inside)
    launchers = {
        BASIC_LAUNCHER: {},
        "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher": {**_joblib(), "temp_folder": inside},
        f"{SUBMITIT}.LocalLauncher": submitit,
        f"{SUBMITIT}.SlurmLauncher": submitit,
        "hydra_plugins.hydra_rq_launcher.rq_launcher.RQLauncher": _rq(),
        "hydra_plugins.hydra_ray_launcher.ray_launcher.RayLauncher": _ray(),
    }
    sweepers = {
        BASIC_SWEEPER: {"max_batch_size": integer, "params": PARAMS},
        OPTUNA: _optuna(),
        "hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper": _hydras_optuna(),
        "hydra_plugins.hydra_ax_sweeper.ax_sweeper.AxSweeper": _ax(),
        "hydra_plugins.hydra_nevergrad_sweeper.nevergrad_sweeper.NevergradSweeper": _nevergrad(),
    }
    known = launchers if kind == "launcher" else sweepers
    where = f"hydra.{kind}"
    target = node.get("_target_") if isinstance(node, Mapping) else None
    if not isinstance(target, str) or target not in known:
        others = {"launcher": "joblib, submitit_slurm …", "sweeper": "optuna, ax …"}[kind]
        hint = f"hydra/{kind}=basic, or another {kind} that alrun knows: {others}"
        yield Problem(f"_target_ {target!r} is not Hydra's own", f"{where}._target_", hint)
        return
    yield from keys({"_target_": one_of(target), **known[target]}, HINT)(node, where)
