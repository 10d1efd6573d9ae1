"""Intervals, tests, savings, penalties and ranks against closed forms and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from alrun.report.statistics.intervals import mean_interval, resampled_counts
from alrun.report.statistics.paired import holm, paired_test, power
from alrun.report.statistics.penalty import penalty_matrix
from alrun.report.statistics.ranks import critical_difference, kendall_tau, mean_ranks
from alrun.report.statistics.savings import label_savings, labels_to_reach


def test_interval_of_few_values_is_students() -> None:
    values = np.random.default_rng(0).normal(size=(7, 3))
    low, high = mean_interval(values)
    expected = stats.t.interval(0.95, 6, values.mean(axis=0), stats.sem(values, axis=0))
    np.testing.assert_allclose([low, high], expected, rtol=1e-12)


def test_interval_of_many_values_is_the_percentile_bootstrap() -> None:
    values = np.random.default_rng(1).exponential(size=25)
    found = stats.bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=2).confidence_interval
    np.testing.assert_allclose(mean_interval(values), [found.low, found.high], atol=0.02)
    assert mean_interval(values) == mean_interval(values)


def test_interval_of_one_value_is_undefined_and_of_equal_values_a_point() -> None:
    assert np.isnan(mean_interval([3.0])).all()
    assert np.allclose(mean_interval([3.0] * 4), 3.0)
    assert np.allclose(mean_interval([3.0] * 12), 3.0)


def test_resamples_draw_each_value_equally_often() -> None:
    counts = resampled_counts(6, 5000)
    assert (counts.sum(axis=1) == 6).all()
    np.testing.assert_allclose(counts.mean(axis=0), 1.0, atol=0.05)


@pytest.mark.parametrize("n", [2, 5, 12, 60])
def test_paired_tests_are_scipys(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.4, 1.0, size=n)
    found = paired_test(differences)
    assert found.t == pytest.approx(stats.ttest_1samp(differences, 0.0).pvalue, rel=1e-9)
    assert found.wilcoxon == pytest.approx(stats.wilcoxon(differences).pvalue, rel=1e-12)
    assert found.effect == pytest.approx(differences.mean() / differences.std(ddof=1))


def test_paired_test_says_what_is_undefined() -> None:
    one, none, equal = paired_test([0.5]), paired_test([]), paired_test([0.0, 0.0, 0.0])
    assert one.mean == 0.5
    assert np.isnan([one.low, one.t, one.wilcoxon, one.effect, none.mean, equal.t, equal.wilcoxon]).all()
    constant = paired_test([0.5, 0.5, 0.5])
    assert (constant.t, constant.effect) == (0.0, np.inf)


def test_holm_as_in_his_paper_and_without_counting_what_is_undefined() -> None:
    assert holm([0.01, 0.03, 0.005, 0.04]).tolist() == pytest.approx([0.03, 0.06, 0.02, 0.06])
    found = holm([0.01, np.nan, 0.9])
    assert found[[0, 2]].tolist() == pytest.approx([0.02, 0.9])
    assert np.isnan(found[1])


def test_power_is_the_share_of_simulated_tests_that_find_the_effect() -> None:
    samples = np.random.default_rng(3).normal(1.0, 1.0, size=(20_000, 5))
    assert power(5) == pytest.approx((stats.ttest_1samp(samples, 0.0, axis=1).pvalue < 0.05).mean(), abs=0.01)
    assert power(200) == pytest.approx(1.0)
    assert np.isnan(power(1))


def test_labels_to_reach_a_level() -> None:
    labels = [10, 20, 40]
    assert labels_to_reach(labels, [0.5, 0.6, 0.8], 0.7) == pytest.approx(30)
    assert labels_to_reach(labels, [0.5, 0.6, 0.8], 0.4) == 10
    assert np.isnan(labels_to_reach(labels, [0.5, 0.6, 0.8], 0.9))
    assert labels_to_reach(labels, [0.5, 0.7, 0.6], 0.6) == pytest.approx(15), "the first time counts"


def test_a_curve_that_is_twice_as_fast_saves_half() -> None:
    labels = np.array([10.0, 20.0, 40.0, 80.0])
    slow, fast = np.log(labels), np.log(2 * labels)
    found = label_savings(labels, np.stack([fast, fast]), np.stack([slow, slow]))
    np.testing.assert_allclose(found.saving[1:], 0.5, atol=1e-12)
    np.testing.assert_allclose(found.low[1:], 0.5, atol=1e-12)
    assert found.reached.tolist() == [1.0] * 4


def test_savings_are_undefined_where_the_level_is_not_reached() -> None:
    baseline, worse = np.array([[0.5, 0.7, 0.9]] * 3), np.array([[0.5, 0.6, 0.7]] * 3)
    found = label_savings([10, 20, 30], worse, baseline)
    assert found.saving.tolist() == pytest.approx([0.0, -0.5, np.nan], nan_ok=True)
    assert found.reached.tolist() == [1.0, 1.0, 0.0]
    assert np.isnan(found.low[2])


def test_penalties_count_the_significant_differences_of_each_pair() -> None:
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 0.01, size=(3, 5, 4))
    values = noise + np.array([0.9, 0.8, 0.8])[:, None, None]
    found = penalty_matrix([values, values])
    pairs = stats.ttest_rel(values[0], values[1], axis=0).pvalue < 0.05
    assert found[0, 1] == pytest.approx(2 * pairs.mean()) == pytest.approx(2.0)
    assert found[1, 0] == 0
    assert np.diag(found).tolist() == [0, 0, 0]
    assert (penalty_matrix([values], corrected=True) <= penalty_matrix([values])).all()


def test_penalties_without_a_seed_or_strategy() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(0, 0.01, size=(2, 6, 3)) + np.array([0.9, 0.8])[:, None, None]
    partly = values.copy()
    partly[0, 5] = np.nan
    assert penalty_matrix([partly]).tolist() == penalty_matrix([values[:, :5]]).tolist()
    without = values.copy()
    without[1] = np.nan
    assert not penalty_matrix([without]).any()


def test_ranks_ties_and_agreement() -> None:
    ranks, low, high = mean_ranks([[3.0, 2.0, 1.0], [3.0, 1.0, 2.0], [np.nan, 1.0, 2.0], [2.0, 2.0, 1.0]])
    assert ranks.tolist() == pytest.approx([3.5 / 3, 6.5 / 3, 8 / 3])
    assert (low <= ranks).all()
    assert (ranks <= high).all()
    assert kendall_tau([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(2 / 3)


def test_critical_difference_of_demsars_example() -> None:
    """Demšar 2006, table 6: four variants of C4.5 on fourteen data sets; two that it ranks, but rounds alike, apart."""
    columns = """.763 .768 .771 .798 .599 .591 .590 .569 .954 .971 .968 .967 .628 .661 .654 .657 .882 .888 .886 .898
    .936 .931 .916 .931 .661 .668 .609 .685 .583 .583 .563 .625 .775 .838 .866 .875 1.0 1.0 1.0 1.0 .940 .962 .965 .962
    .619 .666 .614 .669 .972 .981 .9751 .975 .957 .978 .946 .970"""
    found = critical_difference(np.array(columns.split(), dtype=float).reshape(14, 4))
    assert found.ranks.tolist() == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    assert found.difference == pytest.approx(1.25, abs=0.01)
    assert found.cliques == [[3, 1, 2, 0]]
    with pytest.raises(ValueError, match="4 data sets"):
        critical_difference(np.eye(4))
