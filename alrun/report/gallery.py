"""Gallery of the samples picked: a picture where the run keeps some, score, rank, label, and what was believed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alrun.core.showing import printable
from alrun.report.believed import Beliefs
from alrun.report.page.section import Card, Gallery
from alrun.report.picked import score_ranks

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["galleries"]

#: Samples of all strategies and of one, steps that they are of, and characters of all pictures.
MOST, MOST_EACH, MOST_STEPS, MOST_CHARACTERS = 240, 24, 8, 600_000
LONGEST = 60


def galleries(
    picks: pd.DataFrame, strategies: Sequence[str], pictures: Mapping[str, Mapping[int, str]],
    believed: Mapping[str, Beliefs],
) -> list[Gallery]:  # fmt: skip
    """Return a gallery a strategy: the samples of the highest ranks in steps that are spread over the run.

    Args:
        picks: Acquisitions of the runs of one seed, with the columns ``query`` and ``seed``.
        strategies: In the order of the page.
        pictures: PNG in base64, by strategy and row of the source.
        believed: By strategy.
    """
    chosen = picks[picks["step"] > 0]
    named = [(name, chosen[chosen["query"] == name]) for name in strategies]
    filled = [(name, table) for name, table in named if len(table)]
    each = max(1, min(MOST_EACH, MOST // max(1, len(filled))))
    left = MOST_CHARACTERS
    found: list[Gallery] = []
    for name, table in filled:
        about = _About(pictures.get(name, {}), believed.get(name, {}))
        gallery = _gallery(name, table, about, each, left // (len(filled) - len(found)))
        left -= sum(len(card.picture) for card in gallery.cards)
        found.append(gallery)
    return found


@dataclass(frozen=True)
class _About:
    """What is known of the samples of one strategy."""

    pictures: Mapping[int, str]
    beliefs: Beliefs


def _gallery(name: str, table: pd.DataFrame, about: _About, most: int, room: int) -> Gallery:
    steps = sorted(set(table["step"]))
    spread = [steps[number * (len(steps) - 1) // max(1, MOST_STEPS - 1)] for number in range(MOST_STEPS)]
    of_steps = sorted(set(spread))
    ranked = table.assign(rank=score_ranks(table)).sort_values(["step", "rank", "order"], kind="stable")
    best = ranked[ranked["step"].isin(of_steps)].groupby("step").head(max(1, most // len(of_steps)))
    cards = list(_cards(best, about, room))
    seed = int(table["seed"].iloc[0])
    more = len(table) - len(cards)
    told = f"{printable(name, LONGEST)}: {len(cards)} of the {len(table)} samples bought with seed {seed}"
    first = "the highest ranks" if table["score"].notna().any() else "the first"
    rest = f", {first} of {len(of_steps)} steps; {more} more are in acquisitions.parquet" if more else ""
    return Gallery(name, f"{told}{rest}.", cards)


def _cards(table: pd.DataFrame, about: _About, room: int) -> Iterator[Card]:
    """Yield a card for each row, until the pictures take more than there is room for."""
    names = ("step", "index", "uuid", "score", "rank", "label")
    for step, index, uuid, score, rank, label in zip(*(table[name] for name in names), strict=True):
        row = int(index) if index == index else -1
        picture = about.pictures.get(row, "")
        room -= len(picture)
        if room < 0:
            return
        shown = printable(f"row {row}" if row >= 0 else str(uuid), LONGEST)
        before, after = about.beliefs.get((int(step), row), ("", ""))
        facts = {
            "label": printable(str(label), LONGEST) if label == label and label is not None else "",
            "step": str(step),
            "rank": f"{rank:.0f}" if rank == rank else "",
            "score": f"{score:.4g}" if score == score else "",
            "before": before,
            "after": after,
        }
        yield Card(shown, picture, [(key, text) for key, text in facts.items() if text])
