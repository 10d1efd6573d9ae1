from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from alrun.core.errors import CorruptionError, RunDirectoryLost, StoreError
from alrun.core.types import Annotation
from alrun.store.disk import DISK, Operation, Watcher
from alrun.store.files import TEMPORARY_PREFIX
from alrun.store.record_file import RecordFile
from alrun.store.records import Timing, write_acquisitions, write_records
from alrun.store.run_store import RunStore
from alrun.store.rundir import RunDirectory
from alrun.testing.faults import Crash, Faults, SimulatedCrash

LOGGER = logging.getLogger("test.run_directory")
RECORD = {
    "step": 1,
    "labels": 20,
    "strategy": "Classification",
    "split": "test",
    "metric": "nll",
    "value": float("nan"),
}
RECORD |= {"higher_is_better": None, "reset": "scratch"}
ACQUIRED = {"step": 0, "order": 0, "index": None, "uuid": "0-0", "score": float("nan"), "strategy": "Random"}
ACQUIRED |= {"label": "[1.5]", "annotator": "simulator", "cost": 1.0, "status": "labelled", "task": None}

NEEDED = {"identity": "0", "status": "running", "seed": 0, "choices": {"query": "entropy"}}


def test_info(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    assert not directory.exists
    directory.write_info(NEEDED)
    directory.write_info({**NEEDED, "status": "finished"}, durable=False)
    assert directory.exists
    found = directory.info()
    assert found["status"] == "finished"
    assert (found["labels"], found["metrics"], found["reason"]) == (0, {}, "")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("status", "done", "status is not one of"),
        ("status", ["finished"], "status is not one of"),
        ("seed", "0", "seed is not a whole number"),
        ("seed", True, "seed is not a whole number"),
        ("labels", 1e3, "labels is not a whole number"),
        ("step", 10**400, "step is not a whole number"),
        ("step", 1 << 63, "step is not a whole number"),
        ("choices", {"query": 3}, "choices is not a mapping of groups"),
        ("choices", [], "choices is not a mapping of groups"),
        ("metrics", {"accuracy": "0.5"}, "metrics is not a mapping of names to numbers"),
        ("metrics", None, "metrics is not a mapping of names to numbers"),
        ("sessions", [{"versions": 3}], "sessions is not a list of sessions"),
        ("algorithms", {"query.entropy": "1"}, "algorithms is not a mapping"),
        ("environment", {"RATE": 1}, "environment is not a mapping"),
        ("threads", "2", "threads is not a whole number"),
        ("extent", "x", "extent is not a mapping"),
        ("reason", {}, "reason is not text"),
        ("identity", 5, "identity is not text"),
    ],
)
def test_a_field_of_another_type_is_one_error(tmp_path: Path, field: str, value: object, message: str) -> None:
    directory = RunDirectory(tmp_path)
    directory.write_info({**NEEDED, field: value})
    with pytest.raises(StoreError, match=rf"run\.json is damaged: {message}"):
        directory.info()


def test_fields_that_are_missing_are_all_named(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    directory.write_info({"status": "running"})
    with pytest.raises(StoreError, match="identity is missing; seed is missing; choices is missing"):
        directory.info()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 0}', b"\xff\xfe", b"null"])
def test_damaged_info_is_an_error_that_names_the_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"run\.json is"):
        RunDirectory(tmp_path).info()


def test_a_number_that_damage_leaves_the_same_is_damage(tmp_path: Path) -> None:
    """Some doubles have two neighbors of 17 digits: a flipped bit of the last digit changes the text alone."""
    written, flipped = "1764331.4660000002", "1764331.4660000003"
    assert float(written) == float(flipped)
    directory = RunDirectory(tmp_path)
    directory.write_info({**NEEDED, "elapsed": float(written)})
    assert directory.info()["elapsed"] == float(written)
    path = tmp_path / "run.json"
    path.write_text(path.read_text().replace(repr(float(written)), flipped))
    with pytest.raises(StoreError, match=rf"damaged: the number {flipped} is not what was written"):
        directory.info()


def test_info_outlives_a_power_cut_at_any_point(tmp_path: Path) -> None:
    for point in range(20):
        directory = RunDirectory(tmp_path / f"{point}")
        directory.write_info({**NEEDED, "step": 0})
        try:
            with Faults(directory.path, Crash(point, lose_unsynced=True)):
                for step in (1, 2):
                    directory.write_info({**NEEDED, "step": step}, durable=False)
        except SimulatedCrash:
            pass
        else:
            assert point > 5
        assert directory.info()["step"] in (0, 1, 2)


def test_set_aside_deletes_nothing(tmp_path: Path) -> None:
    for number in (1, 2):
        directory = RunDirectory(tmp_path / "run")
        directory.write_info({**NEEDED, "number": number})
        assert directory.set_aside() == tmp_path / f"run.aside-{number}"
        assert not directory.path.exists()
        assert RunDirectory(tmp_path / f"run.aside-{number}").info()["number"] == number


def test_a_directory_in_which_nothing_ran_is_removed_with_the_folders_made_for_it(tmp_path: Path) -> None:
    mine = RunDirectory(tmp_path / "mine/run")
    mine.path.parent.mkdir()
    made = RunDirectory(tmp_path / "mine/name/run").missing
    assert made == [tmp_path / "mine/name"]
    mine.path.mkdir()
    mine.remove_if_unused(mine.missing)
    assert (tmp_path / "mine").is_dir()
    deep = RunDirectory(tmp_path / "mine/name/run")
    deep.path.mkdir(parents=True)
    deep.remove_if_unused(made)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine"]
    unused, used = RunDirectory(tmp_path / "outputs/name/unused"), RunDirectory(tmp_path / "outputs/name/used")
    for directory in (unused, used):
        directory.path.mkdir(parents=True)
        (directory.path / ".lock").touch()
        (directory.path / f"{TEMPORARY_PREFIX}run.json-1").touch()
    used.write_info({})
    for directory in (unused, used):
        directory.remove_if_unused([tmp_path / "outputs/name", tmp_path / "outputs"])
    assert not unused.path.exists()
    assert used.exists
    alone = RunDirectory(tmp_path / "alone/name/run")
    alone.path.mkdir(parents=True)
    alone.remove_if_unused([tmp_path / "alone/name"])
    assert list((tmp_path / "alone").iterdir()) == []
    kept = RunDirectory(tmp_path / "other/name/run")
    kept.path.mkdir(parents=True)
    (kept.path / "precious").touch()
    kept.remove_if_unused()
    assert (kept.path / "precious").exists()


def test_opening_a_run_removes_what_a_killed_process_left(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path)
    places = ["", "labels", "checkpoints/step_3", "metrology/Classification"]
    for place in places:
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / f"{TEMPORARY_PREFIX}file-1").touch()
        (tmp_path / place / f"{TEMPORARY_PREFIX}folder-1").mkdir()
        (tmp_path / place / "kept").touch()
    RunStore(directory, LOGGER).__exit__(None, None, None)
    assert not list(tmp_path.rglob(f"{TEMPORARY_PREFIX}*"))
    assert len(list(tmp_path.rglob("kept"))) == len(places)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="reads /proc")
def test_a_run_that_is_closed_or_cannot_be_opened_leaves_no_descriptor(tmp_path: Path) -> None:
    def count() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = count()
    with RunStore(RunDirectory(tmp_path), LOGGER) as store:
        store.open_log("events").append(b"a line")
        store.timing.add(0, "query", 1.0)
        opened = count() - before
    assert opened == 4, "checkpoints, labels, times, one log of a callback"
    assert count() == before
    store.__exit__(None, None, None)  # closing what is closed touches nobody else's
    assert count() == before
    (tmp_path / "checkpoints").rmdir()
    (tmp_path / "checkpoints").touch()
    for _ in range(3):
        with pytest.raises(StoreError):
            RunStore(RunDirectory(tmp_path), LOGGER)
    assert count() == before


def test_labels_of_a_directory_that_is_lost_are_kept_at_once_and_once(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    with RunStore(directory, LOGGER) as store:
        store.labels.append(0, [(order, Annotation(order, 1)) for order in range(3)])
        directory.path.rename(tmp_path / "elsewhere")
        for _ in range(2):
            with pytest.raises(RunDirectoryLost, match="every label bought so far is in"):
                store.check()
            (kept,) = tmp_path.glob("run.rescued-*/labels.jsonl")
            assert len(kept.read_bytes().splitlines()) == 3
    assert not directory.path.exists()


def test_the_log(tmp_path: Path) -> None:
    handler = RunDirectory(tmp_path).log_handler()
    logger = logging.Logger("alone")
    logger.addHandler(handler)
    assert not (tmp_path / "alrun.log").exists()
    logger.warning("größer %s", "als")
    handler.close()
    assert "WARNING alone: größer als\n" in (tmp_path / "alrun.log").read_text(encoding="utf-8")


def test_no_run_fails_for_its_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "alrun.log").mkdir()
    handler = RunDirectory(tmp_path).log_handler()
    logger = logging.Logger("alone")
    logger.addHandler(handler)
    logger.warning("lost")
    handler.close()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("write", "row"), [(write_records, RECORD), (write_acquisitions, ACQUIRED)])
def test_equal_rows_give_equal_bytes(tmp_path: Path, write: object, row: dict[str, object]) -> None:
    assert callable(write)
    contents = []
    for name in ("a", "b"):
        write(tmp_path / name, [row, dict(reversed(row.items()))])
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1]
    table = pq.read_table(tmp_path / "a")
    assert table.column_names == list(row)
    assert table.num_rows == 2
    write(tmp_path / "a", [])
    assert pq.read_table(tmp_path / "a").schema == table.schema


def test_records_as_json(tmp_path: Path) -> None:
    records = [{"step": 1, "value": float("inf")}, {"matrix": torch.eye(2)}, (1, "two")]
    path = tmp_path / "run/metrology/mine/records.json"
    file = RecordFile(path)
    file.hold(records)
    back = RecordFile(path).read()
    assert back[0] == records[0]
    assert back[1]["matrix"].equal(torch.eye(2))
    assert back[2] == (1, "two")
    file.hold(records[:1])
    assert file.read() == records[:1]
    file.hold(records)
    path.with_suffix(".safetensors").write_bytes(b"")
    with pytest.raises(CorruptionError):
        file.read()


#: Records of a step, plain, or such as JSON cannot hold as they are.
GROWTH: dict[str, Callable[[int], Any]] = {
    "plain": lambda step: {"step": step, "value": step / 3},
    "odd": lambda step: {"step": step, "value": float("nan"), "pair": (1, step)},
    "odd later": lambda step: {"step": step, "value": float("inf") if step == 4 else 0.5},
    "tensors": lambda step: torch.full((2,), step),
}


@pytest.mark.parametrize("kind", GROWTH)
def test_records_grow_to_what_is_written_at_once(kind: str, tmp_path: Path) -> None:
    """Whatever lay there, and whatever somebody else makes of the file in between."""
    path, whole = tmp_path / "run/metrology/mine/records.json", tmp_path / "run/metrology/other/records.json"
    file, records = RecordFile(path), list[Any]()

    def assert_held() -> None:
        file.hold(records)
        RecordFile(whole).hold(records)
        assert path.read_bytes() == whole.read_bytes()

    def zero() -> None:
        path.write_bytes(bytes(path.stat().st_size))
        os.utime(path, (0, 0))

    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"records":[{"step":7')
    for step in range(7):
        records.append(GROWTH[kind](step))
        assert_held()
    for spoil in (
        path.unlink,
        lambda: path.write_bytes(path.read_bytes()[:-3]),
        zero,
        lambda: os.link(path, tmp_path / "linked"),
        records.clear,
        lambda: records.extend(map(GROWTH[kind], (8, 9))),
        lambda: records.__setitem__(slice(None), list(map(GROWTH[kind], (3, 1, 2)))),
    ):
        spoil()
        assert_held()
        records.append(GROWTH[kind](7))
        assert_held()


def test_a_step_of_records_costs_what_is_new(tmp_path: Path) -> None:
    """Nothing but the new record and the end of the file is written, and the records before are not encoded again."""
    file, records = RecordFile(tmp_path / "run/metrology/mine/records.json"), list[Any]()
    written = []

    class Sizes(Watcher):
        def before(self, operation: Operation) -> None:
            written.append(len(operation.data))

        def after(self, operation: Operation, result: Any) -> None:
            pass

    for step in range(200):
        records.append({"step": step, "thumbnail": "x" * 1000})
        with DISK.watched_by(Sizes()):
            file.hold(records)
    assert sum(written) < 2 * (tmp_path / "run/metrology/mine/records.json").stat().st_size


def test_timing_survives_damage(tmp_path: Path) -> None:
    path = tmp_path / "timing.csv"
    timing = Timing(path)
    timing.add(0, "query", 0.5)
    timing.close()
    for damage in (b"1,quer", b"\xff\xfe\n", b"1,query,nan\n", b"\n", b"1,query,inf\n,"):
        with path.open("ab") as file:
            file.write(damage)
        timing = Timing(path)
        assert timing.elapsed == 0.5
        timing.close()
    timing = Timing(path)
    timing.add(2, "query", 0.25)
    timing.close()
    assert path.read_bytes().startswith(b"step,phase,seconds\n0,query,0.500000\n")
    assert path.read_bytes().endswith(b"\n2,query,0.250000\n")
    path.write_bytes(b"step,ph")
    Timing(path).close()
    assert path.read_bytes() == b"step,phase,seconds\n"
