"""Calibrated predictions: temperatures are fitted to the validation pool."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from alrun.core.digest import weights_digest
from alrun.driver.supply.temperature import fitted_temperatures

if TYPE_CHECKING:
    from torch import Tensor, nn

    from alrun.core.protocols import Predictor
    from alrun.core.types import Prediction


__all__ = ["CalibratedPredictor"]


class CalibratedPredictor:
    """Divides the outputs of a predictor by temperatures, see ``fitted_temperatures``.

    They are fitted to its predictions for the validation pool, once per step and state of the learner, and never
    saved: a resumed run finds the same. While the validation pool has no rows yet, nothing is divided.
    """

    def __init__(self, predictor: Predictor, learner: nn.Module, pool: Any, *, step: Callable[[], int]) -> None:
        """Calibrate what ``predictor`` says of ``learner`` on the validation ``pool``; ``step`` returns the step."""
        self._predictor, self._learner, self._pool, self._step = predictor, learner, pool, step
        self._known: tuple[tuple[int, int, bytes], Tensor] | None = None

    def __call__(self, pool: Any, *, embeddings: bool = False) -> Iterator[Prediction]:
        """Yield predictions for the rows of ``pool``, in pool order."""
        temperatures = self.temperatures()
        for prediction in self._predictor(pool, embeddings=embeddings):
            outputs = prediction.outputs
            yield (
                prediction if temperatures is None else replace(prediction, outputs=outputs / temperatures.to(outputs))
            )

    def temperatures(self) -> Tensor | None:
        """Return what each column of the outputs is divided by, ``[C]``; ``None`` without validation rows."""
        pool = self._pool
        if pool is None or len(pool) == 0:
            return None
        key = (self._step(), len(pool), weights_digest(self._learner))
        if self._known is None or self._known[0] != key:
            self._known = key, self._fitted(pool)
        return self._known[1]

    def _fitted(self, pool: Any) -> Tensor:
        import torch

        outputs = [prediction.outputs for prediction in self._predictor(pool)]
        sizes = [one.shape[-2] for one in outputs]
        targets = [pool.targets(positions) for positions in torch.arange(len(pool)).split(sizes)]
        return fitted_temperatures(outputs, targets, pool.spec)
