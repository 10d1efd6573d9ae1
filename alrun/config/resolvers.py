"""Allowlist of the OmegaConf resolvers that a config may use, wherever its text comes from.

``${oc.env:HOME}`` in a config calls the resolver ``oc.env``. OmegaConf keeps all resolvers in one table, which Hydra
and installed packages add to; ``only`` puts another table in its place for as long as a config is composed or resolved,
so that a resolver which is not offered is not there to be called, however its name came about.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alrun.config.compat import child, is_interpolation, is_missing, is_none, only_resolvers
from alrun.core.errors import Problem

__all__ = ["OFFERED", "OF_HYDRA", "interpolation_problems", "only", "problem_of"]

#: What a config may call: each reads, none makes a node of a text.
OFFERED = ("oc.env", "oc.select", "oc.dict.keys", "oc.dict.values", "alrun.env")
#: What Hydra's own node may call beside these.
OF_HYDRA = ("now", "hydra", "python_version")
_SWAPPING = threading.RLock()
_UNSUPPORTED = re.compile(r"Unsupported interpolation type (.*)")
_RAISED = re.compile(r"\w+ raised while resolving interpolation: \"?(.*?)\"?")
_VARIABLE = re.compile(r"Environment variable '(\w+)' not found")


@contextmanager
def only(*more: str) -> Iterator[None]:
    """Let configs be resolved with what is ``OFFERED`` and ``more``, and with nothing else; one thread at a time."""
    with _SWAPPING, only_resolvers((*OFFERED, *more)):
        yield


def interpolation_problems(node: Any, prefix: str = "", *, missing: bool = True) -> Iterator[Problem]:
    """Yield a problem for each value below an OmegaConf ``node`` that cannot be resolved.

    Args:
        node: A ``DictConfig`` or ``ListConfig``.
        prefix: Key of ``node``.
        missing: Whether a mandatory value that is missing is a problem.
    """
    from omegaconf import Container, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    if is_none(node) or is_interpolation(node):
        return
    for key in node if OmegaConf.is_dict(node) else range(len(node)):
        inner = child(node, key)
        where = f"{prefix}[{key}]" if isinstance(key, int) else f"{prefix}.{key}".lstrip(".")
        if isinstance(inner, Container) and not is_interpolation(inner) and not is_missing(inner):
            yield from interpolation_problems(inner, where, missing=missing)
            continue
        if is_missing(inner) and not missing:
            continue
        try:
            node[key]
        except OmegaConfBaseException as error:
            yield problem_of(error, where)


def problem_of(error: Exception, where: str = "") -> Problem:
    """Return what OmegaConf has against a value, as a problem."""
    text = (str(error).splitlines() or [type(error).__name__])[0]
    key = where or str(getattr(error, "full_key", "") or "")
    name = _UNSUPPORTED.fullmatch(text)
    if name:
        offered = ", ".join(f"${{{resolver}:…}}" for resolver in OFFERED)
        return Problem(
            f"the resolver {name[1]!r} is not allowed in configs", key, f"write the value; allowed: {offered}"
        )
    raised = _RAISED.fullmatch(text)
    variable = _VARIABLE.fullmatch(raised[1] if raised else text)
    if variable:
        hint = f"export {variable[1]}=… before alrun is started, or ${{oc.env:{variable[1]},default}}"
        return Problem(f"there is no environment variable {variable[1]!r}", key, hint)
    if raised or "nterpolation" in text:
        return Problem(raised[1] if raised else text, key, "write the value; alrun --cfg job shows all keys")
    return Problem(text, key, f"{key}=…" if "mandatory" in text else "alrun --cfg job shows the config as it is")
