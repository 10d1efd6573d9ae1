"""Numbers that belong to rows: uniform, independent, and the same in any order."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import kstest  # type: ignore[import-untyped]

from alrun.core.row_random import row_uniforms


def test_order_and_company_change_nothing() -> None:
    rows = torch.tensor([5, -3, 0, 2**62, 5])
    together = row_uniforms(rows, key=11)
    alone = np.concatenate([row_uniforms(rows[i : i + 1], key=11) for i in range(len(rows))])
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(row_uniforms(rows.flip(0), key=11), together[::-1])


def test_uniform_and_uncorrelated_over_rows_keys_and_draws() -> None:
    rows = torch.arange(100_000)
    streams = [row_uniforms(rows, key, draw) for key in (0, 1, 2**62) for draw in (0, 1)]
    for stream in streams:
        assert ((stream > 0) & (stream < 1)).all()
        assert kstest(stream, "uniform").pvalue > 1e-4
        assert abs(np.corrcoef(stream[:-1], stream[1:])[0, 1]) < 0.015
    off_diagonal = np.corrcoef(streams) - np.eye(len(streams))
    assert np.abs(off_diagonal).max() < 0.015
