"""R11: no group choice, name or path of a config or a stored run leads outside its folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from watched import Command, Watch  # type: ignore[import-not-found]

from alrun.store.label_lines import rendered

OUTSIDE = ("..", "../secret", "../../etc/passwd", "/etc/passwd", "~/x", "~root/x", "a/../../x", "x/../../..", "C:\\x")
ODD = (
    "\x00",
    "x\x00y",
    "a" * 300,
    ".",
    "con\n",
    "/dev/null",
    "/dev/stdin",
    "$(touch sprung)",
    "${oc.env:HOME}/x",
    "-rf",
)


@pytest.fixture(autouse=True)
def secret(tmp_path: Path) -> Path:
    """Lay a config beside the working directory, with the sentinel's name: whoever opens it is seen."""
    place = tmp_path / "sprung.yaml"
    place.write_text("mine: {_target_: alrun.query.random.Random, max_samples: 3}\n")
    return place


def quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


@pytest.mark.parametrize("value", [*OUTSIDE, *ODD, "../../sprung", "../sprung"], ids=repr)
@pytest.mark.parametrize("keys", ["query data learner", "+experiment", "hydra/launcher", "name"])
def test_a_choice_leads_nowhere(keys: str, value: str, alrun: Command, watch: Watch) -> None:
    """Groups of one kind in one command, which says what is wrong with each."""
    answer = alrun(*(f"{key}={quoted(value)}" for key in keys.split()), "max_steps=0")
    assert answer.code == 2, answer
    assert "Traceback" not in answer.err
    assert [key for key in keys.split() if key.lstrip("+").split("/")[0] not in answer.err] == []
    assert watch.nothing, (watch.ran, watch.written, watch.read)
    assert not (watch.home / "outputs").exists()


def test_a_config_folder_may_not_link_outside(alrun: Command, watch: Watch, secret: Path) -> None:
    """A link is the user's own doing in a folder that the user named; what it builds is examined all the same."""
    place = watch.home / "own" / "query"
    place.mkdir(parents=True)
    secret.write_text("mine: {_target_: os.system, command: touch x}\n")
    (place / "mine.yaml").symlink_to(secret)
    assert alrun("--config-dir", "own", "query=mine").code == 2
    assert not watch.ran
    assert not watch.written


def hostile_name(run: Path) -> None:
    change(run, lambda info: info.update(name="../../sprung"))


def hostile_choices(run: Path) -> None:
    change(run, lambda info: info.update(choices={**info["choices"], "data": "../../sprung"}))


def hostile_step(run: Path) -> None:
    (run / "checkpoints" / "step_1").rename(run / "checkpoints" / "moved")
    (run / "checkpoints" / "step_1").symlink_to(run.parent.parent.parent.parent)


def hostile_output(run: Path) -> None:
    text = (run / "config.yaml").read_text()
    (run / "config.yaml").write_text(text.replace("output_dir: received", "output_dir: ../../sprung"))


def change(run: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    info = json.loads((run / "run.json").read_text())
    info.pop("digest")
    edit(info)
    (run / "run.json").write_text(json.dumps(info))


@pytest.mark.parametrize("edit", [hostile_name, hostile_choices, hostile_step, hostile_output])
def test_a_stored_run_writes_only_into_itself(
    edit: Callable[[Path], None], alrun: Command, watch: Watch, stored: Path
) -> None:
    edit(stored)
    watch.forget()
    alrun("resume", str(stored), "budget=20")
    assert not watch.written, watch.written
    assert not watch.read


@pytest.mark.parametrize(
    "entry", ["labels/labels.jsonl", "alrun.log", "timing.csv", ".lock", "records.parquet", "run.json"]
)
def test_a_link_in_a_stored_run_is_not_written_through(
    entry: str, alrun: Command, watch: Watch, stored: Path, tmp_path: Path
) -> None:
    target = tmp_path / "mine.txt"
    target.write_bytes((stored / entry).read_bytes() if (stored / entry).exists() else b"")
    before = target.read_bytes()
    (stored / entry).unlink(missing_ok=True)
    (stored / entry).symlink_to(target)
    watch.forget()
    alrun("resume", str(stored), "budget=20")
    assert target.read_bytes() == before, "written through a link"


def test_side_files_of_labels_stay_in_their_folder(alrun: Command, watch: Watch, stored: Path, tmp_path: Path) -> None:
    """A line of the log that names a file elsewhere is damage, not a way to it."""
    log = stored / "labels" / "labels.jsonl"
    body = json.loads(log.read_text().splitlines()[0])["body"] | {
        "file": "../../../../../sprung.yaml",
        "sha256": "0" * 64,
    }
    log.write_bytes(rendered(body) + b"".join(log.read_bytes().splitlines(keepends=True)[1:]))
    watch.forget()
    alrun("resume", str(stored), "budget=20")
    assert not watch.read
    assert not watch.written
