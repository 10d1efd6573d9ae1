"""Hydra's config loader, confined to the given folders and the allowed resolvers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alrun.config import defaults
from alrun.config.compat import main_loader, new_search_path
from alrun.config.composition import CONFIG_NAME, compose
from alrun.config.environment import register
from alrun.config.hydra_node import hydra_problems, with_plain_subdir
from alrun.config.hydra_sources import confine
from alrun.config.paths import conf_dir
from alrun.config.resolvers import OF_HYDRA, interpolation_problems, only, problem_of
from alrun.core.errors import ConfigError, Problem
from alrun.core.showing import typed
from alrun.core.suggest import did_you_mean

if TYPE_CHECKING:
    from hydra.core.config_search_path import ConfigSearchPath
    from hydra.errors import MissingConfigException
    from omegaconf import DictConfig

    from alrun.config.compat import ConfigLoaderImpl

__all__ = ["CONFIG_NAME", "HydraNode", "checked_node", "composed", "load", "opened", "search_path", "without_node"]

#: Hydra's own node, resolved to plain containers and checked.
HydraNode = dict[str, Any]


def search_path(config_dir: Path | None) -> ConfigSearchPath:
    """Return where Hydra looks: alrun's own ``conf``, Hydra's, and ``config_dir``.

    Raises:
        ConfigError: There is no such folder, or it would replace alrun's primary config.
    """
    from hydra.core.config_search_path import SearchPathQuery

    path = new_search_path(str(conf_dir()))
    if config_dir is None:
        return path
    if not _is_folder(config_dir):
        raise ConfigError(
            Problem("no such folder", f"--config-dir {config_dir}", "create it, or leave --config-dir out")
        )
    for name in (CONFIG_NAME, defaults.NAME):
        if (config_dir / f"{name}.yaml").exists():
            what = f"{name}.yaml would replace alrun's own"
            hint = "move its content to experiment/mine.yaml and add experiment=mine"
            raise ConfigError(Problem(what, f"--config-dir {config_dir}", hint))
    if problems := list(_option_problems(config_dir)):
        raise ConfigError(problems)
    own = SearchPathQuery(provider="schema")
    path.prepend("command-line", f"file://{config_dir.resolve()}", anchor=own)
    return path


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # no name of a file system
        return False


def _option_problems(config_dir: Path) -> Iterator[Problem]:
    """Yield files that would not be read: options that alrun has, and files with another ending."""
    for known in sorted(conf_dir().rglob("*.yaml")):
        own = config_dir / known.relative_to(conf_dir())
        if own.exists():
            what = "alrun has an option of this name, which is taken in its place"
            yield Problem(what, str(own), f"mv {typed(own)} {typed(own.with_name(f'my_{own.name}'))}")
    for group in sorted(one.name for one in conf_dir().iterdir() if one.is_dir()):
        for own in sorted((config_dir / group).glob("*")):
            if own.suffix != ".yaml" and own.suffix.lower() in (".yaml", ".yml"):
                what = "options are files that end in .yaml"
                yield Problem(what, str(own), f"mv {typed(own)} {typed(own.with_suffix('.yaml'))}")


@contextmanager
def opened(config_dir: Path | None) -> Iterator[ConfigLoaderImpl]:
    """Yield Hydra's config loader; Hydra keeps its state globally, and gets it back afterwards."""
    from hydra.core.global_hydra import GlobalHydra

    installed_plugins_only()
    register()
    defaults.register()
    path = search_path(config_dir)
    GlobalHydra.instance().clear()
    try:
        loader = main_loader(path)
        confine(loader)
        yield loader
    finally:
        GlobalHydra.instance().clear()


def installed_plugins_only() -> None:
    """Let Hydra find its plugins where packages are installed, and not in the working directory.

    It imports every module of ``hydra_plugins``, a package to which each folder on the path may add some.
    """
    from importlib import import_module

    try:
        plugins = import_module("hydra_plugins")
    except ImportError:
        return
    here = Path.cwd().resolve()
    plugins.__path__ = [folder for folder in plugins.__path__ if Path(folder).resolve().parent != here]


def load(loader: ConfigLoaderImpl, words: Sequence[str]) -> tuple[DictConfig, HydraNode]:
    """Compose the config of one job.

    Returns:
        The experiment, unresolved and without Hydra's own node; that node, resolved and checked.

    Raises:
        ConfigError: Hydra cannot compose ``words``, or its own node does not pass.
    """
    config = composed(loader, words)
    hydra = checked_node(config)
    return without_node(config), hydra


def without_node(config: DictConfig) -> DictConfig:
    """Return ``config`` itself, Hydra's own node taken out."""
    from omegaconf import flag_override

    with flag_override(config, ["readonly", "struct"], False):
        config.pop("hydra")
    return config


def checked_node(config: DictConfig) -> HydraNode:
    """Return Hydra's own node of a composed ``config``, resolved.

    Raises:
        ConfigError: With everything in it that Hydra is not given.
    """
    with only(*OF_HYDRA):
        hydra = _resolved_node(config)
    problems = list(hydra_problems(hydra, _folder(config)))
    if problems:
        raise ConfigError(problems)
    return hydra


def composed(loader: ConfigLoaderImpl, words: Sequence[str]) -> DictConfig:
    """Return what Hydra makes of ``words``, its own node in it.

    Raises:
        ConfigError: It cannot make anything of them.
    """
    with only(*OF_HYDRA):
        return _composed(loader, words)


def _composed(loader: ConfigLoaderImpl, words: Sequence[str]) -> DictConfig:
    from hydra.errors import HydraException, MissingConfigException
    from omegaconf.errors import OmegaConfBaseException

    try:
        return compose(loader, words)
    except MissingConfigException as error:
        raise ConfigError(_missing_problem(error)) from error
    except RecursionError as error:
        what = "the defaults of an option lead back to itself"
        raise ConfigError(Problem(what, "defaults", "take the option out of its own defaults")) from error
    except KeyError as error:
        raise ConfigError(Problem(f"there is no environment variable {error}", "hydra.job.env_copy")) from error
    except (HydraException, OmegaConfBaseException, ValueError, TypeError, AttributeError, AssertionError) as error:
        raise ConfigError(_hydra_problem(error)) from error


#: Where in its own objects OmegaConf found a fault.
OF_OMEGACONF = re.compile(r"\s*(full_key|object_type|reference_type)[:=]")
#: An option that is to be added to the defaults, which hold the group already.
#: An error in the file of an option, which Hydra names.
INSIDE = re.compile(r"In '([^']+)': (.*)")
ABSENT = re.compile(r"Could not override '([^'@]+)'\. No match in the defaults list\.")
TWICE = re.compile(r"Multiple values for (\w+)\. To override a value use 'override \w+: (\S+)'")


def _missing_problem(error: MissingConfigException) -> Problem:
    """Return that an option in a defaults list does not exist."""
    inside = INSIDE.match(str(error))
    group, _, option = str(error.missing_cfg_file or "").rpartition("/")
    if ".." in group or group.startswith("/"):
        return Problem(f"{error.missing_cfg_file!r} leads outside the config groups", "defaults", "see: alrun ls")
    near = did_you_mean(option, error.options or (), prefix=f"{group}=", most=8)
    place = f"{inside[1]}.yaml, defaults" if inside and inside[1] != "config" else "defaults"
    return Problem(f"{group} has no option {option!r}", place, near or f"see: alrun ls {group}")


def _hydra_problem(error: Exception) -> Problem:
    cause = error.__cause__ or error.__context__
    inside = INSIDE.match(str(error))
    place, text = (f"{inside[1]}.yaml", str(error).partition(": ")[2]) if inside else ("", str(error))
    absent = ABSENT.match(text)
    if absent:
        known = sorted(one.name for one in conf_dir().iterdir() if one.is_dir())
        return Problem(f"{absent[1]!r} is no config group of alrun", place, did_you_mean(absent[1], known))
    if " raised while composing config:" in text:
        lines = text.splitlines()
        return Problem(_merge_fault(lines[1] if len(lines) > 1 else ""), place, "alrun --cfg job shows the config")
    if cause is not None and "Unsupported interpolation type" in str(cause):
        return problem_of(cause) if isinstance(cause, Exception) else Problem(str(cause))
    twice = TWICE.match(str(error))
    if twice:
        return Problem(f"{twice[1]} is chosen already", "", f"{twice[1]}={twice[2]}, without +")
    said = str(error) or str(cause or "") or type(error).__name__
    lines = [line for line in said.splitlines() if line.strip() and not OF_OMEGACONF.match(line)]
    merged = re.fullmatch(r"(?s)Error merging override (\+*)([^=]+)=(.*)", str(error).strip())
    if merged is not None:
        what = f"{merged[3].strip()} cannot take the place of what is there: a list, a mapping or one value"
        return Problem(what, merged[2], f"alrun --cfg job shows what {merged[2]} is")
    return Problem(lines[0], "", lines[1] if len(lines) > 1 else "alrun --cfg job shows the config")


def _merge_fault(said: str) -> str:
    """Return what Hydra says of two configs that do not fit, in words of YAML."""
    if said.startswith(("Merge error", "Cannot merge")):
        return "has a list, a text or a number where a mapping is needed, or a mapping where it is not"
    return said or "cannot be merged"


def _resolved_node(config: DictConfig) -> HydraNode:
    """Resolve Hydra's own node as it will be when a job runs, as far as that is known before."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf, flag_override
    from omegaconf.errors import OmegaConfBaseException

    hydra = config.hydra
    # What ``${hydra:…}`` reads. Hydra's ``set_config`` copies the whole node, an eighth of the time of composing.
    HydraConfig.instance().cfg = config  # type: ignore[assignment]
    try:
        with flag_override(hydra, ["readonly", "struct"], False), with_plain_subdir(hydra) as subdir:
            # The words once more, with whatever an interpolation in them stands for; nothing here goes by them.
            hydra.job.override_dirname, hydra.overrides.task, hydra.overrides.hydra = "", [], []
            hydra.runtime.output_dir = str((Path(str(hydra.sweep.dir)) / str(hydra.sweep.subdir)).absolute())
            plain = OmegaConf.to_container(hydra, resolve=True, enum_to_str=True)
    except OmegaConfBaseException as error:
        problems = list(interpolation_problems(hydra, "hydra", missing=False))
        raise ConfigError(problems or [problem_of(error)]) from error
    finally:
        HydraConfig.instance().cfg = None
    if not isinstance(plain, dict):
        raise ConfigError(Problem("is not a mapping", "hydra", "leave Hydra's own node as it is"))
    if subdir is not None:
        plain["sweep"]["subdir"] = subdir
    return {str(key): value for key, value in plain.items()}


def _folder(config: DictConfig) -> Path:
    """Return the folder that the runs of a sweep share; what is wrong with its keys is said elsewhere."""
    from omegaconf.errors import OmegaConfBaseException

    try:
        with only():
            return Path(str(config.output_dir)).expanduser() / str(config.name)
    except (OmegaConfBaseException, ValueError, RuntimeError):
        return Path("outputs")
