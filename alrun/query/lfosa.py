"""LfOSA: rows that a detector of unknown classes takes for known ones, with the clearest activations."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from alrun.core.arguments import count_problems, number_problems, raise_any
from alrun.core.errors import StrategyError
from alrun.core.protocols.driver import spec_of
from alrun.query.batch import BatchQuery
from alrun.query.candidates import Candidates, FeatureKind
from alrun.query.detector import Detector
from alrun.query.two_gaussians import upper_share

__all__ = ["LfOSA", "known_share"]

_RATE = 0.01


def known_share(activations: Tensor) -> Tensor:
    """Return the probability that each row is of a known class, ``[N]`` ``float64``, as LfOSA has it.

    For each class the largest activations of the rows that are taken for it are a mixture of two normal distributions:
    those of rows that are of the class, and lower ones (Ning et al. 2022, section 3.3). Rows that are taken for
    unknown, or alone for their class, have 0.

    Args:
        activations: ``[N, K + 1]``, the last column that of the unknown class.
    """
    largest, classes = activations.max(dim=1)
    shares = torch.zeros(len(activations), dtype=torch.float64, device=activations.device)
    for label in range(activations.shape[1] - 1):
        rows = classes == label
        shares[rows] = upper_share(largest[rows])
    return shares


class LfOSA(BatchQuery):
    """LfOSA (Ning et al. 2022, "Active learning for open-set annotation", arXiv:2201.06758), for pools with unknowns.

    A detector with a class more than there are is trained on the labeled rows, and on those that were bought and turned
    out to be of none of the classes, by the cross-entropy of activations divided by a temperature (equation 1). The
    rows that are most probably of a known class, ``known_share``, are asked for; how uncertain the learner is does not
    matter. Until something unknown was bought, and without an open set, the detector knows no such class.

    Deviations: theirs is a second network of the learner's architecture, trained on the inputs by SGD (with a center
    loss, in their code); here it has one hidden layer on ``features``, and Adam takes all rows at once. Rows with equal
    probability, of which there are many near 1, go by how far the activation of the class is above that of the unknown
    one.

    Args:
        max_samples: Rows a call.
        features: What the detector sees: one of ``alrun.query.features`` that forms a matrix.
        hidden: Width of the detector's hidden layer.
        epochs: Steps of the detector's training.
        temperature: Divides activations in its loss; at least 0.01.

    Raises:
        ConfigError: With every problem at once.
    """

    needs_labeled: bool = True
    needs_unknown: bool = True

    def __init__(
        self,
        max_samples: int,
        features: FeatureKind,
        hidden: int = 128,
        epochs: int = 200,
        temperature: float = 0.5,
    ) -> None:
        super().__init__(max_samples)
        problems = [
            *count_problems("query.lfosa.hidden", hidden, "query.lfosa.hidden=128"),
            *count_problems("query.lfosa.epochs", epochs, "query.lfosa.epochs=200"),
            *number_problems("query.lfosa.temperature", temperature, "query.lfosa.temperature=0.5", least=0.01),
        ]
        raise_any(problems)
        self.features: FeatureKind = features
        self.hidden, self.epochs, self.temperature = hidden, epochs, temperature
        self._shares = torch.empty(0)

    def pick(self, candidates: Candidates, n: int) -> Tensor:
        """Return the rows that are most probably of a known class."""
        activations = self._activations(candidates)
        self._shares = known_share(activations)
        lead = activations[:, :-1].amax(dim=1) - activations[:, -1]
        by_lead = lead.argsort(descending=True, stable=True)
        return by_lead[self._shares[by_lead].argsort(descending=True, stable=True)][:n]

    def picked_scores(self, candidates: Candidates, picks: Tensor) -> list[float]:
        """Return the probabilities of the picks."""
        found: list[float] = self._shares.cpu()[picks].tolist()
        return found

    def _activations(self, candidates: Candidates) -> Tensor:
        """Return the detector's activations of the candidates, ``[N, K + 1]``."""
        features, targets = candidates.features, candidates.targets
        if not isinstance(features, Tensor) or targets is None:
            raise StrategyError("LfOSA needs features that form a matrix, and a training pool that returns its labels")
        count = spec_of(self.driver).num_outputs
        rows = torch.cat([candidates.labeled, candidates.unknown]).to(features.device)
        labels = torch.cat([targets.long(), torch.full((len(candidates.unknown),), count)]).to(features.device)
        detector = Detector(features, count + 1, self.hidden, self.generator())
        if len(rows):
            known, scale = features[rows], 1 / self.temperature
            detector.fit(
                known, lambda outputs: functional.cross_entropy(scale * outputs, labels), steps=self.epochs, rate=_RATE
            )
        return detector.outputs(features[: len(candidates)])
