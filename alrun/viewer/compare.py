"""Differences between the settings of chosen runs."""

from __future__ import annotations

from collections.abc import Sequence

from alrun.core.showing import printable
from alrun.report.page.section import TextTable
from alrun.report.runs import Run
from alrun.report.variants import read_configs

__all__ = ["MOST_RUNS", "differences"]

#: Runs whose settings are compared, keys that are shown, and characters of a value.
MOST_RUNS, MOST_KEYS, MOST_VALUE = 200, 200, 120
#: In place of a value that a run does not have.
ABSENT = "-"


def differences(runs: Sequence[Run]) -> TextTable | None:
    """Return the settings in which ``runs`` differ, a column each; ``None`` where there are more than ``MOST_RUNS``."""
    if len(runs) > MOST_RUNS:
        return None
    configs = [{} if isinstance(config, str) else dict(config) for config in read_configs(runs)]
    configs = [{"seed": run.seed} | config for run, config in zip(runs, configs, strict=True)]
    keys = sorted({key for config in configs for key in config if len({repr(one.get(key)) for one in configs}) > 1})
    rows = [[printable(key, MOST_VALUE), *(_value(config, key) for config in configs)] for key in keys[:MOST_KEYS]]
    more = f" {len(keys) - MOST_KEYS} more are not shown." if len(keys) > MOST_KEYS else ""
    header = ["setting", *(printable(run.path.name, MOST_VALUE) for run in runs)]
    return TextTable(f"Settings in which the runs differ: {len(keys)}.{more}", header, rows)


def _value(config: dict[str, object], key: str) -> str:
    return printable(str(config[key]), MOST_VALUE) if key in config else ABSENT
