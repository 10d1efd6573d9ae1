"""What is exported of a run: used without alrun, valid, safe in a spreadsheet, written whole or not at all."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pytest
from command_line import Alrun, only_run  # type: ignore[import-not-found]

import alrun as package
from alrun.testing.faults import Crash, Faults, SimulatedCrash

SHORT = ("training.max_epochs=1", "initial_size=10", "budget=10", "progress=false")
LEARNERS: Mapping[str, tuple[str, ...]] = {
    "mlp": ("data=moons", "learner.batch_norm=true"),
    "gaussian": ("data=diabetes", "metrology=regression"),
    "cnn": ("data=digits", "learner=cnn", "data.image=true"),
    "multitask": ("data=digits_multitask", "learner=multitask", "query=multitask", "metrology=[]"),
    "ensemble": ("data=moons", "inference=ensemble", "inference.num_members=2"),
}
#: Runs where alrun cannot be imported: prints what each loader predicts.
ELSEWHERE = """
import json, pathlib, runpy, sys
sys.modules["alrun"] = sys.modules["lightning"] = None
from safetensors.torch import load_file
told = {}
for folder in sys.argv[1:]:
    sys.path.insert(0, folder)
    loaded = runpy.run_path(folder + "/load.py")
    if "predict" in loaded:
        inputs = load_file(folder + "/inputs.safetensors")["inputs"]
        told[pathlib.Path(folder).name] = loaded["predict"](inputs).tolist()
    sys.modules.pop("network", None)
    sys.path.pop(0)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, tuple[Path, Path]]:
    """Run and export of each learner."""
    from alrun.cli.main import main

    home = tmp_path_factory.mktemp("exports")
    found = {}
    for name, words in LEARNERS.items():
        assert main([*words, *SHORT, f"output_dir={home / 'runs' / name}"]) == 0
        found[name] = (only_run(home / "runs" / name), home / name)
        assert main(["export", str(found[name][0]), "--to", str(home / name)]) == 0
    return found


def test_the_loader_predicts_what_the_learner_does_without_alrun(
    exports: Mapping[str, tuple[Path, Path]], tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import load_file

    folders = [str(folder) for _, folder in exports.values()]
    answer = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *folders], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    told = json.loads(answer.stdout)
    assert told.keys() == exports.keys() - {"ensemble"}
    for name, outputs in told.items():
        run, folder = exports[name]
        inputs = load_file(folder / "inputs.safetensors")["inputs"]
        with torch.no_grad():
            expected = package.Run(run).learner()(inputs)
        assert torch.equal(torch.tensor(outputs), expected), name
    bare = (exports["ensemble"][1] / "load.py").read_text()
    assert "its class must be installed: alrun.learner.mlp.MLP" in bare


@pytest.mark.parametrize("name", LEARNERS)
def test_tables_are_those_of_the_run(name: str, exports: Mapping[str, tuple[Path, Path]]) -> None:
    run, folder = exports[name]
    labeled = pd.read_parquet(folder / "labeled.parquet")
    assert labeled.equals(package.Run(run).labels)
    assert len(pd.read_csv(folder / "labeled.csv")) == len(labeled)
    assert pd.read_parquet(folder / "records.parquet").equals(package.Run(run).records)


@pytest.mark.filterwarnings("ignore")  # of what the validator is built on
def test_the_validator_of_croissant_reads_the_tables(exports: Mapping[str, tuple[Path, Path]]) -> None:
    croissant = pytest.importorskip("mlcroissant")
    run, folder = exports["mlp"]
    dataset = croissant.Dataset(str(folder / "croissant.json"))
    assert not dataset.metadata.issues.errors
    for name, table in {"labeled": package.Run(run).labels, "records": package.Run(run).records}.items():
        rows = pd.DataFrame(list(dataset.records(name)))
        assert list(rows.columns) == [f"{name}/{column}" for column in table.columns]
        numbers = table.select_dtypes("number").dropna(axis="columns")  # annotation times are not known
        assert rows[[f"{name}/{column}" for column in numbers]].to_numpy().tolist() == numbers.to_numpy().tolist()


def test_it_is_asked_for(alrun: Alrun, exports: Mapping[str, tuple[Path, Path]], tmp_path: Path) -> None:
    run = exports["mlp"][0]
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    refused = alrun("export", str(run), "--to", str(tmp_path / "full"))
    assert (refused.code, "something is there already" in refused.err) == (2, True)
    (tmp_path / "empty").mkdir()
    answer = alrun("export", str(run), "--to", str(tmp_path / "empty"), "--json")
    told = json.loads(answer.out)
    assert told["files"] == {path.name: path.stat().st_size for path in (tmp_path / "empty").iterdir()}
    missing = alrun("export", str(run), "--step", "7", "--to", str(tmp_path / "seven"))
    assert (missing.code, "steps that have weights: 1" in missing.err) == (1, True)
    assert not (tmp_path / "seven").exists()


def test_death_leaves_all_or_nothing(exports: Mapping[str, tuple[Path, Path]], tmp_path: Path) -> None:
    from alrun.config.targets import Trust
    from alrun.export.bundle import bundle_of
    from alrun.store.rundir import RunDirectory

    bundle = bundle_of(RunDirectory(exports["mlp"][0]), Trust())
    with Faults(tmp_path) as watch:
        bundle.write(tmp_path / "whole")
    for point in range(watch.count):
        place = tmp_path / f"part-{point}"
        with suppress(SimulatedCrash), Faults(tmp_path, Crash(point, half=True)):
            bundle.write(place)
        assert not place.exists() or {path.name for path in place.iterdir()} == set(bundle.files)


def test_text_of_a_run_is_no_formula_and_no_program(alrun: Alrun, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text(
        "a,b,y\n" + "".join(f"{n},{n % 7},{'=1+1' if n % 2 else 'no'}\n" for n in range(40))
    )
    assert alrun("data=table", "data.path=own.csv", "data.target=y", *SHORT).code == 0
    run = only_run(tmp_path)
    (run / "config.yaml").write_text(
        (run / "config.yaml").read_text().replace("alrun.learner.mlp.MLP", 'evil"""+__import__("os").getcwd()+"""')
    )
    answer = alrun("export", str(run), "--to", "out")
    assert answer.code == 0
    assert "not the name of a class" in answer.err
    loader = (tmp_path / "out" / "load.py").read_text()
    compile(loader, "load.py", "exec")
    assert loader.count('"""') == 2
    with (tmp_path / "out" / "labeled.csv").open() as stream:
        assert not any(cell.startswith("=") for row in csv.reader(stream) for cell in row)
