"""A training phase dies after each of its epochs, with early stopping, a scheduler and best weights in play."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from crash_bench import digests, run  # type: ignore[import-not-found]

from alrun.core.callback import Callback
from alrun.core.events import EpochFinished
from alrun.testing.faults import SimulatedCrash

WORDS = (
    "training.checkpoint_every=1",
    "training.max_epochs=6",
    "training.loop.patience=1",
    "training.loop.monitor=val_loss",
    "training.loop.restore_best=true",
    "+learner.scheduler._target_=torch.optim.lr_scheduler.StepLR",
    "+learner.scheduler._partial_=true",
    "+learner.scheduler.step_size=2",
    "+learner.scheduler.gamma=0.3",
    "data.validation_size=0.2",
    "metrology=acquisition",
    "budget=6",
)
#: With the higher rate epochs get worse at once; with the lower one the best comes after the rate has changed twice, by
#: a scheduler whose next rate depends on its own count of epochs.
CASES = {
    "fabric, scratch": ("training=fabric", "seed=0", "training.reset=scratch", "learner.optimizer.lr=0.2"),
    "fabric, warm": ("training=fabric", "seed=1", "training.reset=warm", "learner.optimizer.lr=0.1"),
    "trainer, shrink and perturb": (
        "training=trainer",
        "seed=1",
        "training.reset=shrink_perturb",
        "learner.optimizer.lr=0.1",
    ),
    "trainer, scratch": ("training=trainer", "seed=0", "training.reset=scratch", "learner.optimizer.lr=0.2"),
}


class Epochs(Callback):
    """Counts the epochs of a session and dies after a given one."""

    def __init__(self, last: int | None = None) -> None:
        self.seen: list[tuple[int, int]] = []
        self._last = last

    def on_train_epoch_finished(self, event: EpochFinished) -> None:
        self.seen.append((event.step, event.epoch))
        if self._last is not None and len(self.seen) > self._last:
            raise SimulatedCrash(f"epoch {event.epoch} of step {event.step}")


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_resumed_at_each_epoch(case: tuple[str, ...], fresh: Callable[[], Path]) -> None:
    words = (*case, *WORDS)
    place, epochs = fresh(), Epochs()
    assert run(place, *words, listeners=(epochs,)).info["status"] == "finished"
    expected = digests(place)
    assert {step for step, _ in epochs.seen} == {1, 2}
    assert len(epochs.seen) < 2 * 6, "early stopping did not happen"
    for last, dies_at in enumerate(epochs.seen):
        place, resumed = fresh(), Epochs()
        with pytest.raises(SimulatedCrash):
            run(place, *words, listeners=(Epochs(last),))
        assert run(place, *words, listeners=(resumed,)).info["status"] == "finished"
        assert digests(place) == expected, dies_at
        if dies_at[1] != 5:  # behind the very last epoch nothing is saved: the phase commits
            assert resumed.seen == epochs.seen[last + 1 :], "finished epochs were run again"
        assert not list(place.glob("checkpoints/*/training.epoch*")), "checkpoints inside a finished phase are left"


def test_an_epoch_that_is_damaged_is_passed_over(fresh: Callable[[], Path]) -> None:
    words = (*CASES["fabric, scratch"], *WORDS)
    place = fresh()
    run(place, *words)
    expected = digests(place)
    place = fresh()
    with pytest.raises(SimulatedCrash):
        run(place, *words, listeners=(Epochs(1),))
    (kept,) = place.glob("checkpoints/step_1/training.epoch_*/*.safetensors")
    data = bytearray(kept.read_bytes())
    data[-3] ^= 4
    kept.write_bytes(data)
    assert run(place, *words).info["status"] == "finished"
    assert digests(place) == expected
    assert "training.epoch_2 ignored" in (place / "alrun.log").read_text()
