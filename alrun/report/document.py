"""The report as a list of sections: what the page shows, and in which order."""

from __future__ import annotations

from typing import Any

from alrun.core.showing import printable
from alrun.report import summary
from alrun.report.charts.chart import Chart
from alrun.report.charts.durations import phase_seconds, phase_times
from alrun.report.charts.effects import area_differences, savings_curves
from alrun.report.charts.histograms import score_histograms
from alrun.report.charts.learning import learning_curves
from alrun.report.charts.maps import pool_map
from alrun.report.charts.picks import batch_distances, class_balance, pick_overlap, score_curves
from alrun.report.charts.quality import class_recall, reliability_diagram
from alrun.report.charts.standings import critical_differences, mean_ranks, penalty_matrix
from alrun.report.checklist import MET, checklist
from alrun.report.costs import against_cost, against_time
from alrun.report.gallery import galleries
from alrun.report.material import Material
from alrun.report.measured import class_recalls, reliability_curves
from alrun.report.page.section import Section, TextTable, text_table
from alrun.report.picked import batch_spread, class_shares, overlap, pick_scores
from alrun.report.study import Study

__all__ = ["sections", "sections_of_one"]

#: Numbers of labels at which classes of picks are shown.
MOST_COUNTS = 40
#: Said of samples.
RANKS = "Rank 1 has the highest score of its step."
BELIEFS = (
    "Before the label was bought, and after the learner was trained on it: its most probable class · the probability "
    "that it gave to the label; of a regression, the mean of what it predicted."
)
#: Said in place of charts that mix up units or classes of several experiments.
ONE_ALONE = "Shown of one experiment alone: alrun report of the runs of one, for example of one data set."


def sections(material: Material) -> list[Section]:
    """Return the sections; one that has nothing to show is left out."""
    study = material.study
    found = [
        Section("areas", "Results", _results(study), [_summary(study)]),
        _curves(material),
        _differences(study),
        _standings(material),
        _quality(material),
        _picked(material),
        _samples(material),
        _time(material),
        _believable(material),
        _runs(material),
        Section("methods", "How this was computed", _methods(study)),
    ]
    return [section for section in found if section.charts or section.tables or section.paragraphs]


def sections_of_one(material: Material) -> list[Section]:
    """Return the sections that say something of a single run; one that has nothing to show is left out."""
    return [section for section in (_quality(material), _picked(material), _time(material)) if section.charts]


def _results(study: Study) -> list[str]:
    texts = []
    if len(study.conditions) > 1:
        texts.append(
            f"The runs differ in {', '.join(study.differing)}: they are {len(study.conditions)} experiments, and "
            "strategies are compared within each of them alone."
        )
    if study.undefined:
        texts.append(f"Left out: {study.undefined} recorded values of {study.metric} that are not finite.")
    if len(study.missing):
        rows = study.missing.to_dict("records")
        shown = ", ".join(f"{row['strategy']} seed {row['seed']}" for row in rows[:20])
        texts.append(f"Missing: {shown}{' …' if len(rows) > 20 else ''}.")
    return texts


def _summary(study: Study) -> TextTable:
    direction = {True: "higher is better", False: "lower is better", None: "neither direction is better"}
    caption = (
        f"{study.metric} ({direction[study.higher_is_better]}): mean [95 % interval] over seeds; p-values with Holm."
    )
    return text_table(summary.readable(study), caption)


def _curves(material: Material) -> Section:
    charts = _by_condition(material.study, learning_curves, "curves")
    for against, name in ((against_cost, "cost"), (against_time, "annotation_time")):
        moved = against(material.study, material.picks)
        charts += _by_condition(moved, learning_curves, name) if moved else []
    return Section("curves", "Learning curves", charts=charts)


def _by_condition(study: Study, chart: Any, name: str) -> list[Chart]:
    several = len(study.conditions) > 1
    charts = []
    for number, condition in enumerate(study.conditions):
        one: Chart = chart(study, condition, f"{name}_{number + 1}" if several else name)
        charts.append(
            Chart(one.name, f"{one.title} · {condition}", one.caption, one.spec, one.data) if several else one
        )
    return charts


def _differences(study: Study) -> Section:
    if not study.baseline or not len(study.differences):
        return Section("differences", "Against the baseline")
    charts = _by_condition(study, area_differences, "differences")
    if len(study.savings):
        charts += _by_condition(study, savings_curves, "savings")
    return Section("differences", "Against the baseline", charts=charts)


def _standings(material: Material) -> Section:
    study = material.study
    charts = [penalty_matrix(study, "penalties")] if len(study.penalties) else []
    charts += [mean_ranks(study, "ranks")] if len(study.ranks) else []
    charts += [critical_differences(study, "critical")] if len(study.critical) else []
    return Section("standings", "Standings", tables=_agreement(material), charts=charts)


def _agreement(material: Material) -> list[TextTable]:
    """Return Kendall's τ between the ranks of strategies under this metric and under each other one."""
    from alrun.report.statistics.ranks import kendall_tau

    rows = []
    for metric, theirs in material.others.items():
        ranks = material.study.ranks.merge(theirs, on="strategy")
        if len(ranks) > 1:
            rows.append([metric, str(len(ranks)), f"{kendall_tau(ranks['rank_x'], ranks['rank_y']):+.2f}"])
    caption = f"Agreement of the ranks under {material.study.metric} with those under other metrics (Kendall's tau)."
    return [TextTable(caption, ["metric", "strategies", "tau"], rows)] if rows else []


def _quality(material: Material) -> Section:
    """Return reliability and recalls, as far as the runs have recorded them."""
    study = material.study
    if len(study.conditions) > 1:
        return Section("quality", "Calibration and classes", [ONE_ALONE])
    curves, recalls = reliability_curves(material.records), class_recalls(material.records)
    charts = [reliability_diagram(curves, study, "reliability")] if len(curves) else []
    charts += [class_recall(recalls, study.strategies, "recall")] if len(recalls) else []
    return Section("quality", "Calibration and classes", charts=charts)


def _picked(material: Material) -> Section:
    if len(material.study.conditions) > 1:
        return Section("picks", "What was picked", [ONE_ALONE])
    strategies, baseline = material.study.strategies, material.study.baseline
    charts = _picked_classes(material) if len(material.picks) else []
    spread, scores = batch_spread(material.records), pick_scores(material.records)
    if len(spread):
        charts.append(batch_distances(spread, strategies, baseline, "spread"))
    if len(scores):
        charts.append(score_curves(scores, strategies, "scores"))
    if len(material.scores):
        charts.append(score_histograms(material.scores, strategies, "histograms"))
    if material.maps is not None and len(material.maps.picks):
        charts.append(pool_map(material.maps, strategies, baseline, "map"))
    return Section("picks", "What was picked", charts=charts)


def _samples(material: Material) -> Section:
    """Return the samples of one seed: those of the highest ranks."""
    picks, maps = material.picks, material.maps
    if len(material.study.conditions) > 1 or not len(picks):
        return Section("samples", "Samples picked")
    pictures: dict[str, dict[int, str]] = {}
    known = [maps.picks[name].tolist() for name in ("strategy", "index", "thumbnail")] if maps is not None else []
    for strategy, row, thumbnail in zip(*known, strict=True):
        pictures.setdefault(strategy, {})[row] = thumbnail
    of_seed = picks[picks["seed"] == material.seed]
    found = galleries(of_seed, material.study.strategies, pictures, material.beliefs)
    told = [RANKS, BELIEFS] if any(material.beliefs.values()) else [RANKS]
    return Section("samples", "Samples picked", told if found else [], galleries=found)


def _picked_classes(material: Material) -> list[Chart]:
    """Return the classes of what was picked, and the overlap between strategies."""
    strategies, baseline, charts = material.study.strategies, material.study.baseline, []
    shares = class_shares(material.picks, baseline)
    if len(shares):
        counts = sorted(set(shares["labels"]))
        kept = counts[:: -(-len(counts) // MOST_COUNTS)]
        charts.append(
            class_balance(shares[shares["labels"].isin(kept)], strategies, material.study.baseline, "classes")
        )
    common = overlap(material.picks)
    if len(common):
        charts.append(pick_overlap(common, strategies, "overlap"))
    return charts


def _time(material: Material) -> Section:
    if not len(material.timing) or not len(material.picks):
        return Section("time", "Time and cost")
    seconds = phase_seconds(material.timing)
    whole = material.picks.groupby(["query", "run"])[["cost", "seconds"]].sum(min_count=1)
    table = whole.groupby("query").mean().rename_axis("strategy").dropna(axis="columns", how="all").reset_index()
    table = table.rename(columns={"cost": "cost per run", "seconds": "annotation time per run (s)"})
    return Section(
        "time", "Time and cost", tables=[text_table(table, "What the labels cost.")],
        charts=[phase_times(seconds, material.study.strategies, "time")],
    )  # fmt: skip


def _believable(material: Material) -> Section:
    checks = checklist(material)
    rows = [[check.name, check.state, check.found] for check in checks]
    met = sum(check.state == MET for check in checks)
    marks = [(check.section, check.state.replace(" ", "-")) for check in checks]
    table = TextTable(f"{met} of {len(checks)} points are met.", ["point", "state", "found"], rows, marks)
    return Section("believe", "Can it be believed?", tables=[table])


def _runs(material: Material) -> Section:
    rows = [
        [printable(str(run.path)), run.status, str(run.labels), str(run.budget), printable(run.reason)]
        for run in [*material.runs, *material.left_out]
    ]
    caption = f"Runs compared: {len(material.runs)}; left out: {len(material.left_out)}."
    table = TextTable(caption, ["directory", "status", "labels", "budget", "why it ended"], rows)
    return Section("runs", "Runs", [printable(f"Damaged: {why}") for why in material.damaged], [table])


def _methods(study: Study) -> list[str]:
    texts = [
        "Runs are grouped by everything but the seed. Curves are means over seeds with 95 % intervals of the mean: "
        "Student's t under ten seeds, from ten on the percentile bootstrap with 9,999 samples. The area is the mean "
        "height of a curve over the labels that all curves of the experiment cover (trapezoid rule).",
    ]
    if study.baseline:
        texts.append(
            f"Areas are compared with those of {study.baseline} seed by seed: runs of one seed share split, first "
            "labels, first weights and shuffles. p-values are two-sided, of the paired t-test and of Wilcoxon's "
            "signed-rank test, corrected over the strategies of an experiment (Holm 1979). The effect size is the mean "
            "difference over the standard deviation of the differences. Labels saved are read off mean curves, at the "
            "levels that the baseline reaches; their intervals resample pairs of seeds.",
        )
    return texts
