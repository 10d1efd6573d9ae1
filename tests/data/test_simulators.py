"""Simulators against the values that are known of them."""

from __future__ import annotations

import math

import pytest
import torch

from alrun.core.seeding import Seeds
from alrun.data import simulators
from alrun.data.function import Function, latin_hypercube, sobol
from alrun.data.simulators import SIMULATORS, borehole_formula, branin_formula, ishigami_formula
from alrun.pool.pools import pools


def test_branin_has_its_three_minima() -> None:
    minima = torch.tensor([[-math.pi, 12.275], [math.pi, 2.275], [3 * math.pi, 2.475]], dtype=torch.float64)
    torch.testing.assert_close(
        branin_formula(minima), torch.full((3,), 0.397887, dtype=torch.float64), atol=1e-6, rtol=0
    )
    grid = torch.cartesian_prod(torch.linspace(0, 1, 301), torch.linspace(0, 1, 301))
    assert 0.397887 <= float(simulators.branin(grid).min()) < 0.41


def test_ishigami_has_its_mean_and_variance() -> None:
    values = simulators.ishigami(sobol(1 << 17, 3, seed=0))
    a, b = 7.0, 0.1
    variance = a**2 / 8 + b * math.pi**4 / 5 + b**2 * math.pi**8 / 18 + 0.5
    assert float(values.mean()) == pytest.approx(a / 2, abs=1e-3)
    assert float(values.var()) == pytest.approx(variance, rel=1e-3)
    corner = torch.tensor([[math.pi / 2, math.pi / 2, math.pi]], dtype=torch.float64)
    assert float(ishigami_formula(corner)) == pytest.approx(1 + a + b * math.pi**4)


def test_borehole_is_a_series_of_three_resistances() -> None:
    x = SIMULATORS["borehole"].physical(latin_hypercube(100, 8, seed=1))
    for row, flow in zip(x.tolist(), borehole_formula(x).tolist(), strict=True):
        rw, r, tu, hu, tl, hl, length, kw = row
        upper, lower = math.log(r / rw) / (2 * math.pi * tu), math.log(r / rw) / (2 * math.pi * tl)
        well = length / (math.pi * rw**2 * kw)
        assert flow == pytest.approx((hu - hl) / (upper + lower + well), rel=1e-12)


def test_borehole_runs_from_its_known_minimum_to_its_known_maximum() -> None:
    corners = torch.tensor([[0.0, 1, 0, 0, 0, 1, 1, 0], [1.0, 0, 1, 1, 1, 0, 0, 1]])
    assert simulators.borehole(corners).tolist() == pytest.approx([7.8197, 309.5756], abs=1e-4)
    inside = simulators.borehole(sobol(4096, 8, seed=0))
    assert 7.8197 < float(inside.min()) < float(inside.max()) < 309.5757


@pytest.mark.parametrize("name", sorted(SIMULATORS))
def test_a_pool_can_be_relabelled_by_the_simulator_that_made_it(name: str) -> None:
    source = Function(simulator=name, n_samples=100)
    rows = torch.arange(100)
    inputs = source.inputs(rows)
    assert 0 <= float(inputs.min()) < float(inputs.max()) <= 1
    relabelled = getattr(simulators, name)(inputs).to(torch.float32)
    assert torch.equal(relabelled.unsqueeze(1), source.targets(rows))
    made = pools(source, Seeds(0))
    assert (len(made.unlabeled or []), len(made.validation or []), len(made.test or [])) == (70, 10, 20)


def test_a_simulator_wants_one_column_an_input() -> None:
    with pytest.raises(ValueError, match=r"\[n, 8\]"):
        simulators.borehole(torch.zeros(3, 2))


def test_designs_fill_the_cube() -> None:
    points = latin_hypercube(64, 5, seed=3)
    assert all(sorted(column) == list(range(64)) for column in (points * 64).floor().int().T.tolist())
    points = sobol(64, 2, seed=3)
    cells = (points * 8).floor().int()
    assert len({tuple(cell) for cell in cells.tolist()}) == 64


@pytest.mark.parametrize("design", ["sobol", "lhs"])
def test_a_design_is_a_function_of_its_own_seed(design: str) -> None:
    state = torch.random.get_rng_state()
    first = Function(design=design, n_samples=50)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert first.fingerprint() == Function(design=design, n_samples=50).fingerprint()
    assert first.fingerprint() != Function(design=design, n_samples=50, generator_seed=1).fingerprint()
