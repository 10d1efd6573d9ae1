"""R5: every file that the commits say again is missed when it is gone or changed, and is written anew."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crash_bench import digests, run  # type: ignore[import-not-found]
from failing_strategies import Metrology  # type: ignore[import-not-found]

from alrun.cli.main import main
from alrun.config.compose import Composer
from alrun.config.targets import Trust
from alrun.runner.outcome import Outcome
from alrun.runner.run import Experiment
from alrun.runner.verify import verify
from alrun.store.projections import changed_projections
from alrun.store.rundir import RunDirectory

RECORDS = "metrology/classification/records.json"
PROJECTIONS = ("records.parquet", "acquisitions.parquet", "config.yaml", RECORDS, "metrology/acquisition/records.json")


def spoil(path: Path, how: str) -> None:
    if how == "gone":
        path.unlink()
    elif how == "torn":
        path.write_bytes(path.read_bytes()[:-7])
    elif how == "zeroed":
        path.write_bytes(bytes(path.stat().st_size))
    else:
        path.write_bytes(path.read_bytes()[:-1] + b" ")


def wrong(place: Path) -> list[str]:
    return [finding.where for finding in verify(place).findings if not finding.harmless]


@pytest.mark.parametrize("name", PROJECTIONS)
def test_one_that_is_damaged_is_named_and_comes_back(
    name: str, copied: Callable[..., Path], finished: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = copied()
    assert sorted(RunDirectory(place).info()["projections"]) == sorted(PROJECTIONS)
    for how in ("gone", "torn", "zeroed", "changed"):
        spoil(place / name, how)
        assert wrong(place) == [name], how
        again = run(place)
        assert not again.answered
        assert again.info["status"] == "finished"
        assert (place / name).read_bytes() == (finished() / name).read_bytes()
        assert verify(place).findings == ()
        assert digests(place) == digests(finished())
        assert run(place).answered
    spoil(place / name, "torn")
    assert main(["verify", str(place)]) == 1
    said = " ".join(capsys.readouterr().out.split())
    if name == "config.yaml":
        assert "to repair: repeat the command that started the run, with repair=true" in said
        assert run(place, "repair=true").info["status"] == "finished"
    else:
        assert f"to repair: alrun resume {place} repair=true" in said
        assert main(["resume", str(place), "repair=true"]) == 0
    assert verify(place).findings == ()


def test_resume_repairs_by_itself_and_says_what_it_cannot(
    copied: Callable[..., Path], finished: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    place = copied()
    shutil.rmtree(place / "metrology")
    assert main(["resume", str(place)]) == 0
    assert (place / RECORDS).read_bytes() == (finished() / RECORDS).read_bytes()
    assert f"{RECORDS} is missing: written anew" in (place / "alrun.log").read_text()
    (place / "config.yaml").write_bytes(b"{")
    capsys.readouterr()
    assert main(["resume", str(place)]) == 2
    assert "repeat the command that started the run" in capsys.readouterr().err
    assert not run(place).answered
    assert main(["resume", str(place)]) == 0


def test_what_run_json_names_elsewhere_is_not_read(copied: Callable[..., Path], tmp_path: Path) -> None:
    place = copied()
    directory = RunDirectory(place)
    (tmp_path / "secret").write_text("secret")
    (place / "link").symlink_to(tmp_path / "secret")
    seal = {"size": 6, "sha256": "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"}
    names = ("../secret", str(tmp_path / "secret"), "", "link", "labels", "n" * 300)
    told = dict(changed_projections(directory, dict.fromkeys(names, seal)))
    assert [told[name] for name in names[:3]] == ["leads elsewhere"] * 3
    assert told["link"] == "it is a link, or reached through one"
    assert told["labels"] == "it is a folder, not a file"
    assert "too long" in told["n" * 300]
    (place / "link").unlink()
    directory.write_info({**directory.info(), "projections": [1]})
    assert wrong(place) == ["run.json"]


class Foreign(Metrology):
    """Writes its records in its own way, past the store, and notes when it is asked to."""

    def serialize_records(self, path: Any = None, *args: Any, **kwargs: Any) -> None:
        CALLS.append(len(self.records))
        (self.strategy_dir / "mine.txt").write_text(json.dumps(self.records))


CALLS: list[int] = []


def test_a_strategy_that_writes_in_its_own_way(tmp_path: Path) -> None:
    words = ["data=moons", "data.n_samples=60", "learner.hidden=[2]", "training.max_epochs=1", "progress=false"]
    words += ["initial_size=2", "query_size=2", "budget=6", "+metrology.mine._target_=test_projections.Foreign"]
    trust = Trust(["test_projections"])

    def go(*more: str) -> Outcome:
        CALLS.clear()
        return Experiment(Composer(trust).compose([*words, *more]), trust, place=tmp_path / "run").run()

    assert go().info["status"] == "finished"
    assert CALLS == [1, 2, 3], "once a metrology phase, after compute"
    file = tmp_path / "run/metrology/mine/mine.txt"
    content = file.read_text()
    file.unlink()
    assert wrong(tmp_path / "run") == ["metrology/mine/mine.txt"]
    assert not go().answered
    assert CALLS == [3], "once, with all that was committed"
    assert file.read_text() == content
    go("budget=8")
    assert CALLS == [3, 4], "once when it goes on, then as before"
    assert verify(tmp_path / "run").findings == ()
