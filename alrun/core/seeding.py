"""Derived seeds: every random choice is a pure function of ``(seed, role, step, phase, name)``.

No generator state is ever stored. Whoever needs randomness derives a generator for the purpose at hand, uses it
and drops it; a resumed run derives the same one. Two runs that differ in one strategy alone share every stream
whose name does not mention that strategy (common random numbers).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING

from alrun.core.generators import seed_generators

if TYPE_CHECKING:
    import numpy as np
    import torch

__all__ = ["Role", "Seeds"]


class Role(StrEnum):
    """What a random stream is for."""

    SPLIT = "split"
    INIT = "init"
    SHUFFLE = "shuffle"
    DROPOUT = "dropout"
    QUERY = "query"
    LABEL = "label"
    GLOBAL = "global"


@lru_cache(maxsize=1024)
def _key(seed: int, step: int, phase: str, role: str) -> bytes:
    """Return 32 bytes that name a place and a role, mixed by ``numpy.random.SeedSequence``."""
    import numpy as np

    digest = hashlib.sha256(f"{role}\0{phase}".encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4)]
    return np.random.SeedSequence([seed, step, *words]).generate_state(4, np.uint64).tobytes()


@dataclass(frozen=True)
class Seeds:
    """A place in the experiment from which random streams are derived.

    Attributes:
        __algorithm__: Counts up when another number comes of the same place; see ``alrun.core.algorithms``.
        seed: The experiment's seed, ``>= 0``; 0 is a seed like any other.
        step: Active-learning step that the streams belong to.
        phase: Phase tag that the streams belong to; empty for whole-run streams such as the split.

    Example:
        >>> Seeds(0).integer(Role.SPLIT) == Seeds(0).integer(Role.SPLIT)
        True
        >>> Seeds(0).integer(Role.SPLIT) == Seeds(1).integer(Role.SPLIT)
        False
    """

    __algorithm__ = 1
    seed: int
    step: int = 0
    phase: str = ""

    def at(self, step: int, phase: str = "") -> Seeds:
        """Return the same experiment at another place."""
        return replace(self, step=step, phase=phase)

    def integer(self, role: Role | str, name: str = "") -> int:
        """Return a 63-bit integer for ``role`` and ``name`` at this place."""
        key = _key(self.seed, self.step, self.phase, str(role))
        return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8, key=key).digest(), "little") >> 1

    def numpy(self, role: Role | str, name: str = "") -> np.random.Generator:
        """Return a fresh Philox generator for ``role`` and ``name`` at this place."""
        import numpy as np

        return np.random.Generator(np.random.Philox(key=self.integer(role, name)))

    def torch(self, role: Role | str, name: str = "", device: str = "cpu") -> torch.Generator:
        """Return a fresh torch generator on ``device`` for ``role`` and ``name`` at this place."""
        import torch

        return torch.Generator(device=device).manual_seed(self.integer(role, name))

    def seed_global_generators(self, name: str = "") -> None:
        """Seed python, numpy and torch globally, for code that draws from them."""
        import torch

        value = self.integer(Role.GLOBAL, name)
        seed_generators(value)
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(value)
