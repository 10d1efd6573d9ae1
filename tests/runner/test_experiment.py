"""Where a run lies, when it is finished, and what it refuses to continue."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from alrun.config.compose import Composer
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, IdentityMismatch, LockedError, StoreError
from alrun.runner.jobs import checked, rehearsed
from alrun.runner.run import Experiment
from alrun.store.lock import RunLock

SMALL = (
    *("data=moons", "data.n_samples=200", "learner.hidden=[4]", "training.max_epochs=1"),
    *("initial_size=4", "query_size=4", "budget=12", "progress=false"),
)
Make = Callable[..., Experiment]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ``output_dir`` with the run of ``SMALL``, finished; to be copied."""
    folder = tmp_path_factory.mktemp("ended")
    experiment = Experiment(Composer(Trust()).compose([*SMALL, f"output_dir={folder}"]), Trust())
    assert experiment.run().exit_code == 0
    return folder


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def experiment(*words: str) -> Experiment:
        return Experiment(Composer(Trust()).compose([*SMALL, f"output_dir={tmp_path}", *words]), Trust())

    return experiment


def edit(experiment: Experiment, **values: Any) -> None:
    experiment.directory.write_info(experiment.directory.info() | values)


def test_the_place_is_a_function_of_what_counts(make: Make, tmp_path: Path) -> None:
    path = make().directory.path
    assert path.parent == tmp_path / "default"
    assert path.name.startswith("moons-mlp-entropy-s0-")
    assert make("budget=40", "max_steps=3", "fresh=true", "logger=csv").directory.path == path
    assert make("name=other").directory.path == tmp_path / "other" / path.name
    others = [make(word).directory.path for word in ("seed=1", "query=margin", "learner.dropout=0.2", "query_size=3")]
    assert len({path, *others}) == 5


def test_what_is_finished(make: Make) -> None:
    assert make().finished() is None
    assert make().run().exit_code == 0
    done = make().finished()
    assert done is not None
    assert done.answered
    assert make().run().answered
    assert make("budget=8").finished() is not None
    assert make("budget=16").finished() is None
    assert make("fresh=true").finished() is None
    assert make("max_steps=1").finished() is None
    assert make("stopping=wall_clock").finished() is None
    edit(make(), status="running")
    assert make().finished() is None
    edit(make(), status="finished", identity="0" * 64)
    assert make().finished() is None


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"fingerprint": "other"}, "the data have changed"),
        ({"algorithms": {"query.entropy": 2}}, "query.entropy: the run started with algorithm 2"),
        ({"identity": "0" * 64}, "another config"),
    ],
)
def test_what_it_refuses_to_continue(
    values: dict[str, Any], part: str, make: Make, ended: Path, tmp_path: Path
) -> None:
    copytree(ended, tmp_path, dirs_exist_ok=True)
    edit(make(), **values)
    before = (make().directory.path / "run.json").read_text()
    with pytest.raises(IdentityMismatch, match=part):
        make("budget=16").run()
    assert (make().directory.path / "run.json").read_text() == before


def test_a_damaged_description_is_no_new_run(make: Make, ended: Path, tmp_path: Path) -> None:
    copytree(ended, tmp_path, dirs_exist_ok=True)
    (make().directory.path / "run.json").write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        make().run()


def test_nothing_is_left_of_a_run_that_never_began(make: Make, tmp_path: Path) -> None:
    for words in (("learner=cnn",), ("query=bald",), ("initial_size=500", "budget=500")):
        with pytest.raises(ConfigError):
            make(*words).run()
    assert list(tmp_path.iterdir()) == []


def test_who_is_turned_away_touches_nothing(make: Make) -> None:
    experiment = make()
    with RunLock(experiment.directory.path):
        with pytest.raises(LockedError, match="process"):
            make().run()
        assert (experiment.directory.path / ".lock").exists()
    assert experiment.run().exit_code == 0


def test_jobs_are_rehearsed_before_the_first(make: Make, tmp_path: Path) -> None:
    words = [*SMALL, f"output_dir={tmp_path}", "learner=mlp,cnn", "seed=0,1", "query=entropy,bald"]
    jobs = Composer(Trust()).compose_sweep([word for word in words if word != "learner.hidden=[4]"])
    with pytest.raises(ConfigError) as caught:
        checked(jobs, Trust())
    assert len(caught.value.problems) == 1
    with pytest.raises(ConfigError) as caught:
        rehearsed(jobs, Trust())
    assert len(caught.value.problems) == 2
    assert list(tmp_path.iterdir()) == []
