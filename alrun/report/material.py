"""Material of a report: the study, ranks under other metrics, records, picks and times of the runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alrun.core.settings import EVERY
from alrun.report.believed import Beliefs, beliefs
from alrun.report.load import Records, described_runs
from alrun.report.maps import PoolMaps, pool_maps
from alrun.report.results import picks_of, records_of, timing_of
from alrun.report.runs import Run
from alrun.report.score_bins import score_bins
from alrun.report.stored import stored_records
from alrun.report.study import Study, metric_ranks

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Material", "gather"]

#: How metrics begin that are parts of one.
PARTS = ("count_", "recall_", "confidence_", "correct_", "share_")


@dataclass(frozen=True)
class Material:
    """All that a report is made from.

    Attributes:
        study: The metric that is compared.
        others: ``Study.ranks`` of each other metric.
        runs: The runs, as many as ``configs``.
        configs: Keys of each run's config, dotted.
        left_out: Runs that are no part of it: unfinished or unreadable.
        records: All records, with the columns ``query`` and ``seed``.
        picks: All acquisitions, with the columns ``run``, ``query`` and ``seed``.
        timing: Seconds of all phases, with the columns ``run`` and ``query``.
        maps: Maps of the pool, where some run has one.
        scores: Histograms of scores, as of ``score_bins``.
        beliefs: What was believed of the samples, by strategy, with ``seed``.
        seed: The seed whose samples are shown: that of the maps, or else the lowest.
        damaged: Why tables of picks or timing cannot be read.
    """

    study: Study
    others: Mapping[str, pd.DataFrame]
    runs: Sequence[Run]
    configs: Sequence[Mapping[str, Any]]
    left_out: Sequence[Run]
    records: pd.DataFrame
    picks: pd.DataFrame
    timing: pd.DataFrame
    maps: PoolMaps | None
    scores: pd.DataFrame
    beliefs: Mapping[str, Beliefs]
    seed: int
    damaged: Sequence[str]

    @property
    def with_curves(self) -> list[tuple[Run, Mapping[str, Any]]]:
        """The runs and their configs, without those that begin with all labels: ceilings."""
        each = zip(self.runs, self.configs, strict=True)
        return [(run, config) for run, config in each if config.get("initial_size") != EVERY]


def gather(records: Records, study: Study, runs: Sequence[Run], *, ranked: bool = True) -> Material:
    """Return the material of a report on ``records``.

    Args:
        records: The records that are compared.
        study: Of the metric.
        runs: All runs that were found.
        ranked: With the ranks under other metrics, which a single run has not.
    """
    damaged: list[str] = []
    compared = {run.path for run in records.runs}
    names = sorted(name for name in records.metrics if ranked and not name.startswith(PARTS))
    alone = len(study.conditions) == 1
    stored = [stored_records(run) for run in records.runs] if alone else []
    described = described_runs(records.runs, records.configs)[: len(stored)]
    seeds, strategies = described["seed"].tolist(), described["query"].tolist()
    maps = pool_maps(seeds, strategies, stored)
    shown = min(seeds, default=0) if maps is None else maps.seed
    others = {name: metric_ranks(records, name) for name in names if name != study.metric}
    return Material(
        study=study,
        others=others,
        runs=records.runs,
        configs=records.configs,
        left_out=[run for run in runs if run.path not in compared],
        records=records_of(records.runs),
        picks=picks_of(records.runs, damaged),
        timing=timing_of(records.runs, damaged),
        maps=maps,
        scores=score_bins(strategies, stored),
        beliefs={
            name: beliefs(one) for seed, name, one in zip(seeds, strategies, stored, strict=True) if seed == shown
        },
        seed=shown,
        damaged=damaged,
    )
