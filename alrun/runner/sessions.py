"""Sessions of a run: versions and machine of each, and the changes between them.

Equal bytes are promised on one machine and one set of versions. A run goes on elsewhere, says so, and has it noted.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import alrun

__all__ = ["changes", "notices", "session_now", "with_session"]

RECORDED = ("torch", "lightning", "hydra-core", "omegaconf", "numpy", "scipy", "torchmetrics", "scikit-learn")
#: Variables that choose other instructions for the same mathematics.
KERNELS = ("ATEN_CPU_CAPABILITY", "MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE")
#: Longer lists of changes are cut short where they are shown.
SHOWN = 6


def session_now() -> dict[str, Any]:
    """Return what this process computes with."""
    return {"versions": _versions(), "machine": _machine()}


def with_session(sessions: Sequence[Any], session: Mapping[str, Any], step: int) -> list[Any]:
    """Return ``sessions`` with one more; equal ones in a row are one, with their number.

    Args:
        sessions: Those before, oldest first.
        session: The one that begins.
        step: Step that it begins in.
    """
    last = sessions[-1] if sessions else None
    if isinstance(last, Mapping) and all(last.get(key) == value for key, value in session.items()):
        return [*sessions[:-1], {**last, "count": _count(last) + 1}]
    return [*sessions, {"step": step, "count": 1, **session}]


def notices(sessions: Sequence[Any], session: Mapping[str, Any]) -> list[str]:
    """Return what is to be said when ``session`` continues ``sessions``: nothing, where it is like the last."""
    if not sessions:
        return []
    changed = list(changes(sessions[-1], session))
    told = ", ".join(changed[:SHOWN]) + (" …" if len(changed) > SHOWN else "")
    if not changed:
        return []
    if all(change.startswith("alrun ") for change in changed):
        return [f"{told} since the last session: the algorithms are the same, the run continues"]
    return [f"{told} since the last session: the run continues, but the last bits of its results may differ"]


def changes(before: Any, after: Any) -> Iterator[str]:
    """Yield what two sessions differ in, as in ``torch 2.13.0 → 2.14.1``; what one did not note counts as equal."""
    for part in ("versions", "machine"):
        old, new = (_mapping(_mapping(session).get(part)) for session in (before, after))
        for name in new:
            if name in old and old[name] != new[name]:
                yield f"{name} {_told(old[name])} → {_told(new[name])}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _told(value: Any) -> str:
    return "none" if value in (None, {}) else str(value)


def _count(session: Mapping[str, Any]) -> int:
    count = session.get("count", 1)
    return count if isinstance(count, int) else 1


def _versions() -> dict[str, str | None]:
    return {"alrun": alrun.__version__, "python": platform.python_version()} | {p: _version(p) for p in RECORDED}


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _machine() -> dict[str, Any]:
    """Return what the last bits go with: processor, its instructions as torch and BLAS use them, accelerator."""
    import torch

    mkldnn = torch.backends.mkldnn
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "mkl": torch.backends.mkl.is_available(),
        "onednn": bool(mkldnn.is_available() and mkldnn.enabled),
        "precision": torch.get_float32_matmul_precision(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "kernels": {name: os.environ[name] for name in KERNELS if name in os.environ},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())
