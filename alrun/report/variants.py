"""Differences between runs beyond their config choices, e.g. ``query_size=10`` against ``query_size=50``."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alrun.core.errors import StoreError
from alrun.core.knobs import Effect, terms
from alrun.core.parsing import parse_yaml
from alrun.core.settings import Config
from alrun.report.data_variants import data_labels
from alrun.report.runs import Run
from alrun.store.reading import Most, read_bytes

__all__ = ["NOT_AN_EXPERIMENT", "Variant", "read_configs", "variants"]

CONFIG = "config.yaml"
QUERY = "query."
# A key at the beginning of a line.
_TOP_KEY = re.compile(r"^([A-Za-z_]\w*):", re.MULTILINE)

# Keys in which runs of one experiment may differ: the seed, where and how long it runs, who looks on, what is measured.
NOT_AN_EXPERIMENT = frozenset(
    {"hydra", *(key for key, term in terms(Config).items() if term.effect is not Effect.RESULT)}
)


@dataclass(frozen=True)
class Variant:
    """What sets a run apart.

    Attributes:
        query: Keys of the query in which runs of equal choices differ, with the run's values.
        rest: All other keys in which runs differ whose choices, but for the query, are equal, with the run's values;
            then what sets its data apart from those of runs that are equal in all else.
    """

    query: str
    rest: str


def read_configs(runs: Sequence[Run]) -> list[Mapping[str, Any] | str]:
    """Return for each of ``runs`` the keys of its stored config that make the experiment, or why it cannot be read.

    Keys are dotted. Runs whose configs differ in nothing that counts here share one mapping.
    """
    known: dict[str, Mapping[str, Any]] = {}
    return [_config(run, known) for run in runs]


def variants(runs: Sequence[Run], configs: Sequence[Mapping[str, Any]]) -> list[Variant]:
    """Return what sets each of ``runs`` apart; ``configs`` as ``read_configs`` returns them.

    Both labels are empty where runs differ in nothing but the seed. Strategy and baseline have equal labels of the rest
    if and only if they ran under equal conditions.
    """
    distinct = {id(config): config for config in configs}
    rest = {number: {k: v for k, v in one.items() if not k.startswith(QUERY)} for number, one in distinct.items()}
    query = {number: {k: v for k, v in one.items() if k.startswith(QUERY)} for number, one in distinct.items()}
    conditions = [(*sorted((run.choices | {"query": ""}).items()), run.reset) for run in runs]
    choices = [(*condition, run.choices.get("query")) for condition, run in zip(conditions, runs, strict=True)]
    numbers = [id(config) for config in configs]
    of_query, of_rest = _labels(numbers, query, choices), _labels(numbers, rest, conditions)
    of_data = data_labels(runs, configs, list(zip(conditions, of_rest, strict=True)))
    apart = [", ".join(filter(None, both)) for both in zip(of_rest, of_data, strict=True)]
    return [Variant(*both) for both in zip(of_query, apart, strict=True)]


def _labels(numbers: Sequence[int], configs: Mapping[int, Mapping[str, Any]], groups: Sequence[Hashable]) -> list[str]:
    together: dict[Hashable, dict[int, None]] = defaultdict(dict)
    for group, number in zip(groups, numbers, strict=True):
        together[group][number] = None
    labels: dict[tuple[Hashable, int], str] = {}
    for group, members in together.items():
        keys = sorted(_differing([configs[number] for number in members]))
        labels |= {(group, number): _label(configs[number], keys) for number in members}
    return [labels[both] for both in zip(groups, numbers, strict=True)]


def _label(config: Mapping[str, Any], keys: Sequence[str]) -> str:
    return ", ".join(f"{key.removeprefix(QUERY)}={config[key]}" for key in keys if key in config)


def _differing(configs: Sequence[Mapping[str, Any]]) -> set[str]:
    keys = {key for config in configs for key in config}
    return {key for key in keys if len({repr(config.get(key)) for config in configs}) > 1}


def _config(run: Run, known: dict[str, Mapping[str, Any]]) -> Mapping[str, Any] | str:
    path = run.path / CONFIG
    try:
        text = read_bytes(path, Most.CONFIG).decode()
        kept = _that_count(text)
        if kept not in known:
            known[kept] = dict(_flatten(parse_yaml(text) or {}))
    except StoreError as error:
        return known.setdefault("", {}) if isinstance(error.__cause__, FileNotFoundError) else str(error)
    except ValueError as error:
        return f"{path} cannot be read: {error}"
    return known[kept]


def _that_count(text: str) -> str:
    """Return the lines of a config but those of keys in which runs of one experiment may differ.

    Configs with equal lines give equal mappings: without aliases, which are refused, no line refers to another. So of
    thousands of configs, which differ in their seeds, a few are parsed.
    """
    blocks = _TOP_KEY.split(text)
    pairs = zip(blocks[1::2], blocks[2::2], strict=True)
    return blocks[0] + "".join(f"{key}:{block}" for key, block in pairs if key not in NOT_AN_EXPERIMENT)


def _flatten(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(node, dict):
        yield prefix, node
        return
    for key, value in node.items():
        if prefix or key not in NOT_AN_EXPERIMENT:
            yield from _flatten(value, f"{prefix}.{key}" if prefix else str(key))
