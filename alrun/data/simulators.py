"""Simulators with a known solution: formulas in physical units, and as functions of the unit cube.

``branin``, ``ishigami`` and ``borehole`` take inputs ``[n, d]`` in the unit cube and return ``[n]`` ``float64``: what
the data source ``function`` labels its pool with, and what ``label=function`` can call on points that a query made up.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = [
    "SIMULATORS",
    "Simulator",
    "borehole",
    "borehole_formula",
    "branin",
    "branin_formula",
    "ishigami",
    "ishigami_formula",
]


def branin_formula(x: Tensor) -> Tensor:
    """Return Branin's function ``[n]`` at ``x`` ``[n, 2]``, ``x1`` in [-5, 10], ``x2`` in [0, 15].

    Three minima of ``10 / (8π) = 0.397887``, at (-π, 12.275), (π, 2.275) and (3π, 2.475). Dixon, Szegö (1978), "Towards
    Global Optimization 2", p. 1, with their constants.
    """
    first, second = x.unbind(dim=1)
    parabola = second - 5.1 / (4 * math.pi**2) * first**2 + 5 / math.pi * first - 6
    return parabola**2 + 10 * (1 - 1 / (8 * math.pi)) * torch.cos(first) + 10


def ishigami_formula(x: Tensor, a: float = 7.0, b: float = 0.1) -> Tensor:
    """Return Ishigami's function ``[n]`` at ``x`` ``[n, 3]``, each in [-π, π].

    With uniform inputs its mean is ``a/2`` and its variance ``a²/8 + bπ⁴/5 + b²π⁸/18 + 1/2``. Ishigami, Homma
    (1990), "An importance quantification technique in uncertainty analysis for computer models"; a and b of Crestaux
    et al. (2007).
    """
    first, second, third = x.unbind(dim=1)
    return torch.sin(first) * (1 + b * third**4) + a * torch.sin(second) ** 2


def borehole_formula(x: Tensor) -> Tensor:
    """Return the water flow through a borehole, m³/year, ``[n]``, at ``x`` ``[n, 8]``.

    Columns: radius of the borehole, radius of influence (m), transmissivity (m²/year) and head (m) of the
    upper aquifer, those of the lower one, length of the borehole (m), its hydraulic conductivity (m/year).
    Harper, Gupta (1983); domain of Morris, Mitchell, Ylvisaker (1993), "Bayesian design and analysis of computer
    experiments".
    """
    radius, influence, upper, upper_head, lower, lower_head, length, conductivity = x.unbind(dim=1)
    log_ratio = torch.log(influence / radius)
    leak = 2 * length * upper / (log_ratio * radius**2 * conductivity)
    return 2 * math.pi * upper * (upper_head - lower_head) / (log_ratio * (1 + leak + upper / lower))


@dataclass(frozen=True)
class Simulator:
    """A formula and the box on which it is studied.

    Attributes:
        formula: From physical inputs ``[n, d]`` to outputs ``[n]``.
        bounds: Lowest and highest value of each input, in physical units.
    """

    formula: Callable[[Tensor], Tensor]
    bounds: tuple[tuple[float, float], ...]

    def physical(self, unit: Tensor) -> Tensor:
        """Return the inputs ``[n, d]`` ``float64`` in physical units for points ``[n, d]`` of the unit cube.

        Raises:
            ValueError: Another shape than ``[n, d]``.
        """
        if unit.ndim != 2 or unit.shape[1] != len(self.bounds):
            raise ValueError(f"inputs of shape [n, {len(self.bounds)}] expected, not {list(unit.shape)}")
        low, high = torch.tensor(self.bounds, dtype=torch.float64, device=unit.device).unbind(dim=1)
        return low + unit.to(torch.float64) * (high - low)

    def __call__(self, unit: Tensor) -> Tensor:
        """Return the outputs ``[n]`` ``float64`` for points ``[n, d]`` of the unit cube."""
        return self.formula(self.physical(unit))


SIMULATORS: Mapping[str, Simulator] = {
    "branin": Simulator(branin_formula, ((-5.0, 10.0), (0.0, 15.0))),
    "ishigami": Simulator(ishigami_formula, ((-math.pi, math.pi),) * 3),
    "borehole": Simulator(
        borehole_formula,
        (
            (0.05, 0.15),
            (100.0, 50_000.0),
            (63_070.0, 115_600.0),
            (990.0, 1_110.0),
            (63.1, 116.0),
            (700.0, 820.0),
            (1_120.0, 1_680.0),
            (9_855.0, 12_045.0),
        ),
    ),
}


def branin(unit: Tensor) -> Tensor:
    """Return ``branin_formula`` ``[n]`` ``float64`` at points ``[n, 2]`` of the unit cube."""
    return SIMULATORS["branin"](unit)


def ishigami(unit: Tensor) -> Tensor:
    """Return ``ishigami_formula`` ``[n]`` ``float64`` at points ``[n, 3]`` of the unit cube."""
    return SIMULATORS["ishigami"](unit)


def borehole(unit: Tensor) -> Tensor:
    """Return ``borehole_formula`` ``[n]`` ``float64`` at points ``[n, 8]`` of the unit cube."""
    return SIMULATORS["borehole"](unit)
