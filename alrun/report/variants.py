"""What sets runs apart beyond their config choices, e.g. ``query_size=10`` against ``query_size=50``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from alrun.core.errors import StoreError
from alrun.report.runs import Run

__all__ = ["NOT_AN_EXPERIMENT", "variants"]

CONFIG = "config.yaml"
QUERY = "query."

# Keys in which runs of one experiment may differ: the seed, where and how long it runs, who looks on, what is measured.
NOT_AN_EXPERIMENT = frozenset(
    {
        *("seed", "name", "output_dir", "device", "fresh", "progress", "logger", "callbacks", "metrology"),
        *("budget", "max_steps", "stopping", "hydra", "checkpoint", "timeout", "mend"),
    }
)


def variants(runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Return two labels for each of ``runs``: what sets its query apart, and what sets the rest of it apart.

    The first names the keys of the query in which runs of equal choices differ, the second all other keys in which runs
    differ whose choices, but for the query, are equal; each with the run's own values. Both are empty where runs differ
    in nothing but the seed. Strategy and baseline have equal second labels if and only if they ran under equal
    conditions.

    Raises:
        StoreError: A stored config is not YAML.
    """
    configs = [dict(_flatten(_config(run))) for run in runs]
    rest = [{key: value for key, value in config.items() if not key.startswith(QUERY)} for config in configs]
    query = [{key: value for key, value in config.items() if key.startswith(QUERY)} for config in configs]
    conditions = [(*sorted((run.choices | {"query": ""}).items()), run.reset) for run in runs]
    choices = [(*condition, run.choices.get("query")) for condition, run in zip(conditions, runs, strict=True)]
    return list(zip(_labels(query, choices), _labels(rest, conditions), strict=True))


def _labels(configs: Sequence[Mapping[str, Any]], groups: Sequence[Hashable]) -> list[str]:
    together: dict[Hashable, list[Mapping[str, Any]]] = defaultdict(list)
    for group, config in zip(groups, configs, strict=True):
        together[group].append(config)
    keys = {group: sorted(_differing(members)) for group, members in together.items()}
    return [_label(config, keys[group]) for group, config in zip(groups, configs, strict=True)]


def _label(config: Mapping[str, Any], keys: Sequence[str]) -> str:
    return ", ".join(f"{key.removeprefix(QUERY)}={config[key]}" for key in keys if key in config)


def _differing(configs: Sequence[Mapping[str, Any]]) -> set[str]:
    keys = {key for config in configs for key in config}
    return {key for key in keys if len({repr(config.get(key)) for config in configs}) > 1}


def _config(run: Run) -> Any:
    import yaml

    path = run.path / CONFIG
    if not path.exists():
        return {}
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise StoreError(f"{path} cannot be read: {error}") from error


def _flatten(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(node, dict):
        yield prefix, node
        return
    for key, value in node.items():
        if prefix or key not in NOT_AN_EXPERIMENT:
            yield from _flatten(value, f"{prefix}.{key}" if prefix else str(key))
