"""Path of a run: a function of its config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["GROUPS", "run_directory"]

GROUPS = ("data", "learner", "training", "inference", "cold_start", "query", "label")
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]")


def run_directory(config: Mapping[str, Any], choices: Mapping[str, str], identity: str) -> Path:
    """Return ``<output_dir>/<name>/<data>-<learner>-<query>-s<seed>-<8 hex of the identity>``, absolute."""
    words = [_UNSAFE.sub("_", choices.get(group, ""))[:40] for group in ("data", "learner", "query")]
    leaf = "-".join([*words, f"s{config['seed']}", identity[:8]])
    root = Path(str(config["output_dir"])).expanduser()
    return (root / str(config["name"]) / leaf).absolute()
