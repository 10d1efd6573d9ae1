"""Published results beside alrun's own: the strategies of a paper by its protocol, with intervals and a verdict.

Runs what is missing of ``experiment=repro/NAME`` (typed again after a kill, it goes on) and prints, for each strategy,
the area under its learning curve, the mean over steps as the paper has it, with the 95% interval of its mean over seeds
beside the published mean and standard deviation. The verdict is by Welch's test of the two means from n and standard
deviations (5%, Holm over the strategies); the last line has Kendall's tau of the two orders.

    python scripts/reproduce.py three_clusters                  # 10 seeds
    python scripts/reproduce.py three_clusters --seeds 50 --dir outputs
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

import alrun
from alrun.report.statistics.paired import holm

#: Level at which a result is said to differ.
LEVEL = 0.05


@dataclass(frozen=True)
class Published:
    """What a paper says, and what is typed to have alrun do the same.

    Attributes:
        source: Where it is written.
        seeds: Number of its runs.
        words: Words beside ``experiment=repro/NAME``.
        areas: Mean and standard deviation of the area, by query strategy.
    """

    source: str
    seeds: int
    words: tuple[str, ...]
    areas: Mapping[str, tuple[float, float]]


RESULTS = {
    "three_clusters": Published(
        "CDALBench (Werner et al., NeurIPS 2024), results/auc_qs1.csv at commit 9180529, column ThreeClust",
        50,
        ("learner.optimizer._target_=torch.optim.NAdam",),
        {
            "coreset": (0.730, 0.031),
            "typiclust": (0.727, 0.033),
            "random": (0.721, 0.036),
            "margin": (0.704, 0.074),
            "entropy": (0.696, 0.083),
            "least_confidence": (0.692, 0.094),
            "badge": (0.690, 0.083),
        },
    ),
}


def run(name: str, published: Published, strategies: list[str], seeds: int, folder: Path) -> None:
    """Run what is missing."""
    words = [f"experiment=repro/{name}", *published.words, f"query={','.join(strategies)}", f"seed=range({seeds})"]
    command = [sys.executable, "-m", "alrun", "-m", *words, f"output_dir={folder}", "progress=false"]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(f"{' '.join(command)} failed")


def areas(name: str, folder: Path) -> dict[str, np.ndarray]:
    """Return the mean accuracy on the test rows over the steps of each run, by query strategy."""
    table = alrun.records(f"{folder}/{name}/*")
    table = table[(table["metric"] == "accuracy") & (table["split"] == "test")]
    found = table.groupby(["query", "seed"])["value"].mean()
    return {str(query): values.to_numpy() for query, values in found.groupby(level="query")}


def main() -> None:
    """Compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", choices=sorted(RESULTS))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--strategies", default="", help="a few of the paper's, by comma")
    parser.add_argument("--dir", type=Path, default=Path("outputs"))
    arguments = parser.parse_args()
    published = RESULTS[arguments.name]
    strategies = arguments.strategies.split(",") if arguments.strategies else list(published.areas)
    run(arguments.name, published, strategies, arguments.seeds, arguments.dir)
    ours = areas(arguments.name, arguments.dir)
    values = [ours[strategy][: arguments.seeds] for strategy in strategies]
    tests = [
        stats.ttest_ind_from_stats(
            one.mean(), one.std(ddof=1), len(one), *published.areas[strategy], published.seeds, False
        )
        for strategy, one in zip(strategies, values, strict=True)
    ]
    adjusted = holm([test.pvalue for test in tests])
    print(f"{arguments.name}: {published.source}; n = {published.seeds}")
    for strategy, one, p in zip(strategies, values, adjusted, strict=True):
        half = stats.t.ppf(0.975, len(one) - 1) * one.std(ddof=1) / len(one) ** 0.5
        mean, std = published.areas[strategy]
        verdict = "differs" if p < LEVEL else "agrees"
        print(f"{strategy:18} ours {one.mean():.3f} ± {half:.3f} (sd {one.std(ddof=1):.3f}, n = {len(one)})", end="  ")
        print(f"published {mean:.3f} (sd {std:.3f})  {verdict}, p = {p:.3f}")
    order = stats.kendalltau([one.mean() for one in values], [published.areas[name][0] for name in strategies])
    print(f"Kendall's tau of the two orders: {order.statistic:.2f} (p = {order.pvalue:.2f})")


if __name__ == "__main__":
    main()
