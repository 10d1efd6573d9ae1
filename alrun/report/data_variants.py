"""Data that runs of equal configs had: files and variables that a config names may hold something else each time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from alrun.report.runs import Run

__all__ = ["data_labels"]

#: Characters of a fingerprint, and of a variable's value, that are shown.
DIGITS, MOST_VALUE = 8, 40
#: Data sources that are the same for every seed, unless their config refers to something.
OWN = "alrun.data."


def data_labels(runs: Sequence[Run], configs: Sequence[Mapping[str, Any]], groups: Sequence[Hashable]) -> list[str]:
    """Return what sets the data of each run apart from those of others in its group; empty where nothing does.

    That are the variables that count (``${alrun.env:NAME}``) in which they differ, and the fingerprint of the data.
    Data may be made by the seed: fingerprints set runs apart where two of one seed differ, where two seeds have one
    that a third has not, and where the data are alrun's own, are not transformed, and their config refers to nothing. A
    run that has noted no fingerprint is taken for one of the others.
    """
    members: dict[Hashable, list[int]] = defaultdict(list)
    for number, group in enumerate(groups):
        members[group].append(number)
    parts: list[list[str]] = [[] for _ in runs]
    for numbers in members.values():
        environments = [runs[number].environment for number in numbers]
        names = sorted({name for one in environments for name in one})
        differing = [name for name in names if len({one.get(name) for one in environments}) > 1]
        for number in numbers:
            told = runs[number].environment
            parts[number] += [f"{name[:MOST_VALUE]}={told[name][:MOST_VALUE]}" for name in differing if name in told]
        alike = defaultdict(list)
        for number in numbers:
            alike[tuple(parts[number])].append(number)
        for same in alike.values():
            if _mixes([runs[number] for number in same], [configs[number] for number in same]):
                for number in same:
                    parts[number] += [f"data={runs[number].fingerprint[:DIGITS] or 'unknown'}"]
    return [", ".join(part) for part in parts]


def _mixes(runs: Sequence[Run], configs: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether ``runs``, which are alike in all else, had several data that no seed explains."""
    of_seed: dict[int, set[str]] = defaultdict(set)
    for run in runs:
        if run.fingerprint:
            of_seed[run.seed].add(run.fingerprint)
    distinct = set[str]().union(*of_seed.values())
    if len(distinct) < 2:
        return False
    one_a_seed = len(distinct) == len(of_seed) and all(len(found) == 1 for found in of_seed.values())
    return not (one_a_seed and any(map(_may_be_seeded, configs)))


def _may_be_seeded(config: Mapping[str, Any]) -> bool:
    if any(key.startswith("transform.") for key in config):
        return True
    of_data = {key: str(value) for key, value in config.items() if key.startswith("data.")}
    return not of_data.get("data._target_", "").startswith(OWN) or any("${" in text for text in of_data.values())
