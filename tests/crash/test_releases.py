"""R8: what decides whether a run goes on is the format of its directory and the numbers of its algorithms."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from crash_bench import WORDS, composed, digests, run  # type: ignore[import-not-found]

import alrun
from alrun.cli.main import main
from alrun.config.paths import conf_dir
from alrun.core.algorithms import number_of
from alrun.core.errors import FormatError, IdentityMismatch, StrategyError
from alrun.query.entropy import Entropy
from alrun.runner import sessions
from alrun.runner.verify import verify
from alrun.store.rundir import RunDirectory
from alrun.testing.faults import Crash, Faults, SimulatedCrash

PACKAGE = Path(alrun.__file__).parent


def release(folder: Path, version: str) -> Path:
    """Return where a copy of alrun lies that calls itself ``version``."""
    copytree(PACKAGE, folder / "alrun")  # with what is compiled, of which the changed module alone is compiled anew
    copytree(conf_dir(), folder / "conf")
    init = folder / "alrun" / "__init__.py"
    told = init.read_text(encoding="utf-8")
    assert f'"{alrun.__version__}"' in told
    init.write_text(told.replace(f'"{alrun.__version__}"', f'"{version}"'), encoding="utf-8")
    return folder


def test_two_patch_releases_later_a_run_goes_on_and_a_changed_algorithm_is_said(
    finished: Callable[..., Path], fresh: Callable[[], Path], tmp_path: Path
) -> None:
    place, changed = fresh(), fresh()
    with suppress(SimulatedCrash), Faults(place, Crash(200)):
        run(place)
    assert RunDirectory(place).info()["status"] == "running"
    copytree(place, changed)
    folder = release(tmp_path / "later", "0.1.2")
    script = (
        "import sys; from alrun.cli.main import main; from alrun.query.entropy import Entropy; import alrun\n"
        f"assert alrun.__file__.startswith({str(folder)!r})\n"
        "first = main(['resume', sys.argv[1]]); Entropy.__algorithm__ = 2\n"
        "sys.exit(10 * first + main(['resume', sys.argv[2]]))"
    )
    command = [sys.executable, "-c", script, str(place), str(changed)]
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert answer.returncode == 2, answer.stderr
    notice = f"alrun {alrun.__version__} → 0.1.2 since the last session: the algorithms are the same, the run continues"
    assert f"warning: {notice}\n" in answer.stderr
    assert notice in (place / "alrun.log").read_text()
    assert digests(place) == digests(finished())
    assert [one["versions"]["alrun"] for one in RunDirectory(place).info()["sessions"]] == [alrun.__version__, "0.1.2"]
    verdict = verify(place)
    assert verdict.holds
    assert any(f"with alrun {alrun.__version__} → 0.1.2" in finding.what for finding in verdict.findings)
    assert "query.entropy: the run started with algorithm 1; this alrun has algorithm 2" in answer.stderr
    assert f"alrun rerun {changed} keeps the labels" in answer.stderr


def test_every_part_that_changes_results_counts(finished: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from alrun.core import row_random
    from alrun.core.seeding import Seeds
    from alrun.data.source import ArraySource
    from alrun.driver.driver import Driver
    from alrun.driver.phases.metrology import MetrologyPhase
    from alrun.learner.base import Learner
    from alrun.training.fabric import FabricLoop

    place = finished("budget=6")
    before = (place / "run.json").read_bytes()
    noted = RunDirectory(place).info()["algorithms"]
    assert {key: number for key, number in noted.items() if number != 1} == {"driver": 3}
    assert {"data", "learner", "training.loop", "inference", "cold_start", "query.entropy", "label"} < noted.keys()
    parts: dict[str, list[Any]] = {
        "query.entropy": [Entropy, Entropy.__mro__[1]],
        "driver": [Driver, MetrologyPhase],
        "seeding": [Seeds, row_random],
        "data": [ArraySource],
        "learner": [Learner],
        "training.loop": [FabricLoop],
    }
    for key, holders in parts.items():
        for holder in holders:
            with monkeypatch.context() as patch:
                patch.setattr(holder, "__algorithm__", 4, raising=False)
                now = 6 if holder is MetrologyPhase else 4
                with pytest.raises(
                    IdentityMismatch, match=rf"{key}: .* algorithm [13]; this alrun has algorithm {now}"
                ):
                    run(place)
    assert (place / "run.json").read_bytes() == before


def test_numbers_of_algorithms(monkeypatch: pytest.MonkeyPatch) -> None:
    class Base:
        """Adds two."""

        __algorithm__ = 3

    class Derived(Base):
        """Adds one more."""

        __algorithm__ = 2

    assert number_of(Derived) == 4
    assert number_of(Derived, Base) == 6
    assert number_of(int) == number_of(json.loads) == 1
    monkeypatch.setattr(json, "__algorithm__", 2, raising=False)
    assert number_of(json.loads) == 2
    for wrong in (0, True, "2", None):
        Derived.__algorithm__ = wrong  # type: ignore[assignment]
        with pytest.raises(StrategyError, match="not a whole number"):
            number_of(Derived)


def test_formats(finished: Callable[..., Path], copied: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """An older one goes on, and is written as today's; a newer one stays as it is, whatever is typed."""
    from alrun.driver.driver import Driver

    place = copied("budget=6")
    directory = RunDirectory(place)
    stored = directory.info()
    added = ("sessions", "algorithms", "environment", "threads", "format")
    older = {key: value for key, value in stored.items() if key not in added}
    directory.write_info({**older, "format": 1, "versions": {"alrun": "0.0.9", "torch": "2.12.0"}, "git": None})
    assert verify(place).holds
    with pytest.raises(IdentityMismatch, match="driver: the run started with algorithm 1"):
        run(place)
    with monkeypatch.context() as patch:
        patch.setattr(Driver, "__algorithm__", 1)
        assert run(place).info["labels"] == 9
    assert digests(place) == digests(finished())
    info = directory.info()
    assert info["algorithms"] == {**stored["algorithms"], "driver": 1}
    assert [one["versions"]["torch"] for one in info["sessions"]] == [
        "2.12.0",
        stored["sessions"][0]["versions"]["torch"],
    ]
    assert "torch 2.12.0 → " in (place / "alrun.log").read_text()

    info["sessions"][-1]["versions"]["alrun"] = "7.1"
    directory.write_info({**info, "format": 99})
    before = (place / "run.json").read_bytes()
    for words in ((), ("repair=true",), ("budget=12",)):
        with pytest.raises(FormatError, match=r"(?s)format 99.*pip install 'alrun>=7\.1'"):
            run(place, *words)
    assert not verify(place).holds
    assert (place / "run.json").read_bytes() == before
    assert main(["resume", str(place)]) == 2


def test_a_run_that_knows_a_key_by_its_former_name_goes_on(
    fresh: Callable[[], Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place = fresh()
    write = RunDirectory.write_config
    with monkeypatch.context() as patch:
        patch.setattr(
            RunDirectory, "write_config", lambda self, text: write(self, text.replace("\nrepair:", "\nmend:"))
        )
        run(place, "budget=6")
    assert "\nmend: false\n" in (place / "config.yaml").read_text()
    assert verify(place).holds
    assert main(["resume", str(place), "budget=9"]) == 0
    capsys.readouterr()
    assert main(["validate", "mend=true"]) == 2
    assert "unknown key 'mend'\n    → did you mean repair?" in capsys.readouterr().err


def test_sessions_on_another_machine_are_noted_and_said(
    finished: Callable[..., Path], fresh: Callable[[], Path], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    place = fresh()
    for budget in ("3", "6", "6"):
        run(place, f"budget={budget}", "max_steps=1")
    assert "warning" not in capsys.readouterr().err
    (one,) = RunDirectory(place).info()["sessions"]
    assert one["count"] == 2
    now = sessions.session_now()
    assert {"capability", "processor", "cores", "onednn"} <= now["machine"].keys()
    elsewhere = {
        "versions": {**now["versions"], "torch": "2.99"},
        "machine": {**now["machine"], "capability": "AVX999"},
    }
    monkeypatch.setattr("alrun.runner.journal.session_now", lambda: elsewhere)
    assert run(place).info["labels"] == 9
    told = capsys.readouterr().err
    assert f"torch {now['versions']['torch']} → 2.99" in told
    assert f"capability {now['machine']['capability']} → AVX999" in told
    assert "may differ" in told
    assert [one["machine"]["capability"] for one in RunDirectory(place).info()["sessions"]][1:] == ["AVX999"]
    assert digests(place) == digests(finished())


def test_the_config_of_the_tests_is_the_one_that_is_resumed() -> None:
    assert composed().config.query.entropy._target_ == "alrun.query.entropy.Entropy"
    assert "budget=9" in WORDS
