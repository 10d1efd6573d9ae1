"""Every tracker holds every step once: of a run that was killed, repeated, prolonged, or handed on later."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from command_line import SMALL, Alrun, Warm, info, only_run, results, tree  # type: ignore[import-not-found]
from mlflow_server import Server  # type: ignore[import-not-found]
from readers import READERS, assert_holds, recorded  # type: ignore[import-not-found]

from alrun.config.paths import conf_dir
from alrun.core.tracking import TrackedRun, Tracker
from alrun.runner.tracked import MeasuredSteps
from alrun.store.disk import DISK, Operation, Watcher

OPTIONS = sorted(path.stem for path in (conf_dir() / "logger").glob("*.yaml"))
#: Module that an option needs, where that is not its name.
NEEDS = {"csv": "csv"}
INSTALLED = [option for option in OPTIONS if find_spec(NEEDS.get(option, option))]
WORDS = (*SMALL, "budget=40", "tags=[pilot,gpu]", "notes=a first try")
KILLS = bool(os.environ.get("ALRUN_KILLS"))
#: Measured but not handed on yet; handed on, and in the next phase; in the last step.
PLACES = ("step_1/metrology", "step_2/query", "step_4/training") if KILLS else ("step_2/metrology",)


def chosen(options: list[str]) -> str:
    return f"logger=[{','.join(options)}]"


def needs(option: str) -> None:
    if option not in INSTALLED:
        pytest.skip(f'{option} is not installed: pip install "alrun[{option}]"')


def test_every_option_can_be_read_back() -> None:
    assert set(OPTIONS) == set(READERS)


@pytest.fixture(scope="module")
def environment(server: Server | None) -> Iterator[dict[str, str]]:
    """Variables that name the server, which are those of this process, too."""
    uri = {"MLFLOW_TRACKING_URI": server.uri} if server else {}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in uri.items():
            patch.setenv(name, value)
        yield uri


@pytest.fixture(scope="module")
def killed(warm_process: Warm, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run under all trackers at once that was killed at each place, beside one that was left in peace."""
    root = tmp_path_factory.mktemp("killed")
    assert warm_process.run(root, *WORDS, "output_dir=peace").code == 0
    for phase in PLACES:
        place = f"outputs/*/*/checkpoints/{phase}"
        cut = warm_process.run(root, *WORDS, chosen(INSTALLED), die_at=place, **environment)
        assert cut.code == -9, cut
    ended = warm_process.run(root, *WORDS, chosen(INSTALLED), **environment)
    assert ended.code == 0, ended
    assert "warning" not in ended.err
    yield only_run(root / "outputs")
    warm_process.end_all()


@pytest.mark.parametrize("option", OPTIONS)
def test_a_run_that_was_killed_has_each_step_once(option: str, killed: Path) -> None:
    needs(option)
    held = assert_holds(option, killed)
    assert len(held.steps) == 4
    if held.described:
        assert all(text in held.described for text in ("pilot", "a first try", "learner.hidden", "[8]"))


@pytest.mark.parametrize("option", OPTIONS)
def test_what_is_handed_on_once_more_is_there_once(
    option: str, killed: Path, warm: Warm, environment: dict[str, str]
) -> None:
    """To the same store, of which nothing is known any more but what it holds; MLflow's is its own file, twice."""
    needs(option)
    own = {"MLFLOW_TRACKING_URI": ""}
    for variables in (own, own) if option == "mlflow" else (environment,):
        told = warm.run(killed.parents[2], "track", str(killed), f"logger={option}", **variables)
        assert told.code == 0, told
    assert_holds(option, killed)
    if option == "mlflow":
        with closing(sqlite3.connect(killed.parents[1] / "mlflow.db")) as database:
            ((rows, distinct),) = database.execute("SELECT count(*), count(DISTINCT key || ' ' || step) FROM metrics")
        assert rows == distinct == sum(len(values) + 1 for _, _, values in recorded(killed))


@pytest.mark.skipif(not KILLS, reason="needs ALRUN_KILLS: starts servers for half a minute")
def test_a_server_that_is_killed_meanwhile_gets_the_rest_later(
    server: Server | None, warm: Warm, environment: dict[str, str], tmp_path: Path
) -> None:
    if server is None:
        pytest.skip('MLflow\'s server is not installed: pip install "alrun[trackers]"')
    words = (*SMALL, "budget=100", "name=cut", "logger=mlflow")
    process = warm.start(tmp_path, *words, **environment)
    process.wait_for(lambda: any(path.name == "metrology" and path.parent.name == "step_2" for path in tree(tmp_path)))
    process.send(signal.SIGSTOP)
    server.kill()
    process.send(signal.SIGCONT)
    ended = process.wait()
    assert ended.code == 0, ended
    run = only_run(tmp_path)
    again = next(line for line in ended.err.splitlines() if "sends what is missing" in line)
    command = shlex.split(again.partition("→ alrun ")[2].partition(" sends")[0])
    server.start()
    assert command == ["track", str(run), "logger=mlflow"]
    assert warm.run(tmp_path, *command, **environment).code == 0
    assert len(assert_holds("mlflow", run).steps) == 10


def test_trackers_change_nothing(killed: Path) -> None:
    peace = only_run(killed.parents[2] / "peace")
    assert results(killed) == results(peace)
    assert killed.name == peace.name


def test_the_same_command_a_larger_budget_and_other_tags(alrun: Alrun, tmp_path: Path) -> None:
    options = [option for option in INSTALLED if option in ("csv", "tensorboard")]
    assert alrun(*SMALL).code == 0
    run = only_run(tmp_path)
    again = alrun(*SMALL, chosen(options), "tags=[one]")
    assert again.code == 0, again
    assert "already finished" in again.out
    for option in options:
        assert len(assert_holds(option, run).steps) == 3
    files = {path: path.read_bytes() for option in options for path in (run / option).iterdir()}
    assert alrun(*SMALL, chosen(options), "tags=[one]").code == 0
    assert {path: path.read_bytes() for path in files} == files
    assert alrun(*SMALL, "budget=40", chosen(options), "tags=[two,three]", "notes=more").code == 0
    for option in options:
        held = assert_holds(option, run)
        assert len(held.steps) == 4
        assert "one" not in held.described
    assert (info(run)["tags"], info(run)["notes"]) == (["two", "three"], "more")
    assert alrun("verify", str(run)).code == 0


def test_damaged_files_of_a_tracker_are_made_anew(small_run: Path, alrun: Alrun, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(small_run, run)
    options = [option for option in INSTALLED if option in ("csv", "tensorboard")]
    assert alrun("track", str(run), chosen(options)).code == 0
    for option in options:
        (file,) = (run / option).iterdir()
        whole = file.read_bytes()
        for damaged in (whole[:-7], whole[:40] + b"x" + whole[41:]):
            file.write_bytes(damaged)
            assert alrun("track", str(run), f"logger={option}").code == 0
            assert file.read_bytes() == whole


def test_a_killed_run_is_handed_on_from_its_commits(alrun: Alrun, warm: Warm, tmp_path: Path) -> None:
    cut = warm.run(tmp_path, *SMALL, die_at="outputs/*/*/checkpoints/step_3/training")
    assert cut.code == -9
    run = only_run(tmp_path)
    assert not (run / "records.parquet").exists()
    told = alrun("track", "outputs", "logger=csv")
    assert told.code == 0, told
    assert (run / "csv" / "metrics.csv").read_text().count("\n") == 3
    assert alrun("resume", str(run)).code == 0
    assert len(recorded(run)) == 3


FAILING = """
from alrun import TrackedRun, Tracker

class Failing(Tracker):
    keeps_files = True
    calls = []

    def project(self, run: TrackedRun) -> None:
        self.calls.append((len(run.points), run.status, sorted(run.files)))
        if len(run.points) == {at} or {at} == 0:
            import random
            random.random()
            raise ConnectionError("nobody answers")
"""


@pytest.mark.parametrize("at", [0, 1])
def test_a_tracker_that_fails_never_stops_the_run(at: int, small_run: Path, alrun: Alrun, tmp_path: Path) -> None:
    module = tmp_path / f"failing_{at}.py"
    module.write_text(FAILING.replace("{at}", str(at)))
    words = (*SMALL, f"+logger.mine._target_=failing_{at}.Failing", "--trust", f"failing_{at}")
    ended = alrun(*words)
    assert ended.code == 0, ended
    run = only_run(tmp_path)
    assert results(run) == results(small_run)
    assert ended.err.count("mine cannot be reached, the run goes on: ConnectionError: nobody answers") == 1
    assert ("the same command again sends what is missing" in ended.err) == (at == 0)
    calls = import_module(f"failing_{at}").Failing.calls
    assert calls[-1][:2] == (3, "finished")
    assert calls[-1][2] == ["acquisitions.parquet", "config.yaml", "records.parquet", "report.html", "timing.csv"]


def test_a_sweep_has_a_report_of_its_own_in_trackers_that_keep_files(alrun: Alrun, tmp_path: Path) -> None:
    """At its end, and handed on later; of one run there is none."""
    module = tmp_path / "keeping.py"
    module.write_text(FAILING.replace("Failing", "Keeping").replace("{at}", "-1").replace("or -1 == 0", "or False"))
    words = ("+logger.mine._target_=keeping.Keeping", "--trust", "keeping")
    assert alrun("-m", *SMALL, "seed=0", *words).code == 0
    calls = import_module("keeping").Keeping.calls
    assert not [call for call in calls if call[2] == ["report.html"]]
    for command in (("-m", *SMALL, "seed=0,1"), ("track", "outputs")):
        calls.clear()
        told = alrun(*command, *words)
        assert told.code == 0, told
        assert calls[-1] == (0, "finished", ["report.html"])
        assert sum(call[2] == ["report.html"] for call in calls) == 1
    assert "2 runs" in (tmp_path / "outputs/default/report/report.html").read_text()


@pytest.mark.parametrize("option", ["mlflow", "wandb"])
def test_the_report_on_a_sweep_is_an_artifact(option: str, warm: Warm, tmp_path: Path) -> None:
    needs(option)
    words = ("-m", *SMALL, "seed=0,1", f"logger={option}")
    for _ in range(2):
        told = warm.run(tmp_path, *words, MLFLOW_TRACKING_URI="")
        assert told.code == 0, told
        assert "warning" not in told.err
    outputs = tmp_path / "outputs"
    page = (outputs / "default/report/report.html").read_bytes()
    if option == "mlflow":
        with closing(sqlite3.connect(outputs / "mlflow.db")) as database:
            runs = dict(database.execute("SELECT name, run_uuid FROM runs WHERE lifecycle_stage = 'active'").fetchall())
        assert len(runs) == 3
        found = [path.read_bytes() for path in (outputs / "mlartifacts").rglob(f"{runs['report']}/**/report.html")]
    else:
        assert len(list((outputs / "wandb").glob("offline-run-*"))) == 3
        found = [path.read_bytes() for path in (outputs / "wandb").glob("offline-run-*/files/**/report.html")]
    assert page in found


def test_tags_and_notes_are_told_and_checked(alrun: Alrun, tmp_path: Path) -> None:
    import alrun as package

    assert alrun(*SMALL, "tags=[pilot,gpu]", "notes=hello").code == 0
    frame = package.runs("outputs")
    assert (frame["tags"][0], frame["notes"][0]) == (["pilot", "gpu"], "hello")
    assert '"pilot"' in alrun("status", "--json").out
    again = alrun(*SMALL, "notes=other")
    assert "already finished" in again.out
    assert (info(only_run(tmp_path))["tags"], info(only_run(tmp_path))["notes"]) == (["pilot", "gpu"], "other")
    swept = alrun("-m", *SMALL, "seed=0", "tags=[]", "logger=csv")
    assert "1 job: 1 finished (1 before" in swept.out, swept
    assert info(only_run(tmp_path))["tags"] == []
    assert_holds("csv", only_run(tmp_path))
    for words in (("tags=pilot",), ("tags=[1]",), ("tags=['a,b']",), ("notes=[a]",)):
        refused = alrun(*SMALL, *words)
        assert refused.code == 2
        assert words[0].partition("=")[0] in refused.err


class Counted(Sequence[Any]):
    """Rows, and how often one was looked at."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.looked = 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: Any) -> Any:
        self.looked += 1
        return self.rows[place]


@pytest.mark.parametrize(("option", "name"), [("csv", "CSV"), ("tensorboard", "TensorBoard")])
def test_a_step_costs_what_is_new(option: str, name: str, tmp_path: Path) -> None:
    """Rows are looked at once, and bytes written once, but where a column is new or the file is not what was left."""
    needs(option)
    tracker: Callable[[], Tracker] = getattr(import_module(f"alrun.logger.{option}"), name)
    one, steps, rows, written = tracker(), MeasuredSteps(tmp_path), Counted(), list[int]()

    class Sizes(Watcher):
        def before(self, operation: Operation) -> None:
            written.append(len(operation.data))

        def after(self, operation: Operation, result: Any) -> None:
            pass

    def grown_by(step: int) -> TrackedRun:
        for metric in ("a", "b") if step < 30 else ("a", "c", "c"):
            at = {"step": step, "labels": 5 * step, "strategy": "m", "split": "test"}
            rows.rows.append({**at, "metric": metric, "value": len(rows) / 7})
        return TrackedRun(tmp_path / "grown", tmp_path, "x", "a" * 64, 0, points=steps.of(rows, whole=True))

    def held(place: str) -> bytes:
        (file,) = (tmp_path / place / option).iterdir()
        return file.read_bytes()

    for number in range(200):
        grown = grown_by(number)
        with DISK.watched_by(Sizes()):
            one.project(grown)
        if number == 100:
            next((tmp_path / "grown" / option).iterdir()).write_bytes(b"something else")
    tracker().project(replace(grown, directory=tmp_path / "once"))
    assert held("grown") == held("once")
    assert rows.looked == len(rows)
    assert sum(written) < 3 * len(held("once"))


ANEW = """
import importlib, json, math, os, sys
from dataclasses import replace
from pathlib import Path
from alrun import Point, TrackedRun

option, name, target = sys.argv[1:]
folder = Path.cwd() / "outputs"
tracker = getattr(importlib.import_module(f"alrun.logger.{option}"), name)
run = TrackedRun(folder / "odd" / "run", folder, "odd", "a" * 64, 0, config={"x.y": 1, "none": None}, tags=["one"])
odd = {"m/a=b(c)": 0.25, "m/a:3db": 0.5, "m/nan": math.nan, "m/inf": math.inf, "m/../x": 1.0, "m/ä": 2.0}
first = [Point(step, 10, 1e9 + step, {**odd, "m/value": float(step)}) for step in (1, 2)]
other = [Point(step, 10, 1e9 + step, {**odd, "m/value": -float(step)}) for step in (1, 2, 3)]
for points in (first, first, other, other):
    one = tracker()
    for count in range(1, len(points) + 1):
        one.project(replace(run, points=points[:count]))
    one.project(replace(run, points=points, status="finished"))
    one.close()
"""


@pytest.mark.parametrize(("option", "name"), [("mlflow", "MLflow"), ("trackio", "Trackio"), ("wandb", "WandB")])
def test_other_results_replace_what_was_held_and_odd_names_stay_apart(
    option: str, name: str, warm: Warm, tmp_path: Path
) -> None:
    """Two steps at one number of labels, names and numbers that trackers refuse, and a run that was computed anew."""
    needs(option)
    run = tmp_path / "outputs" / "odd" / "run"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("x: 1\n")
    told = warm.run(tmp_path, option, name, "x", code=ANEW, MLFLOW_TRACKING_URI="")
    assert told.code == 0, told
    if option == "mlflow":
        with closing(sqlite3.connect(tmp_path / "outputs" / "mlflow.db")) as database:
            (kept,) = database.execute("SELECT run_uuid FROM tags WHERE key = 'alrun.run'").fetchall()
            values = database.execute("SELECT key, value FROM metrics WHERE run_uuid = ? ORDER BY timestamp", kept)
            found = [(key, value) for key, value in values if key != "step"]
            assert database.execute("SELECT count(*) FROM runs").fetchall() == [(2,)]
    else:
        found = [pair for _, _, step in READERS[option][0](run).steps for pair in step.items()]
    assert [value for key, value in found if key.endswith("/value")] == [-1.0, -2.0, -3.0]
    assert len(found) == 3 * 7
    assert len({key for key, _ in found}) == 7
