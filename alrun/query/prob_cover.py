"""ProbCover: rows whose neighborhoods cover most of the others."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.query.batch import BatchQuery
from alrun.query.candidates import Candidates, FeatureKind
from alrun.query.features.embedding import Embedding
from alrun.query.selection.prob_cover import prob_cover
from alrun.query.selection.purity_radius import purity_radius

__all__ = ["ProbCover"]


class ProbCover(BatchQuery):
    """Rows that, one after the other, cover most rows that nothing labeled is near (Yehuda et al. 2022).

    The paper estimates the radius once, from self-supervised features that stay; here features may change from step to
    step, and the radius is estimated anew, from labeled, pending and unlabeled rows together.

    Args:
        max_samples: Rows a call.
        features: What rows are compared by; ``None`` for the learner's embedding.
        radius: Distance up to which a row covers others; ``None`` for the largest at which the share ``purity`` of the
            balls are pure, see ``purity_radius``.
        purity: The paper's alpha.

    Raises:
        ConfigError: The radius is negative, or the purity no share.
    """

    __algorithm__ = 2  # distances relative to a mean that is far away
    needs_labeled = True

    def __init__(
        self,
        max_samples: int,
        features: FeatureKind | None = None,
        radius: float | None = None,
        purity: float = 0.95,
    ) -> None:
        super().__init__(max_samples)
        if radius is not None and not radius >= 0:
            raise ConfigError(
                Problem(f"invalid radius: {radius!r}", "query.*.radius", "query.*.radius=null estimates it")
            )
        if not 0 < purity < 1:
            raise ConfigError(
                Problem(f"purity must be between 0 and 1, not {purity!r}", "query.*.purity", "query.*.purity=0.95")
            )
        self.features: FeatureKind = Embedding() if features is None else features
        self.multi_task = False
        self.radius = radius
        self.purity = purity

    def pick(self, candidates: Candidates, n: int) -> Tensor:
        """Return the rows that cover most, in order."""
        features: Any = candidates.features
        radius = self.radius
        if radius is None:
            radius = purity_radius(features, self._classes(), purity=self.purity, generator=self.generator())
        return prob_cover(features, candidates.covered.to(features.device), n, radius)

    def _classes(self) -> int:
        spec = self.driver.spec
        if spec is None:
            raise ConfigError(Problem("the number of classes is unknown", "query.*.radius", "query.*.radius=0.5"))
        return int(spec.num_outputs)
