"""How numbers and columns fit into the report's table."""

from __future__ import annotations

import pytest

from alrun.report.table import number, thinned


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.8512, "0.851"), (0.0, "0.000"), (54.321, "54.3"), (-3.2, "-3.20"), (1234.5, "1234"), (5.6e-7, "5.6e-07")],
)
def test_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_an_error_has_the_decimals_of_its_mean() -> None:
    assert number(0.00012, scale=0.9) == "0.000"
    assert number(12.5, scale=3400.0) == "12"
    assert number(0.0125, scale=0.2, sign="+") == "+0.013"


@pytest.mark.parametrize("most", [2, 5, 12])
def test_thinning_keeps_both_ends_and_the_order(most: int) -> None:
    counts = list(range(10, 300, 7))
    kept = thinned(counts, most)
    assert len(kept) == most
    assert (kept[0], kept[-1]) == (counts[0], counts[-1])
    assert kept == sorted(set(kept))


def test_few_counts_are_all_kept() -> None:
    assert thinned([1, 2, 3], 12) == [1, 2, 3]
