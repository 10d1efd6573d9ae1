"""Stopped at the beginning and at the end of each phase of each step, by death and by signal."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from command_line import Warm  # type: ignore[import-not-found]
from driver_bench import LOGGER, Answer, Hook, run  # type: ignore[import-not-found]

from alrun.core.errors import Interrupted
from alrun.core.types import Annotation
from alrun.driver.settings import Reset
from alrun.metrology.acquisition import Acquisition
from alrun.query.entropy import Entropy
from alrun.store.labels import LabelLog
from alrun.testing.faults import Crash, Faults, SimulatedCrash

PHASES = ["training", "metrology", "query", "labeling", "data_integration"]
MOMENTS = [(moment, step, phase) for step in range(3) for phase in PHASES for moment in ("started", "finished")]
MOMENTS += [(moment, 3, phase) for phase in PHASES[:2] for moment in ("started", "finished")]
#: The beginning and the end of each phase, each in one of the steps, and the last phase.
SAMPLE = [*MOMENTS[:30:3], *MOMENTS[-2:]]
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)


def content(place: Path) -> Mapping[str, str]:
    files = [path for path in place.rglob("*") if path.is_file() and path.name not in ("timing.csv", "run.json")]
    return {str(path.relative_to(place)): sha256(path.read_bytes()).hexdigest() for path in files}


def options(seed: int) -> dict[str, object]:
    reset = Reset.WARM if seed else Reset.SHRINK_PERTURB
    return {"budget": 18, "query": [Entropy(6)], "metrology": [Acquisition()], "seed": seed, "reset": reset}


@pytest.mark.parametrize("seed", [0, 1])
def test_death_at_each_phase_of_each_step(tmp_path: Path, seed: int) -> None:
    run(tmp_path / "whole", **options(seed))
    expected = content(tmp_path / "whole")
    assert len(expected) > 20
    for number, moment in enumerate(MOMENTS[seed::2] if seed else MOMENTS):

        def die(*now: object, at: object = moment) -> None:
            if now == at:
                raise SimulatedCrash(str(at))

        place = tmp_path / f"{number}"
        with pytest.raises(SimulatedCrash):
            run(place, **options(seed), callbacks=[Hook(die)])
        run(place, **options(seed))
        assert content(place) == expected, moment


def test_a_signal_in_each_phase_is_obeyed_and_the_run_goes_on_later(tmp_path: Path) -> None:
    run(tmp_path / "whole", **options(0))
    expected = content(tmp_path / "whole")
    handlers = [signal.getsignal(number) for number in SIGNALS]
    assert {moment[::2] for moment in SAMPLE} == {moment[::2] for moment in MOMENTS}
    for number, moment in enumerate(SAMPLE):
        chosen, place = SIGNALS[number % 4], tmp_path / f"{number}"
        held: list[object] = []

        def send(*now: object, at: object = moment, which: int = chosen, seen: list[object] = held) -> None:
            if now == at:
                os.kill(os.getpid(), which)
                seen += [signal.getsignal(number) for number in SIGNALS]

        if moment in MOMENTS[-2:]:  # the last phase: what is left is to finish
            run(place, **options(0), callbacks=[Hook(send)])
        else:
            with pytest.raises(Interrupted) as caught:
                run(place, **options(0), callbacks=[Hook(send)])
            assert caught.value.exit_code == 128 + chosen
        assert set(held) == {signal.SIG_DFL}, "a second signal must end the process at once"
        assert [signal.getsignal(number) for number in SIGNALS] == handlers
        run(place, **options(0))
        assert content(place) == expected, moment


def test_no_label_is_bought_twice_and_none_is_lost(tmp_path: Path) -> None:
    """The process dies after each single answer; the next session asks for the others alone."""
    asked: list[int] = []

    def answer(item: int, truth: int) -> Annotation:
        asked.append(item)
        if len(asked) % 2 == 0:
            raise SimulatedCrash("before the answer")
        return Annotation(item, truth)

    sessions = 0
    while True:
        sessions += 1
        try:
            driver = run(tmp_path / "cut", **options(0), label=Answer(answer))
        except SimulatedCrash:
            asked.pop()
            asked.append(-1)
            continue
        break
    bought = [item for item in asked if item >= 0]
    assert sessions > 10
    assert len(bought) == len(set(bought)) == driver.labels_bought == 18
    run(tmp_path / "whole", **options(0), label=Answer(lambda item, truth: Annotation(item, truth)))
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


def test_an_answer_on_disk_is_never_asked_for_again_wherever_the_process_dies(tmp_path: Path) -> None:
    def session(place: Path) -> Sequence[int]:
        label = Answer(lambda item, truth: Annotation(item, truth))
        with suppress(SimulatedCrash):
            run(place, **options(0), label=label)
        asked: Sequence[int] = label.asked
        return asked

    with Faults(tmp_path / "whole") as watch:
        session(tmp_path / "whole")
    expected = content(tmp_path / "whole")
    points = range(next(i for i, (_, path) in enumerate(watch.trace) if "labels" in path), watch.count, 9)
    assert len(points) > 12
    for point in points:
        place = tmp_path / f"{point}"
        with Faults(place, Crash(point, half=point % 2 == 0)):
            asked = session(place)
        log = LabelLog(place / "labels", LOGGER)
        log.close()
        on_disk = {answer.item for step in range(3) for answer in log.answers(step).values()}
        again = session(place)
        assert not on_disk & set(again), point
        assert len(asked) + len(again) <= 18 + 1, point
        assert content(place) == expected, point


class Remembering(Answer):
    """Keeps count of its answers, and answers by it."""

    def __init__(self) -> None:
        super().__init__(lambda item, truth: Annotation(item, (truth + len(self.asked)) % 2))

    def state_dict(self) -> dict[str, object]:
        return {"asked": list(self.asked)}

    def load_state_dict(self, state: Mapping[str, list[int]]) -> None:
        self.asked = list(state["asked"])


def test_what_strategies_remember_outlives_death_at_each_phase(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole", **options(0), label=Remembering())
    expected = content(tmp_path / "whole")
    for number, moment in enumerate(MOMENTS[1::2]):

        def die(*now: object, at: object = moment) -> None:
            if now == at:
                raise SimulatedCrash(str(at))

        place = tmp_path / f"{number}"
        with pytest.raises(SimulatedCrash):
            run(place, **options(0), callbacks=[Hook(die)], label=Remembering())
        driver = run(place, **options(0), label=Remembering())
        assert driver.label_strategy.asked == whole.label_strategy.asked
        assert content(place) == expected, moment


SECOND = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from command_line import Warm  # type: ignore[import-not-found]
from driver_bench import Hook, run

def twice(*now):
    if now == ("started", 1, "query"):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("still here")

run(Path(sys.argv[2]), callbacks=[Hook(twice)])
"""


def test_a_second_signal_ends_the_process_at_once_and_the_run_goes_on_later(warm: Warm, tmp_path: Path) -> None:
    ended = warm.run(tmp_path, str(Path(__file__).parents[1]), str(tmp_path / "cut"), code=SECOND)
    assert ended.code == -signal.SIGTERM, ended
    run(tmp_path / "cut")
    run(tmp_path / "whole")
    assert content(tmp_path / "cut") == content(tmp_path / "whole")
