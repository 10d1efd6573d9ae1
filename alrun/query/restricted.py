"""Restricted host: the driver as strategies see it, with another unlabeled pool."""

from __future__ import annotations

from copy import copy
from typing import Any

from alrun.core.protocols.driver import StrategyHost

__all__ = ["with_pool"]


def with_pool(host: StrategyHost, unlabeled_pool: Any) -> StrategyHost:
    """Return ``host`` with another unlabeled pool; everything else, seeds too, is the host's own."""
    view = copy(host)
    view.unlabeled_pool = unlabeled_pool
    return view
