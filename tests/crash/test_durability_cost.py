"""What a step writes goes with what is new in it, not with the pool; and a long run does not grow in memory.

``ALRUN_STEPS=1000`` runs that many steps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from command_line import Warm  # type: ignore[import-not-found]
from crash_bench import run  # type: ignore[import-not-found]

GROWTH = """
import gc, json, resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from crash_bench import run
from alrun.core.callback import Callback

class Watch(Callback):
    seen = {}
    def on_step_finished(self, event):
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        self.seen[event.step] = pages * resource.getpagesize()

words = ["data.n_samples=1600", "initial_size=2", "query_size=1", "training.max_epochs=1", "query=random"]
words += ["training.batch_size=512", "metrology=classification", "checkpoint.keep=last", f"budget={sys.argv[3]}"]
outcome = run(Path(sys.argv[2]), *words, listeners=(Watch(),))
assert outcome.info["status"] == "finished", outcome.error
print(json.dumps(Watch.seen))
"""


def bytes_a_step(place: Path) -> dict[str, int]:
    """Return the bytes of each committed phase, and of the label log."""
    sizes = {
        f"{path.parent.name}/{path.name}": sum(file.stat().st_size for file in path.iterdir())
        for path in place.glob("checkpoints/step_*/*")
    }
    return sizes | {"labels": sum(file.stat().st_size for file in (place / "labels").iterdir())}


def test_bytes_do_not_grow_with_the_pool(fresh: Callable[[], Path]) -> None:
    sizes = []
    for rows in (10_000, 1_000_000):
        place = fresh()
        run(place, "query=random", "metrology=acquisition", f"data.n_samples={rows}")
        sizes.append(bytes_a_step(place))
    small, large = sizes
    assert small.keys() == large.keys()
    # Row numbers have more digits in the larger pool, three of them a step.
    assert all(abs(large[name] - small[name]) <= 40 for name in small if name != "labels"), sizes
    assert abs(large["labels"] - small["labels"]) <= 40
    assert sum(large.values()) < 40_000


def test_memory_does_not_grow_with_the_steps(warm: Warm, fresh: Callable[[], Path], tmp_path: Path) -> None:
    """Resident memory after the last step is at most 15 MB above that after half of them."""
    steps = int(os.environ.get("ALRUN_STEPS", 160))
    ended = warm.run(tmp_path, str(Path(__file__).parent), str(fresh()), str(steps + 2), code=GROWTH)
    assert ended.code == 0, ended.err
    seen = {int(step): size / 1e6 for step, size in json.loads(ended.out.splitlines()[-1]).items()}
    half = seen[steps // 2]
    assert seen[steps] <= half + 15, f"{half:.1f} MB after half of the steps, then {seen[steps]:.1f} MB"
