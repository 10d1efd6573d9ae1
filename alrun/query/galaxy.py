"""GALAXY: bisection between differently labeled rows, class by class."""

from __future__ import annotations

import torch
from torch import Tensor

from alrun.core.errors import StrategyError
from alrun.query.batch import BatchQuery
from alrun.query.candidates import Candidates
from alrun.query.selection.galaxy import galaxy

__all__ = ["Galaxy"]


class Galaxy(BatchQuery):
    """GALAXY (Zhang, Katz-Samuels and Nowak 2022), for data of which some classes are rare.

    See ``alrun.query.selection.galaxy``. Until a batch has returned, a row of it counts as labeled with its most
    probable class; so do rows that other strategies have put in the queue.
    """

    needs_outputs: bool = True
    needs_labeled: bool = True

    def pick(self, candidates: Candidates, n: int) -> Tensor:
        """Return the middles of the shortest paths."""
        if candidates.targets is None:
            raise StrategyError("the training pool cannot return its labels, which Galaxy needs")
        probabilities = candidates.probabilities()
        guessed = probabilities[candidates.pending].argmax(dim=1).cpu()
        labels = torch.cat([candidates.targets.long().cpu(), guessed])
        return galaxy(probabilities, candidates.covered, labels, n, self.generator())
