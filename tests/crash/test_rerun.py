"""R8: a run is done anew on the labels that were bought, wherever the process dies; no label is bought twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from command_line import results  # type: ignore[import-not-found]
from crash_bench import WORDS, digests, run  # type: ignore[import-not-found]

from alrun.cli.main import main
from alrun.core.errors import IdentityMismatch
from alrun.core.request import Request
from alrun.core.types import Annotation, LabelStatus
from alrun.driver.recorded import subject
from alrun.label.oracle import Oracle
from alrun.query.entropy import Entropy
from alrun.runner.verify import verify
from alrun.store.audit import read_labels
from alrun.store.recorded import RecordedLabels
from alrun.store.rundir import RunDirectory
from alrun.testing.faults import Crash, Faults, SimulatedCrash


@pytest.fixture
def bought(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the label strategy is asked for, in order; it charges by the number of the purchase."""
    asked: list[Any] = []
    answer = Oracle.answer

    def spied(self: Oracle, items: list[Any]) -> list[Annotation]:
        asked.extend(items)
        return answer(self, items)

    monkeypatch.setattr(Oracle, "answer", spied)
    return asked


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entropy chooses otherwise, and says so: the most certain rows."""
    score = Entropy.score
    monkeypatch.setattr(Entropy, "score", lambda self, prediction: -score(self, prediction))
    monkeypatch.setattr(Entropy, "__algorithm__", 2, raising=False)


def labels(place: Path) -> dict[int, Annotation]:
    book = read_labels(RunDirectory(place)).book
    return {one.item: one for step in book.steps for one in book.answers(step).values()}


def rerun(place: Path, *words: str) -> int:
    return main(["rerun", str(place), *words])


def test_the_same_again_buys_nothing_and_comes_to_the_same_bytes(
    copied: Callable[..., Path], bought: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    place = copied()
    before, expected = digests(place), labels(place)
    bought.clear()
    assert rerun(place) == 0
    assert bought == []
    assert digests(place) == before
    assert labels(place) == expected
    aside = place.with_name("run.aside-1")
    assert digests(aside) == before
    assert "9 labels are on record" in capsys.readouterr().err
    assert RunDirectory(place).info()["rerun"]["origin"] == "run.aside-1"
    assert verify(place).holds
    assert rerun(place) == 0, "again: it is done"
    assert not place.with_name("run.aside-2").exists()


def test_other_algorithms_keep_what_they_can(
    copied: Callable[..., Path], bought: list[Any], newer: None, capsys: pytest.CaptureFixture[str]
) -> None:
    place = copied()
    before = labels(place)
    with pytest.raises(IdentityMismatch, match=r"query\.entropy: .*") as caught:
        run(place, "budget=12")
    hint = re.search(r"alrun (rerun \S+) keeps the labels", str(caught.value))
    assert hint is not None
    bought.clear()
    assert main(hint[1].split()) == 0
    after = labels(place)
    assert len(after) == 9
    assert sorted(bought) == sorted(after.keys() - before.keys())
    assert 0 < len(bought) <= 6
    bought.clear()
    assert run(place, "budget=12").info["labels"] == 12
    assert not set(bought) & (before.keys() | after.keys())
    assert verify(place).holds


def test_with_other_settings_it_lies_beside(copied: Callable[..., Path], bought: list[Any]) -> None:
    place = copied()
    before = labels(place)
    bought.clear()
    assert rerun(place, "learner.dropout=0.3") == 0
    (beside,) = [path for path in place.parent.iterdir() if path != place and path.is_dir()]
    assert RunDirectory(beside).info()["rerun"]["origin"] == "run"
    assert sorted(bought) == sorted(labels(beside).keys() - before.keys())
    assert labels(place) == before
    bought.clear()
    assert rerun(place, "learner.dropout=0.3") == 0
    assert bought == []


def test_it_dies_anywhere(
    copied: Callable[..., Path], fresh: Callable[[], Path], bought: list[Any], newer: None
) -> None:
    whole = copied()
    owned = labels(whole).keys()
    with Faults(whole.parent) as watch:
        assert rerun(whole) == 0
    needed = sorted(labels(whole).keys() - owned)
    installed = next(n for n, (call, path) in enumerate(watch.trace) if call == "rename" and path.endswith(".prepared"))
    points = [*range(0, installed - 3, 7), *range(installed - 3, installed + 3), *range(installed + 3, watch.count, 97)]
    for number, point in enumerate(points):
        place = copied()
        bought.clear()
        with suppress(SimulatedCrash), Faults(place.parent, Crash(point, number % 2 == 1, number % 3 == 0)):
            rerun(place)
        command = ["rerun", "resume"][number % 2]
        code = main([command, str(place)])
        if "rerun" not in RunDirectory(place).info():  # it died before the new run was in place
            assert point <= installed
            code = rerun(place)
        assert code == 0, watch.trace[point]
        assert digests(place) == digests(whole), watch.trace[point]
        assert results(place) == results(whole)
        assert set(bought) == set(needed)
        assert len(bought) <= len(needed) + 3, "asked and not acknowledged, at most one batch"
        assert verify(place).holds


def test_typing_the_command_that_began_the_run_finds_the_rerun(
    copied: Callable[..., Path], bought: list[Any], newer: None
) -> None:
    """Also where the process died between setting the old one aside and putting the new one in its place."""
    place = copied()
    owned = labels(place)
    with Faults(place.parent) as watch:
        assert rerun(place) == 0
    (last,) = [n for n, (call, path) in enumerate(watch.trace) if call == "rename" and path.endswith(".prepared")]
    place = copied()
    with suppress(SimulatedCrash), Faults(place.parent, Crash(last)):
        rerun(place)
    assert not place.exists()
    bought.clear()
    run(place)
    assert not set(bought) & owned.keys()
    assert len(labels(place)) == 9


def test_damaged_records_are_not_bought_again(copied: Callable[..., Path], bought: list[Any]) -> None:
    place = copied()
    assert rerun(place, "budget=3") == 0
    before, path = labels(place.with_name("run.aside-1")), place / "recorded" / "labels.jsonl"
    content = path.read_bytes()
    bought.clear()
    for damage in (content[:-9], content.replace(b"labelled", b"lapelled", 1), b""):
        path.write_bytes(damage)
        with pytest.raises(IdentityMismatch, match="recorded labels are not what was copied"):
            run(place)
        assert not verify(place).holds
    assert rerun(place) == 0
    assert bought == []
    assert RunDirectory(place).info()["labels"] == 3
    assert run(place).info["labels"] == 9
    assert bought == []
    assert labels(place) == before


def test_changed_data_are_matched_by_uuid_or_not_at_all(
    fresh: Callable[[], Path], bought: list[Any], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Rows of a table have no names: they are only matched for who says that they are the same."""
    lines = ["a,b,y", *(f"{n % 7},{n * 0.1:.3f},{n % 2}" for n in range(60))]
    path = tmp_path / "own.csv"
    path.write_text("\n".join(lines))
    words = [*WORDS[2:], "data=table", f"data.path={path}", "data.target=y", f"output_dir={tmp_path}/out"]
    assert main(words) == 0
    (place,) = (tmp_path / "out").glob("*/*/")
    before = labels(place)
    path.write_text("\n".join(lines).replace("0,0.700", "0,0.701"))
    assert main(["resume", str(place), "budget=12"]) == 2
    assert "--same-rows" not in (told := capsys.readouterr().err)
    assert f"alrun rerun {place} keeps the labels" in told
    assert rerun(place) == 2
    hint = re.search(r"alrun (rerun \S+ --same-rows)", capsys.readouterr().err)
    assert hint is not None
    assert labels(place) == before
    bought.clear()
    assert main(hint[1].split()) == 0
    assert not set(bought) & before.keys()
    assert verify(place).holds


def recorded(directory: Path, *annotations: Annotation) -> RecordedLabels:
    import logging

    from alrun.store.recorded import record_labels

    record_labels(directory, annotations, logging.getLogger("alrun.testing"))
    return RecordedLabels(directory)


@pytest.fixture
def subjects() -> list[Any]:
    import torch

    point = torch.tensor([0.5, float("nan")])
    return [3, "3", (3, "size"), (3, "3"), ("uuid", "3"), (("uuid", "3"), "size"), point, point.double(), point[None]]


def test_what_is_known_by_what(tmp_path: Path, subjects: list[Any]) -> None:
    labels = recorded(tmp_path / "one", *(Annotation(one, n, f"by {n}", n / 2) for n, one in enumerate(subjects)))
    for number, one in enumerate(subjects):
        answer = labels.answers([(7, [one])], [])[7]
        assert (answer.target, answer.annotator, answer.cost) == (
            number,
            f"by {number}",
            number / 2,
        )
        assert answer.status is LabelStatus.LABELLED
    assert labels.answers([(0, [4]), (1, [(3, "none")]), (2, [subject(Request(4, "size"), "4")])], []) == {}
    assert {order: one.target for order, one in labels.answers([(7, [7, subject(Request(7), "3")])], []).items()} == {
        7: 4
    }
    assert RecordedLabels(tmp_path / "none").answers([(3, [3])], []) == {}


def test_a_label_is_given_once(tmp_path: Path) -> None:
    labels = recorded(tmp_path, Annotation(1, "first"), Annotation(1, "second"), Annotation(2, "other"))
    asked = list(enumerate([[1], [2], [1], [2], [1]]))

    def given(*before: Any) -> dict[int, Any]:
        return {order: one.target for order, one in labels.answers(asked, before).items()}

    assert given() == {0: "first", 1: "other", 2: "second"}
    assert given([1]) == {0: "second", 1: "other"}
    assert labels.steps_counted == 0
    labels.count([[1], [2]])
    assert labels.steps_counted == 1
    assert given() == {0: "second"}
