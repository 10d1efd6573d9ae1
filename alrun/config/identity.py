"""Identity of an experiment: a hash of everything in its config that can change a result.

This is the one place that says which keys cannot change a result. Everything else is part of the identity, of secrets
(``${oc.env:…}``) the reference in place of the value.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from alrun.config.bound import iterate_targets
from alrun.config.environment import COUNTING, SECRET
from alrun.core.errors import Problem
from alrun.core.knobs import Effect, Group, Knob, iterate_terms, terms
from alrun.core.settings import Config

__all__ = [
    "EXTENDING",
    "ONCE",
    "PRESENTATION",
    "identity_difference",
    "identity_hash",
    "identity_of",
    "names_secrets",
    "secret_problems",
]

_TERMS = terms(Config)
#: Keys that only prolong a run: more of them continues it.
EXTENDING = frozenset(key for key, term in _TERMS.items() if term.effect is Effect.EXTENT)
#: Among those that only show or place a run, what is asked of one command alone; a run does not remember it.
ONCE = frozenset(key for key, term in _TERMS.items() if term.effect is Effect.ONCE)
#: Keys that only show or place a run.
PRESENTATION = ONCE | {key for key, term in _TERMS.items() if term.effect is Effect.SHOW}
#: Keys that count only where they are set: null is what was done before there was such a key.
ONLY_WHEN_SET = frozenset(key for key, term in _TERMS.items() if isinstance(term, Knob) and term.only_when_set)
#: Options of data files, likewise.
FILE_OPTIONS = frozenset({"sep", "encoding", "decimal", "na_values", "sheet", "missing", "groups", "test_path"})
#: Arguments of other classes, likewise.
LATER_ARGUMENTS = {
    "alrun.metrology.pool_map.PoolMap": frozenset({"method"}),
    "alrun.data.dataset.OwnDataset": frozenset({"target_origin"}),
    "alrun.data.table.Table": frozenset({"text", "text_features"}),
    **dict.fromkeys(
        [
            "alrun.query.bald.Bald",
            "alrun.query.consensus_kl.ConsensusKl",
            "alrun.query.criterion.ByCriterion",
            "alrun.query.entropy.Entropy",
            "alrun.query.least_confidence.LeastConfidence",
            "alrun.query.margin.Margin",
            "alrun.query.power_bald.PowerBald",
            "alrun.query.softmax_bald.SoftmaxBald",
            "alrun.query.softrank_bald.SoftrankBald",
            "alrun.query.variation_ratio.VariationRatio",
            "alrun.query.vote_entropy.VoteEntropy",
        ],
        frozenset({"reduce"}),
    ),
}
#: Keys inside of others that cannot change a result: of settings, and arguments of what is built.
WITHOUT_EFFECT = frozenset(
    {
        ("data", "workers"),
        ("label", "retries"),
        *(
            (key, inner)
            for key, term in _TERMS.items()
            if isinstance(term, Group) and term.effect.is_identity
            for inner, one in terms(term.kind).items()
            if not one.effect.is_identity
        ),
    }
)


def identity_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a resolved config that can change a result."""
    kept = {key: value for key, value in config.items() if key not in EXTENDING and key not in PRESENTATION}
    kept = {key: value for key, value in kept.items() if value is not None or key not in ONLY_WHEN_SET}
    if "tasks" in (kept.get("data") or {}) and kept["data"]["tasks"] is None:
        # Without tasks there is no label of one of them either.
        kept["data"] = {key: value for key, value in kept["data"].items() if key not in ("tasks", "partial_labels")}
    if isinstance(kept.get("data"), Mapping):
        kept["data"] = {
            key: value for key, value in kept["data"].items() if value is not None or key not in FILE_OPTIONS
        }
    kept = {name: _set_options(node) for name, node in kept.items()}
    for group, key in WITHOUT_EFFECT:
        if isinstance(kept.get(group), Mapping):
            kept[group] = {name: value for name, value in kept[group].items() if name != key}
    return kept


def _set_options(node: Any) -> Any:
    """Return ``node``, and the nodes in it, without later arguments that are not set."""
    if not isinstance(node, Mapping):
        return node
    later = LATER_ARGUMENTS.get(str(node.get("_target_")), frozenset())
    return {key: _set_options(value) for key, value in node.items() if value is not None or key not in later}


def identity_hash(config: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the identity, as 64 hexadecimal digits; the order of several strategies counts."""
    kept = identity_of(config)
    data = json.dumps({key: _ordered(value) for key, value in kept.items()}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(data.encode()).hexdigest()


def _ordered(value: Any) -> Any:
    """Write mappings as lists of pairs where their order has a meaning: groups that take several strategies."""
    if not isinstance(value, Mapping) or not value or "_target_" in value:
        return value
    several = all(isinstance(item, Mapping) and "_target_" in item for item in value.values())
    return [[key, item] for key, item in value.items()] if several else value


def identity_difference(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """Return (dotted key, stored value, wanted value) wherever two identities differ."""
    before, after = _flat(identity_of(stored)), _flat(identity_of(wanted))
    keys = sorted(before.keys() | after.keys())
    return [(key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)]


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping) and value:
        flat: dict[str, Any] = {}
        for key, item in value.items():
            flat |= _flat(item, f"{prefix}.{key}" if prefix else str(key))
        return flat
    return {prefix: value}


def names_secrets(value: Any) -> bool:
    """Return whether a value of a described config refers to a secret."""
    return f"${{{SECRET}:" in json.dumps(value, default=str)


def secret_problems(described: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield keys that hold a reference to a secret where every value counts: knobs, and names of what is built."""
    flat = _flat(described)
    counting = (key for key, term in iterate_terms(Config) if isinstance(term, Knob) and term.effect.is_identity)
    knobs = {key: flat.get(key) for key in counting}
    targets = {f"{where}._target_": node["_target_"] for _, where, node in iterate_targets(described)}
    for key, value in (knobs | targets).items():
        if isinstance(value, str) and names_secrets(value):
            what = f"changes results, while {SECRET} is only for secrets and places"
            yield Problem(what, key, f"'{key}={value.replace(SECRET, COUNTING)}'")
