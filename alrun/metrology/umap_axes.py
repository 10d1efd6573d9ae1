"""UMAP: a map in which neighbors stay neighbors, by umap-learn where that is installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from alrun.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["UMAPAxes", "require_umap"]

#: Neighbors of a row that count (McInnes et al. 2018, arXiv:1802.03426, section 4.3; umap-learn's own default).
NEIGHBORS = 15


def require_umap() -> None:
    """Raise ``ConfigError`` unless umap-learn is installed."""
    if find_spec("umap") is None:
        what = "needs umap-learn, which is not installed"
        raise ConfigError(Problem(what, "metrology.pool_map.method", 'pip install "alrun[umap]"'))


class UMAPAxes:
    """A fitted map. Equal rows, in equal batches, come to equal places, on one machine and one set of versions."""

    def __init__(self, vectors: NDArray[np.float64]) -> None:
        """Fit the rows ``vectors``, ``[n, d]``."""
        from umap import UMAP

        neighbors = max(2, min(NEIGHBORS, len(vectors) - 1))
        # A tree for the start of few rows would need more of them than there are.
        start = "spectral" if len(vectors) > 10 else "random"
        self._fitted: Any = UMAP(n_neighbors=neighbors, n_components=2, random_state=0, n_jobs=1, init=start)
        self._fitted.fit(vectors)
        self._known = {row.tobytes(): place for row, place in zip(vectors, self._fitted.embedding_, strict=True)}

    def transform(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the places ``[m, 2]`` of rows ``[m, d]``; rows that it was fitted to keep theirs."""
        import numpy as np

        new = np.array([row.tobytes() not in self._known for row in vectors], dtype=bool)
        places = np.array([self._known.get(row.tobytes(), (0.0, 0.0)) for row in vectors], dtype=np.float64)
        if new.any():
            places[new] = self._fitted.transform(vectors[new])
        return places
