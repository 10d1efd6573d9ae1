"""Map of the pool in two dimensions, and where on it the samples lie that were bought."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from alrun.core.arguments import choice_problems, count_problems, raise_any
from alrun.core.errors import ConfigError, Problem
from alrun.core.seeding import Role
from alrun.metrology.base import Metrology
from alrun.metrology.thumbnails import image_shape as checked_shape
from alrun.metrology.thumbnails import thumbnails
from alrun.metrology.umap_axes import UMAPAxes, require_umap
from alrun.pool.foreign import keeps_account, newest, shipped_embeddings, takes_requests, unknown_rows
from alrun.pool.subset import Subset

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sklearn.decomposition import PCA
    from torch import Tensor

    from alrun.core.types import TaskSpec
    from alrun.pool.training import TrainingPool
    from alrun.pool.unlabeled import UnlabeledPool

__all__ = ["PoolMap"]

#: Significant digits of a position.
DIGITS = 5
WITHOUT = "metrology=classification"
METHODS = ("pca", "umap")


class PoolMap(Metrology):
    """Positions of rows of the pool and of all samples bought, for the report; no metric.

    The map is a principal component analysis of the embeddings that the data ship, or else of the inputs: the two
    directions in which a sample of the pool varies most; or, with ``method="umap"``, UMAP of the same. The sample is
    drawn once, with the experiment's seed, so that all strategies of a seed share one map. Its first record is
    ``{"pool": {"index", "x", "y", "total", "explained"}}`` (lists, one item a row of the sample; ``explained`` are the
    shares of the variance, in place of which UMAP has ``"method": "umap"``), then each step has
    ``{"picks": {"step", "labels", "index", "x", "y"}}``, with ``"thumbnails"`` where they are asked for.
    """

    def __init__(
        self,
        most_rows: int = 2000,
        thumbnails: bool = False,
        image_shape: Sequence[int] | None = None,
        method: str | None = None,
        spec: TaskSpec | None = None,
    ) -> None:
        """Draw ``most_rows`` rows of the pool.

        Args:
            most_rows: Rows of the sample.
            thumbnails: Whether each sample that is bought is kept as a small picture; needs Pillow.
            image_shape: Height and width of an input, or channels, height and width; by default that of the data.
            method: ``pca``, or ``umap`` where umap-learn is installed; ``None`` for ``pca``.
            spec: What the data are, which comes from them: inputs that are no images are refused at once.

        Raises:
            ConfigError: A number or the method is wrong, inputs are no images, or a library is not installed.
        """
        super().__init__()
        wrong = count_problems("most_rows", most_rows, "metrology.pool_map.most_rows=2000", least=3)
        raise_any([*wrong, *choice_problems("metrology.pool_map.method", method or METHODS[0], METHODS)])
        if method == "umap":
            require_umap()
        self.method = method or METHODS[0]
        self.most_rows, self.thumbnails, self.image_shape = most_rows, thumbnails, image_shape
        if thumbnails and spec is not None:
            checked_shape(spec.input_shape, image_shape)
        self._axes: PCA | UMAPAxes | None = None

    def compute(self, *args: Any, **kwargs: Any) -> None:
        """Append the positions of the last batch of labels, at first those of the sample, too.

        Raises:
            ConfigError: The data are no rows of numbers, or Pillow is not installed.
        """
        pool = self.driver.training_pool
        if not (keeps_account(self.driver.unlabeled_pool) and takes_requests(pool)):
            raise ConfigError(Problem("this pool keeps no account of its rows", "metrology.pool_map", WITHOUT))
        if self._axes is None:
            self._axes = self._drawn(self.driver.unlabeled_pool)
        picks = newest(pool, int(self.driver.last_batch))
        if len(picks):
            self.append({"picks": self._picked(pool, picks)})

    def _drawn(self, unlabeled: UnlabeledPool) -> PCA | UMAPAxes:
        """Return the axes of the sample; it is drawn and recorded once."""
        from sklearn.decomposition import PCA

        known = next((record["pool"]["index"] for record in self.records if "pool" in record), None)
        rows = torch.tensor(known) if known is not None else self._chosen(unlabeled)
        vectors = _vectors(Subset(unlabeled.source, rows), torch.arange(len(rows)))
        axes = UMAPAxes(vectors) if self.method == "umap" else PCA(2, random_state=0).fit(vectors)
        if known is None:
            sample = {"index": rows.tolist(), **_told(axes), "total": len(self._every(unlabeled))}
            self.append({"pool": sample | _positions(axes, vectors)})
        return axes

    def _every(self, unlabeled: UnlabeledPool) -> Tensor:
        """Return the rows of the pool and those that were bought from it, ascending."""
        bought = torch.cat([self.driver.training_pool.indices, unknown_rows(self.driver.training_pool)])
        rows: Tensor = torch.cat([unlabeled.indices, bought[bought >= 0]]).unique()
        return rows

    def _chosen(self, unlabeled: UnlabeledPool) -> Tensor:
        rows = self._every(unlabeled)
        generator = self.driver.seeds.at(0).torch(Role.SPLIT, "pool_map")
        return rows[torch.randperm(len(rows), generator=generator)[: self.most_rows].sort().values]

    def _picked(self, pool: TrainingPool, picks: Tensor) -> dict[str, Any]:
        step, labels = int(self.driver.active_learning_step_idx) - 1, int(self.driver.labels_bought)
        found = {"step": step, "labels": labels, "index": pool.indices[picks].tolist()}
        if self.thumbnails:
            found["thumbnails"] = thumbnails(pool.inputs(picks), self.image_shape)
        return found | _positions(self._axes, _vectors(pool, picks))


def _vectors(pool: Any, positions: Tensor) -> NDArray[np.float64]:
    """Return the embeddings ``[n, d]`` of rows, or else their inputs, each as one vector."""
    found = shipped_embeddings(pool, positions)
    inputs = pool.inputs(positions) if found is None else found
    if not isinstance(inputs, torch.Tensor):
        raise ConfigError(
            Problem("the data are no rows of numbers, and ship no embeddings", "metrology.pool_map", WITHOUT)
        )
    vectors: NDArray[np.float64] = inputs.flatten(start_dim=1).double().cpu().numpy()
    return vectors


def _told(axes: PCA | UMAPAxes) -> dict[str, Any]:
    """Return what is said of the axes."""
    if isinstance(axes, UMAPAxes):
        return {"method": "umap"}
    return {"explained": [_short(share) for share in axes.explained_variance_ratio_.tolist()]}


def _positions(axes: Any, vectors: NDArray[np.float64]) -> dict[str, list[float]]:
    x, y = axes.transform(vectors).T.tolist()
    return {"x": [_short(one) for one in x], "y": [_short(one) for one in y]}


def _short(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
