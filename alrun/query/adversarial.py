"""Adversarial query: a weighted sum of an uncertainty criterion and a discriminator's score."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from alrun.core.errors import ConfigError, Problem
from alrun.core.evaluation import by_itself
from alrun.core.outputs import probabilities
from alrun.core.types import Prediction
from alrun.query.base import ScoreQuery
from alrun.query.criteria.base import Criterion
from alrun.query.criteria.expression import as_criterion
from alrun.query.scores import over_samples

__all__ = ["Adversarial"]


class Adversarial(ScoreQuery):
    """``uncertainty_weight * criterion + discriminator_weight * (1 - discriminator)``, highest first.

    The learner's ``discriminator`` says 1 for latents of labeled rows and 0 for unlabeled ones, so that rows unlike
    what is labeled score high (Shui et al. 2020, arXiv:1911.09162; Deeplay's adversarial strategy, which ranks by the
    same sum with both signs turned). One chunk of the pool is in memory at a time. The latents are those of the
    learner without dropout, whatever the inference.

    Args:
        max_samples: Rows a call.
        criterion: What is uncertain: an expression, or a criterion (see ``alrun.query.criteria.expression``).
        uncertainty_weight: Weight of the criterion.
        discriminator_weight: Weight of the discriminator.
        expected: With ``K`` posterior samples, average their scores instead of scoring their mean.

    Attributes:
        requires_learner: What the learner must have.

    Raises:
        ConfigError: The criterion cannot be read, or a weight is not finite.
    """

    requires_learner: ClassVar[frozenset[str]] = frozenset({"discriminator"})
    needs_embeddings: ClassVar[bool] = True

    def __init__(
        self,
        max_samples: int,
        criterion: str | Criterion = "margin",
        uncertainty_weight: float = 0.8,
        discriminator_weight: float = 0.2,
        expected: bool = False,
    ) -> None:
        super().__init__(max_samples)
        weights = {"uncertainty_weight": uncertainty_weight, "discriminator_weight": discriminator_weight}
        wrong = [
            Problem(f"{value!r} is not a finite number", f"query.adversarial.{name}", f"query.adversarial.{name}=0.5")
            for name, value in weights.items()
            if not abs(value) < float("inf")
        ]
        if wrong:
            raise ConfigError(wrong)
        self.criterion = as_criterion(criterion, "query.adversarial.criterion")
        self.uncertainty_weight, self.discriminator_weight = uncertainty_weight, discriminator_weight
        self.expected = expected

    def score(self, prediction: Prediction) -> Tensor:
        """Return the weighted sum, ``[B]``."""
        uncertainty = over_samples(self.criterion.score, probabilities(prediction.outputs.float()), self.expected)
        assert prediction.embeddings is not None  # noqa: S101 - asked for by needs_embeddings
        strangeness = 1 - self._discriminate(prediction.embeddings.float())
        return self.uncertainty_weight * uncertainty + self.discriminator_weight * strangeness

    def _discriminate(self, latents: Tensor) -> Tensor:
        """Return the discriminator's outputs ``[B]`` for ``latents`` ``[B, d]``; it is left as it was found."""
        discriminator = self.driver.learner.discriminator
        device = next((parameter.device for parameter in discriminator.parameters()), latents.device)
        with by_itself(discriminator):
            told: Tensor = discriminator(latents.to(device))
        return told.flatten().cpu()
