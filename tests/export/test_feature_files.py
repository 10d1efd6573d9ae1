"""Features that are written: the same numbers, labels and names as those that runs are given in their place."""

from __future__ import annotations

import shlex
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import Alrun  # type: ignore[import-not-found]

from alrun.config.compose import Composer
from alrun.config.targets import Trust
from alrun.core.types import Task, TaskSpec
from alrun.data.embeddings import EmbeddingFiles
from alrun.data.source import ArraySource
from alrun.export.features import feature_files
from alrun.runner.source import built_source
from alrun.testing.faults import Crash, Faults, SimulatedCrash

MODEL = "+learner@transform.embed.model=mlp"
MODEL_OF_MANY = MODEL.replace("mlp", "linear")
SHORT = ("training.max_epochs=1", "initial_size=10", "budget=10", "progress=false")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALRUN_CACHE", str(tmp_path / "cache"))


def table(place: Path) -> str:
    values = np.random.default_rng(0).normal(size=(60, 3)) + np.asarray([0, 0, 2e9])
    lines = [f"{a},{b},{y!r}" for a, b, y in values.tolist()]
    place.write_text("a,b,y\n" + "\n".join(lines) + "\n")
    return str(place)


def marks(place: Path) -> str:
    rows = np.random.default_rng(0).normal(size=(60, 2))
    lines = [f"{a},{b},{int(a > 0)},{int(b > 0)}" for a, b in rows.tolist()]
    place.write_text("a,b,left,low\n" + "\n".join(lines) + "\n")
    return str(place)


def words_of(kind: str, place: Path) -> list[str]:
    if kind == "classes":
        return ["data=digits"]
    if kind == "labels":
        words = ["data=table", f"data.path={marks(place)}", "data.target=[left,low]", "data.task=multi_label"]
        return [*words, "metrology=multi_label"]
    words = ["data=table", f"data.path={table(place)}", "data.target=y", "data.task=regression"]
    return [*words, "query=variance", "metrology=regression"]


@pytest.mark.parametrize("kind", ["classes", "regression", "labels"])
def test_the_command_that_is_printed_learns_from_what_was_written(kind: str, alrun: Alrun, tmp_path: Path) -> None:
    words = words_of(kind, tmp_path / "t.csv")
    answer = alrun("embed", *words, MODEL, "--to", "my features")
    assert answer.code == 0, answer
    source = built_source(Composer(Trust(())).compose([*words, MODEL, "transform=embed"]), Trust(()))
    targets = next(one for one in (tmp_path / "my features").iterdir() if one.stem == "targets")
    task = "multi_label" if kind == "labels" else "auto"
    read = EmbeddingFiles(str(tmp_path / "my features" / "embeddings.npy"), str(targets), task=task)
    assert read.inputs(range(len(read))).equal(source.inputs(range(len(source))))
    assert read.targets(range(len(read))).equal(source.targets(range(len(source))))
    assert read.spec.class_names == (() if kind == "labels" else source.spec.class_names)
    assert read.spec.target_origin == pytest.approx(source.spec.target_origin)
    following = shlex.split(answer.out.splitlines()[-1].partition("alrun ")[2])
    assert alrun(*following, *SHORT).code == 0


def test_names_of_rows_are_kept(alrun: Alrun, tmp_path: Path) -> None:
    lines = [f"t{row},{'up' if row % 2 else 'down'} {row}" for row in range(40)]
    (tmp_path / "t.csv").write_text("id,text,label\n" + "".join(f"{line},{n % 2}\n" for n, line in enumerate(lines)))
    words = ["data=text", "data.path=t.csv", "data.uuids=id", "data.features=8", MODEL]
    answer = alrun("embed", *words, "--to=out")
    assert answer.code == 0, answer
    assert (tmp_path / "out" / "uuids.txt").read_text().splitlines() == [f"t{row}" for row in range(40)]
    assert "data.uuids=out/uuids.txt" in answer.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data=digits"], f"→ {MODEL}"),
        (["data=digits", MODEL, "--to"], "--to features"),
        (["data=digits", MODEL, "--to", "full"], "--to NEW_FOLDER"),
        (["data=digits_multitask", MODEL_OF_MANY, "--to", "new"], "leave --to out"),
        (["data=digits", MODEL, "sed=1"], "seed"),
        (["data=digits", MODEL, "transform=[embed,ood]", "--to", "new"], "leave --to out"),
    ],
)
def test_what_cannot_be_done_is_said_and_nothing_is_written(
    words: list[str], said: str, alrun: Alrun, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "here").touch()
    answer = alrun("embed", *words)
    assert (answer.code, said in answer.err) == (2, True), answer
    assert sorted(one.name for one in tmp_path.iterdir() if one.name != "cache") == ["full"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    composed = Composer(Trust(())).compose(["data=moons", MODEL, "transform=embed"])
    files = feature_files(built_source(composed, Trust(())))
    with Faults(tmp_path) as watch:
        files.write(tmp_path / "whole")
    whole = {one.name: one.read_bytes() for one in (tmp_path / "whole").iterdir()}
    assert whole.keys() == {"embeddings.npy", "targets.txt"}
    for point in range(watch.count):
        place = tmp_path / str(point)
        with suppress(SimulatedCrash), Faults(tmp_path, Crash(point, half=True)):
            files.write(place)
        assert not place.exists() or {one.name: one.read_bytes() for one in place.iterdir()} == whole


def test_what_files_have_no_place_for_is_kept_and_found_again(alrun: Alrun, tmp_path: Path) -> None:
    conf = tmp_path / "my conf" / "learner"
    conf.mkdir(parents=True)
    (conf / "tiny.yaml").write_text(
        "_target_: tiny_net.Tiny\noptimizer: {_target_: torch.optim.SGD, _partial_: true}\n"
    )
    (tmp_path / "tiny_net.py").write_text("from alrun.learner.linear import Linear\nclass Tiny(Linear): pass\n")
    flags = ["--config-dir", "my conf", "--trust", "tiny_net"]
    answer = alrun("embed", *flags, "data=digits", MODEL.replace("mlp", "tiny"))
    assert answer.code == 0, answer
    following = shlex.split(answer.out.partition("alrun ")[2])
    assert {"--config-dir=my conf", "--trust=tiny_net"} <= set(following)
    assert alrun(*following, *SHORT).code == 0
    assert len(list((tmp_path / "cache").rglob("*.npy"))) == 1, "the run computed none anew"
    several = alrun("embed", "data=digits_multitask", MODEL_OF_MANY)
    assert several.code == 0, several


@pytest.mark.parametrize(
    ("names", "kind"), [(["no", "yes"], "txt"), (["1", "2"], "txt"), (["01", "1"], "npy"), (["a\nb", "c"], "npy")]
)
def test_classes_are_written_by_name_where_that_is_read_back(names: list[str], kind: str) -> None:
    spec = TaskSpec(Task.CLASSIFICATION, (2,), 2, class_names=tuple(names))
    rows = torch.arange(40.0).reshape(20, 2)
    source = ArraySource(rows, torch.arange(20) % 2, spec, embeddings=rows.numpy())
    assert feature_files(source).targets[0] == f"targets.{kind}"
