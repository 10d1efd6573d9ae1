"""Histograms of scores, beliefs and the gallery of samples, as the report makes them of what runs have stored."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alrun.report.believed import beliefs
from alrun.report.charts.histograms import MOST_BARS, score_histograms
from alrun.report.gallery import MOST_CHARACTERS, MOST_EACH, galleries
from alrun.report.maps import PNG
from alrun.report.page.page import content, templates
from alrun.report.page.section import Section
from alrun.report.score_bins import score_bins
from alrun.report.stored import Stored

SCORES = {
    "step": 1,
    "labels": 40,
    "strategy": "margin",
    "start": -1.0,
    "width": 0.25,
    "pool": [3, 0, 1],
    "picks": [0, 0, 1],
}
BELIEF = {"predicted": [3, 5], "probability": [0.25, 1]}
BELIEFS = {"step": 1, "labels": 40, "index": [7, 4], "label": [3, 3], "before": None, "after": BELIEF}


def stored(**kinds: Any) -> Stored:
    return {kind: kinds.get(kind, []) for kind in ("pool", "picks", "scores", "beliefs")}


def test_seeds_are_added_up_in_the_widest_bins() -> None:
    """Against the scores themselves, in odd numbers of bins, and some that begin at odd places."""
    rng = np.random.default_rng(0)
    each = {0.25: rng.uniform(-0.75, 3, 100), 0.0625: rng.uniform(-0.0625, 1, 50), 0.5: rng.uniform(-1, 5, 30)}
    runs = []
    for width, values in each.items():
        first, last = int(np.floor(values.min() / width)), int(np.floor(values.max() / width))
        counts = np.histogram(values, bins=np.arange(first, last + 2) * width)[0].tolist()
        runs.append(
            stored(scores=[{**SCORES, "start": first * width, "width": width, "pool": counts, "picks": counts}])
        )
    found = score_bins(["margin"] * 3, runs)
    everything = np.concatenate(list(each.values()))
    for of in ("pool", "picks"):
        part = found[found["of"] == of]
        assert (part["end"] - part["start"] == 0.5).all()
        for start, end, share in zip(part["start"], part["end"], part["share"], strict=True):
            assert share == pytest.approx(((everything >= start) & (everything < end)).mean(), abs=1e-12)
        assert part["share"].sum() == pytest.approx(1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"width": 0.3}, {"width": 0}, {"width": -0.25}, {"width": "0.25"}, {"width": None}, {"start": 1e300},
        {"pool": [1]}, {"labels": 2**70},
        {"pool": [-1, 1, 1]}, {"pool": [0, 0, 0]}, {"picks": None}, {"pool": [float("nan"), 1, 1]}, {"labels": "40"},
        {"step": None}, {"pool": [1] * 101, "picks": [1] * 101},
    ],
)  # fmt: skip
def test_histograms_that_make_no_sense_are_left_out(wrong: Mapping[str, Any]) -> None:
    assert score_bins(["margin"], [stored(scores=[{**SCORES, **wrong}])]).empty


def test_of_several_strategies_in_a_step_the_first_is_shown() -> None:
    other = {**SCORES, "strategy": "entropy", "start": 100.0}
    found = score_bins(["margin+entropy"], [stored(scores=[SCORES, other, {**other, "step": 2, "labels": 60}])])
    assert sorted(set(found["labels"])) == [40, 60]
    assert found.loc[found["labels"] == 40, "start"].max() < 0


def test_a_chart_of_many_steps_keeps_the_last_and_stays_small() -> None:
    many = [
        {**SCORES, "step": step, "labels": 20 * step, "pool": [1] * 40, "picks": [1] * 40} for step in range(1, 301)
    ]
    chart = score_histograms(score_bins(["margin"], [stored(scores=many)]), ["margin"], "histograms")
    assert len(chart.data) <= MOST_BARS
    assert chart.data["labels"].max() == 6000
    assert chart.spec["usermeta"]["labels"][-1] == 6000


@pytest.mark.parametrize(
    "wrong",
    [
        {"step": "1"}, {"index": [7]}, {"index": [[7], 4]}, {"after": None}, {"after": {"predicted": ["<b>", 1]}},
        {"before": [1]}, {"after": {**BELIEF, "probability": [0.1]}},
        {"after": {**BELIEF, "predicted": [float("inf"), 1]}},
    ],
)  # fmt: skip
def test_beliefs_that_make_no_sense_are_left_out(wrong: Mapping[str, Any]) -> None:
    assert beliefs(stored(beliefs=[{**BELIEFS, **wrong}])) == {}


def picks(count: int, **more: Any) -> pd.DataFrame:
    rows = [
        {"query": "margin", "seed": 3, "run": "r", "step": step, "order": order, "index": 10 * step + order, "uuid": "",
         "score": float(order), "strategy": "margin", "label": str(order), **more}
        for step in range(count) for order in range(10)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_a_gallery_has_the_highest_ranks_of_steps_over_the_whole_run() -> None:
    known = beliefs(stored(beliefs=[{**BELIEFS, "index": [19, 18]}]))
    (gallery,) = galleries(picks(30), ["margin"], {}, {"margin": known})
    assert len(gallery.cards) == MOST_EACH
    facts = [dict(card.facts) for card in gallery.cards]
    assert [one["step"] for one in facts[::3]] == ["1", "5", "9", "13", "17", "21", "25", "29"]
    assert [one["rank"] for one in facts[:3]] == ["1", "2", "3"]
    assert facts[0] == {"label": "9", "step": "1", "rank": "1", "score": "9", "after": "3 · 25.0%"}
    assert "24 of the 290 samples bought with seed 3" in gallery.caption
    assert "266 more are in acquisitions.parquet" in gallery.caption


def test_pictures_stay_within_their_room_and_what_is_left_out_is_said() -> None:
    picture = base64.b64encode(PNG + bytes(27_000)).decode()
    each = [f"s{number}" for number in range(6)]
    table = pd.concat([picks(30).assign(query=name) for name in each])
    found = galleries(table, each, {name: dict.fromkeys(range(300), picture) for name in each}, {})
    assert sum(len(card.picture) for one in found for card in one.cards) <= MOST_CHARACTERS
    assert all(one.cards for one in found)
    assert all(f"{len(one.cards)} of the 290" in one.caption and "more are in" in one.caption for one in found)


def test_text_in_a_gallery_runs_nothing() -> None:
    hostile = "<script>alert(1)</script>\x1b[2J"
    table = picks(3, label=hostile, uuid=hostile).assign(query=hostile)
    table["index"] = float("nan")
    found = galleries(table, [hostile], {}, {})
    text = templates().get_template("page.html").render(**content("t", "", [Section("a", "b", ["c"], galleries=found)]))
    body = text.partition("</style>")[2].rpartition('<script type="application/json"')[0]
    assert "alert(1)" in body
    assert "<script" not in body
    assert "\x1b" not in text
