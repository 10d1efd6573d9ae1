from __future__ import annotations

import ctypes
import errno
import gc
import logging
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch

from alrun.core.errors import StoreError
from alrun.core.types import Annotation, LabelStatus
from alrun.store.audit import read_labels
from alrun.store.label_lines import LabelLine, LabelReader
from alrun.store.labels import LabelLog
from alrun.store.rundir import RunDirectory
from alrun.testing.faults import Crash, Faults, Refuse, SimulatedCrash

LOGGER = logging.getLogger("test.labels")


def log_at(root: Path) -> LabelLog:
    return LabelLog(root / "labels", LOGGER)


def annotation(number: int) -> Annotation:
    return Annotation(number, number % 3, annotator="someone", cost=0.5)


def fill(root: Path, steps: int = 2, each: int = 3) -> str:
    log = log_at(root)
    for step in range(steps):
        for order in range(each):
            log.append(step, [(order, annotation(10 * step + order))])
    log.close()
    return log.digest(0)


def read(root: Path) -> dict[int, dict[int, Annotation]]:
    log = log_at(root)
    log.close()
    return {step: dict(log.answers(step)) for step in range(2)}


def whole() -> dict[int, dict[int, Annotation]]:
    return {step: {order: annotation(10 * step + order) for order in range(3)} for step in range(2)}


def test_answers_come_back(tmp_path: Path) -> None:
    digest = fill(tmp_path)
    assert read(tmp_path) == whole()
    log = log_at(tmp_path)
    assert log.digest(0) == digest
    assert log.digest(0) != log.digest(1)
    assert log.answers(7) == {}
    log.close()


def test_the_digest_is_of_the_answers_not_of_their_order_of_arrival(tmp_path: Path) -> None:
    digests = []
    for name, order in (("a", [0, 1, 2]), ("b", [2, 0, 1])):
        log = log_at(tmp_path / name)
        for number in order:
            log.append(0, [(number, annotation(number))])
        digests.append(log.digest(0))
        log.append(0, [(3, annotation(3))])
        assert log.digest(0) != digests[0]
        log.close()
    assert digests[0] == digests[1]


def test_a_torn_tail_is_cut_away_restart_after_restart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    fill(tmp_path)
    path = tmp_path / "labels/labels.jsonl"
    last = path.read_bytes().splitlines(keepends=True)[-1]
    for length in (1, len(last) // 2, len(last) - 1):
        with path.open("ab") as file:
            file.write(last[:length])
        assert read(tmp_path) == whole()
        assert f"cut off {length} bytes of an incomplete last line" in caplog.text
        caplog.clear()
        assert read(tmp_path) == whole()
        assert caplog.text == ""
        log = log_at(tmp_path)
        log.append(1, [(2, annotation(12))])
        log.close()
    assert read(tmp_path) == whole()


def test_every_flipped_bit_costs_at_most_its_own_lines(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    digest = fill(tmp_path)
    path = tmp_path / "labels/labels.jsonl"
    original = path.read_bytes()
    expected = whole()
    for position in range(0, len(original), 3):
        damaged = bytearray(original)
        damaged[position] ^= 1 << (position % 8)
        path.write_bytes(damaged)
        caplog.clear()
        found = read(tmp_path)
        lost = [(step, order) for step in expected for order in expected[step] if order not in found[step]]
        assert 1 <= len(lost) <= 2, position
        assert "ignored" in caplog.text or "cut off" in caplog.text
        log = log_at(tmp_path)
        assert all(answer == expected[step][order] for step in found for order, answer in found[step].items())
        for step, order in lost:
            log.append(step, [(order, expected[step][order])])
        log.close()
        assert read(tmp_path) == expected
        assert log.digest(0) == digest


def test_large_tensors_have_files_of_their_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    small, large = torch.arange(10.0), torch.arange(5000.0)
    log = log_at(tmp_path)
    log.append(0, [(0, Annotation(small, large)), (1, Annotation(small, small)), (2, Annotation(5, 1))])
    log.close()
    assert sorted(path.name for path in (tmp_path / "labels").iterdir()) == ["0-0.safetensors", "labels.jsonl"]
    answers = read(tmp_path)[0]
    assert answers[0].target.equal(large)
    assert answers[0].item.equal(small)
    assert answers[1].target.equal(small)
    path = tmp_path / "labels/0-0.safetensors"
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    assert sorted(read(tmp_path)[0]) == [1, 2]
    path.unlink()
    assert sorted(read(tmp_path)[0]) == [1, 2]
    assert "0-0.safetensors" in caplog.text


def process(file: str, name: str) -> int:
    """Return a number that Linux keeps of this process."""
    found = re.search(rf"^{name}:\s*(\d+)", Path(f"/proc/self/{file}").read_text(), flags=re.MULTILINE)
    assert found
    return int(found[1])


def live_memory() -> int:
    """Return kilobytes of anonymous memory, without what the allocator keeps of freed blocks."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return process("status", "RssAnon")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_labels_of_a_million_values_are_written_once_and_held_on_disk(tmp_path: Path) -> None:
    size, written = 4_000_000, []
    log = log_at(tmp_path)
    log.append(0, [(0, Annotation(0, torch.zeros(size // 4)))])
    memory = live_memory()
    for step in range(1, 13):
        before = process("io", "wchar")
        log.append(step, [(0, Annotation(step, torch.full((size // 4,), float(step))))])
        written.append(process("io", "wchar") - before)
    assert all(size < each < size + 2000 for each in written)
    assert max(written) - min(written) < 100
    log.close()
    again = log_at(tmp_path)
    again.close()
    for step in range(1, 13):
        assert again.answers(step)[0].target.eq(step).all()
        assert again.digest(step) == log.digest(step)
    # Twelve labels in each log are 96 MB.
    assert live_memory() - memory < 6 * size / 1024


def batches(root: Path, acknowledged: list[int]) -> None:
    log = log_at(root)
    try:
        for first in (0, 3, 6):
            answers: list[tuple[int, Any]] = [(order, annotation(order)) for order in range(first, first + 2)]
            answers.append((first + 2, Annotation(first + 2, torch.full((2000,), float(first)))))
            log.append(0, answers)
            acknowledged += range(first, first + 3)
    finally:
        log.close()


def test_no_acknowledged_answer_is_lost_wherever_the_process_dies(tmp_path: Path) -> None:
    with Faults(tmp_path / "count") as watch:
        batches(tmp_path / "count", [])
    assert watch.count > 25
    for point in range(watch.count):
        for half in (False, True):
            root, acknowledged = tmp_path / f"{point}{half}", list[int]()
            with suppress(SimulatedCrash), Faults(root, Crash(point, half, lose_unsynced=True)):
                batches(root, acknowledged)
            log = log_at(root)
            found = log.answers(0)
            log.close()
            assert set(acknowledged) <= set(found)
            assert all(answer.item == order for order, answer in found.items())


def test_a_refused_answer_is_not_acknowledged(tmp_path: Path) -> None:
    with Faults(tmp_path / "count") as watch:
        batches(tmp_path / "count", [])
    for point in range(watch.count):
        root, acknowledged = tmp_path / f"{point}", list[int]()
        with suppress(StoreError), Faults(root, Refuse(point, errno.ENOSPC)):
            batches(root, acknowledged)
        log = log_at(root)
        assert sorted(log.answers(0)) == acknowledged
        log.close()


def test_a_label_that_cannot_be_stored_is_refused(tmp_path: Path) -> None:
    log = log_at(tmp_path)
    with pytest.raises(StoreError, match="never pickle"):
        log.append(0, [(0, annotation(0)), (1, Annotation(1, object()))])
    log.append(0, [(0, Annotation(0, None, status=LabelStatus.FAILED, reason="ü\n"))])
    log.close()
    assert read(tmp_path)[0] == {0: Annotation(0, None, status=LabelStatus.FAILED, reason="ü\n")}


def test_a_second_answer_to_a_request_leaves_the_tensors_of_the_first_as_they_are(tmp_path: Path) -> None:
    log, many = log_at(tmp_path), [Annotation(0, torch.full((2000,), float(number)), cost=1.5) for number in range(4)]
    log.append(0, [(0, many[0]), (0, many[1])])
    log.append(0, [(0, many[2]), (1, many[0])])
    log.append(1, [(0, many[3])])
    log.close()
    labels = read_labels(RunDirectory(tmp_path))
    assert not labels.damaged
    assert len(labels.files) == 5
    assert labels.book.answers(0)[0].target.eq(2).all()
    assert labels.book.costs(0) == {0: 4.5, 1: 1.5}
    assert [finding.where for finding in labels.findings] == ["label log line 2", "label log line 3"]


def test_what_a_log_hands_on_is_all_that_was_bought_and_paid(tmp_path: Path) -> None:
    log, rejected = log_at(tmp_path / "a"), Annotation(None, cost=0.25, status=LabelStatus.REJECTED, reason="no")
    log.append(0, [(1, annotation(1)), (0, rejected), (0, annotation(5)), (0, annotation(0)), (-1, rejected)])
    log.append(1, [(0, rejected)])
    log.append(2, [(0, rejected), (3, annotation(3))])
    other = log_at(tmp_path / "b")
    other.extend(list(log.entries))
    for one in (other, log):
        one.close()
    again = log_at(tmp_path / "b")
    again.close()
    for step in range(3):
        assert again.answers(step) == log.answers(step)
        assert again.digest(step) == log.digest(step)
        assert again.costs(step) == log.costs(step)
    assert log.costs(0) == {0: 1.25, 1: 0.5, -1: 0.25}
    assert log.costs(1) == {0: 0.25}
    assert log.costs(2) == {0: 0.25, 3: 0.5}


def test_a_log_knows_which_lines_of_another_it_has(tmp_path: Path) -> None:
    log, other, empty = (log_at(tmp_path / name) for name in "abc")
    paid = Annotation(None, cost=0.25, status=LabelStatus.REJECTED, reason="no")
    log.append(0, [(0, annotation(0)), (0, paid), (1, paid)])
    other.extend(list(log.entries))
    for one in (log, other, empty):
        one.close()
    lines = [line for line in LabelReader(tmp_path / "b/labels") if isinstance(line, LabelLine)]
    assert [line.annotation.status for line in lines] == ["rejected", "labelled", "rejected"]
    assert [log.holds(line) for line in lines] == [True] * 3
    assert [empty.holds(line) for line in lines] == [False] * 3
