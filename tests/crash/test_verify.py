"""``alrun verify`` finds every damage, invents none, changes nothing, and is right in what it advises."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from crash_bench import digests, run  # type: ignore[import-not-found]
from test_damage import KINDS, damage, unfinish  # type: ignore[import-not-found]

from alrun.cli.main import main
from alrun.core.callback import Callback
from alrun.core.errors import StoreError
from alrun.core.types import Annotation
from alrun.driver.audit import LedgerAudit
from alrun.runner.verify import Verdict, verify
from alrun.store.audit import Chain, Labels, read_chain, read_labels
from alrun.store.rundir import RunDirectory
from alrun.testing.faults import Crash, Faults, SimulatedCrash

WARM = ("seed=1", "training.reset=warm")


def content(place: Path) -> Mapping[Path, tuple[int, bytes]]:
    """Return when everything below ``place`` was changed, and what is in it."""
    paths = [place, *place.rglob("*")]
    return {path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"") for path in paths}


def examined(place: Path) -> Verdict:
    before = content(place)
    verdict = verify(place)
    assert content(place) == before, "something was written"
    return verdict


def wrong(verdict: Verdict) -> list[str]:
    return [f"{one.where}: {one.what}; {one.remedy}" for one in verdict.findings if not one.harmless]


@pytest.mark.parametrize(
    "words",
    [(), WARM, ("checkpoint.keep=last",), ("training.checkpoint_every=1",)],
    ids=["plain", "warm", "pruned", "epochs"],
)
def test_a_finished_run_is_sound(words: tuple[str, ...], finished: Callable[..., Path]) -> None:
    verdict = examined(finished(*words))
    assert (verdict.findings, verdict.labels, verdict.status) == ((), 9, "finished")
    assert verdict.commits == 5 * 3 + 2


def repaired_in_place(place: Path, path: Path, kind: str, rng: random.Random) -> Iterator[str]:
    """Damage a file, yield how, and put it back as it was."""
    data = path.read_bytes()
    yield f"{damage(path, kind, rng)} of {path.parent.relative_to(place)}"
    path.write_bytes(data)


@pytest.mark.parametrize("words", [(), (*WARM, "checkpoint.keep=last")], ids=["scratch", "warm, pruned"])
def test_every_damage_is_found_and_named(words: tuple[str, ...], copied: Callable[..., Path]) -> None:
    place = copied(*words)
    rng = random.Random(len(words))  # noqa: S311
    files = [
        path for path in sorted(place.rglob("*.*")) if path.suffix in (".json", ".jsonl", ".safetensors", ".parquet")
    ]
    files = [path for path in files if "metrology/" not in str(path.relative_to(place)) or "checkpoints" in path.parts]
    files = [path for path in files if path.name != "run.json"]
    more = int(os.environ.get("ALRUN_DAMAGES", 25))
    chosen = [(path, "gone") for path in files] + [(rng.choice(files), KINDS[number % 3]) for number in range(more)]
    for path, kind in chosen:
        for what in repaired_in_place(place, path, kind, rng):
            verdict = examined(place)
            named = (
                f"{path.parts[-3].replace('_', ' ')} {path.parent.name}" if "checkpoints" in path.parts else path.name
            )
            named = "label log" if path.suffix == ".jsonl" else named
            assert any(named in line for line in wrong(verdict)), (what, wrong(verdict))
    assert examined(place).holds


def test_damage_to_what_describes_the_run_is_found(copied: Callable[..., Path]) -> None:
    place = copied()
    for name, old, new in (
        ("run.json", b'"labels": 9', b'"labels": 8'),
        ("run.json", b'"identity": "', b'"identity": "0'),
        ("run.json", b'"head": "', b'"head": "0'),
        ("run.json", b'"budget": 9', b'"budget": 8'),
        ("run.json", b"{", b"["),
        ("config.yaml", b"seed: 0", b"seed: 1"),
        ("config.yaml", b"budget: 9", b"budget: 10"),
        ("config.yaml", b"seed: 0", b"seed: ["),
    ):
        data = (place / name).read_bytes()
        assert data.count(old) >= 1, name
        (place / name).write_bytes(data.replace(old, new, 1))
        assert wrong(examined(place)), (name, new)
        (place / name).write_bytes(data)
    (place / "run.json").unlink()
    assert wrong(examined(place))[0].startswith("run.json: cannot read")


def test_what_describes_the_run_is_written_anew(
    copied: Callable[..., Path], finished: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = copied()
    data = bytearray((place / "run.json").read_bytes())
    for position in range(0, len(data), 41):
        damaged = bytearray(data)
        damaged[position] ^= 1
        (place / "run.json").write_bytes(damaged)
        with pytest.raises(StoreError, match=r"damaged: (.|\n)*repair=true to rewrite it|not a run of this version"):
            run(place)
    (place / "config.yaml").write_bytes(b"{")
    assert main(["verify", str(place)]) == 1
    assert "to repair: repeat the command that started the run, with repair=true" in capsys.readouterr().out
    assert run(place, "repair=true").info["labels"] == 9
    assert examined(place).findings == ()
    assert digests(place) == digests(finished())


@pytest.mark.parametrize("gone", ["checkpoints", "labels", "checkpoints/step_0", "checkpoints/step_3/metrology"])
def test_folders_that_are_gone_are_missed(gone: str, copied: Callable[..., Path]) -> None:
    place = copied()
    (place / gone).rename(place.with_name("gone"))
    assert wrong(examined(place))


@pytest.mark.parametrize("half", [False, True])
def test_a_run_that_died_anywhere_is_sound(half: bool, fresh: Callable[[], Path]) -> None:
    words = (*WARM, "checkpoint.keep=last", "training.checkpoint_every=1", "budget=6")
    place = fresh()
    with Faults(place) as watch:
        run(place, *words)
    for point in range(10 + half, watch.count, watch.count // 14):
        place = fresh()
        with suppress(SimulatedCrash), Faults(place, Crash(point, half)):
            run(place, *words)
        if (place / "run.json").exists():
            verdict = examined(place)
            assert verdict.holds, (watch.trace[point], wrong(verdict))


class Onlooker(Callback):
    """Examines the run whenever something happens in it."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.seen: list[Verdict] = []

    def on_phase_finished(self, event: Any) -> None:
        self.seen.append(examined(self._place))

    on_label_received = on_phase_finished


def test_a_run_may_be_examined_while_it_runs(fresh: Callable[[], Path]) -> None:
    place = fresh()
    onlooker = Onlooker(place)
    run(place, "budget=6", listeners=(onlooker,))
    assert {verdict.status for verdict in onlooker.seen} == {"running"}
    assert all(verdict.holds for verdict in onlooker.seen), [wrong(verdict) for verdict in onlooker.seen]
    assert [verdict.commits for verdict in onlooker.seen][-1] == 12


@pytest.mark.parametrize("is_finished", [True, False])
@pytest.mark.parametrize(
    ("name", "becomes"),
    [
        ("checkpoints/step_3/training/weights.safetensors", "step 3 training is run again"),
        ("checkpoints/step_2/query/MANIFEST.json", "run again after step 2 metrology"),
        ("labels/labels.jsonl", "asked for again"),
        ("records.parquet", "rewritten"),
    ],
)
def test_what_it_advises_repairs(
    name: str,
    becomes: str,
    is_finished: bool,
    copied: Callable[..., Path],
    finished: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = copied()
    (place / name).write_bytes((place / name).read_bytes()[:-10])
    if not is_finished:
        unfinish(place)
    if name == "records.parquet" and not is_finished:
        (place / name).write_bytes((finished("seed=1") / name).read_bytes())
    assert main(["verify", str(place)]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert f"to repair: alrun resume {place}{' repair=true' if is_finished else ''}" in said
    assert any(becomes in line for line in wrong(verify(place)))
    assert main(["resume", str(place), *(["repair=true"] if is_finished else [])]) == 0
    capsys.readouterr()
    assert main(["verify", str(place)]) == 0
    assert "passed-over" in capsys.readouterr().out or name.endswith("parquet")
    assert (place / name).read_bytes() == (finished() / name).read_bytes() or name.startswith("labels")


def test_weights_that_nobody_needs_come_back_when_they_are_moved_away(
    copied: Callable[..., Path], finished: Callable[..., Path]
) -> None:
    place, name = copied(), "checkpoints/step_1/training"
    (place / name / "weights.safetensors").write_bytes(b"")
    (told,) = wrong(examined(place))
    assert f"not needed to resume; move {place / name} away and step 1 training is run again" in told
    (place / name).rename(place.with_name("away"))
    assert run(place, "repair=true").info["status"] == "finished"
    assert examined(place).findings == ()
    assert content(place / name).values() != content(finished() / name).values()
    assert (place / name / "weights.safetensors").read_bytes() == (
        finished() / name / "weights.safetensors"
    ).read_bytes()


def audited(place: Path, change: Callable[[Chain, Labels], None]) -> list[str]:
    """Return what is said of the ledger of a sound run after ``change``."""
    directory = RunDirectory(place)
    chain, labels = read_chain(directory), read_labels(directory)
    change(chain, labels)
    return [finding.what for finding in LedgerAudit(chain, labels).findings]


def changed(step: int, phase: str, **values: Any) -> Callable[[Chain, Labels], None]:
    """Return what sets values in the state of a phase."""

    def change(chain: Chain, labels: Labels) -> None:
        (place,) = [n for n, one in enumerate(chain.commits) if (one.step, one.phase) == (step, phase)]
        commit = chain.commits[place]
        chain.commits[place] = replace(commit, encoded={**commit.encoded, **values})

    return change


def test_a_checkpoint_inside_training_that_is_damaged_is_found(fresh: Callable[[], Path]) -> None:
    place = fresh()
    with Faults(place) as watch:
        run(place, "training.checkpoint_every=1", "budget=6")
    (point, *_) = [n for n, (name, path) in enumerate(watch.trace) if name == "rename" and "training.epoch_1" in path]
    place = fresh()
    with suppress(SimulatedCrash), Faults(place, Crash(point + 3)):
        run(place, "training.checkpoint_every=1", "budget=6")
    (manifest,) = place.glob("checkpoints/step_1/training.epoch_1/MANIFEST.json")
    assert examined(place).holds
    manifest.write_bytes(manifest.read_bytes()[:-1])
    assert wrong(examined(place))[0].startswith("step 1 training.epoch_1: MANIFEST.json cannot be read")
    assert run(place, "training.checkpoint_every=1", "budget=6").info["status"] == "finished"
    assert examined(place).holds


def test_a_ledger_that_does_not_add_up_is_found(finished: Callable[..., Path]) -> None:
    place = finished()
    (first, second) = [one.state()["items"] for one in read_chain(RunDirectory(place)).commits if one.phase == "query"][
        :2
    ]
    assert audited(place, lambda chain, labels: None) == []
    said = audited(place, changed(1, "query", items=[first[0], *second[1:]]))
    assert f"request 0 (row {first[0]}) has a label already" in said
    assert "answer 0 of the label log belongs to no request" in said
    said = audited(place, changed(1, "query", items=[second[0], second[0], second[2]]))
    assert f"request 1 (row {second[0]}) is asked for twice" in said
    assert audited(place, changed(1, "query", scores=[0.5])) == ["items, strategies, scores differ in length: [1, 3]"]
    assert audited(place, changed(1, "labeling", answers=2))[0] == "2 answers to 3 requests"
    said = audited(place, changed(1, "data_integration", labelled=2))
    assert said == ["2 labels were integrated, the label log has 3"]

    def stranger(chain: Chain, labels: Labels) -> None:
        labels.book.add(0, 7, Annotation(first[0], 1), b"")
        labels.book.add(9, 0, Annotation(first[0], 1), b"")

    said = audited(place, stranger)
    assert "answer 7 of the label log belongs to no request" in said
    assert "the label log has answers, but no query is committed" in said


def test_a_label_that_was_bought_twice_is_found(copied: Callable[..., Path]) -> None:
    place = copied()
    log = place / "labels/labels.jsonl"
    log.write_bytes(log.read_bytes() + log.read_bytes().splitlines(keepends=True)[4])
    assert wrong(examined(place)) == [
        "label log line 10: request 1 of step 1 had its label in line 5; the later one counts",
        "acquisitions.parquet: row 4 differs from what the commits say in cost; rewritten from the commits",
    ]


def test_more_labels_than_were_granted(copied: Callable[..., Path]) -> None:
    place = copied()
    directory = RunDirectory(place)
    directory.write_info({**directory.info(), "granted": 8})
    assert wrong(examined(place))[0].startswith("run.json: 9 labels were bought with a budget of 8")
    place = copied("budget=12")
    run(place, "budget=12")
    unfinish(place)
    assert run(place, "budget=3").info["budget"] == 3
    assert examined(place).holds, "a budget that was lowered afterwards is no breach"


def test_the_command(copied: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound, bad = copied(), copied()
    (bad / "labels/labels.jsonl").write_bytes(b"")
    (sound / "checkpoints/step_1/.tmp-query-1").mkdir()
    assert main(["verify", str(sound)]) == 0
    said = capsys.readouterr().out
    assert f"{sound}: sound; finished, 17 phases hold, 9 labels" in said
    assert "checkpoints/step_1/.tmp-query-1: was being written when a process died" in said
    assert main(["verify", str(sound), str(bad)]) == 1
    said = capsys.readouterr().out
    assert f"{bad}: damaged" in said
    assert "2 runs: 1 sound, 1 damaged" in said
    assert main(["verify", str(sound), str(bad), "--json"]) == 1
    assert {Path(one["path"]): one["holds"] for one in json.loads(capsys.readouterr().out)} == {sound: True, bad: False}
    (tmp_path / "empty").mkdir()
    for place, what in ((tmp_path / "empty", "no runs here"), (tmp_path / "nowhere", "no such directory")):
        assert main(["verify", str(place)]) == 2
        assert what in capsys.readouterr().err
    (bad / "run.json").unlink()
    assert main(["verify", str(bad)]) == 1
    assert "run.json" in capsys.readouterr().out


def test_torch_is_not_loaded(finished: Callable[..., Path]) -> None:
    code = "import sys; from alrun.cli.main import main; main(sys.argv[1:]); print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code, "verify", str(finished())], capture_output=True, text=True)
    assert answer.stdout.splitlines()[-1] == "False", answer
