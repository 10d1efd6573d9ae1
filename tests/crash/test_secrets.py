"""R8: a run goes on with another secret, and nothing that is written or said holds one."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import Alrun, info, results, runs  # type: ignore[import-not-found]
from crash_bench import WORDS  # type: ignore[import-not-found]

from alrun.report.runs import find_runs

CLIENT = """
from dataclasses import replace

from alrun.core.types import LabelStatus
from alrun.label.oracle import Oracle

class Keyed(Oracle):
    def __init__(self, token="", rate=1.0, **kwargs):
        super().__init__(**kwargs)
        if not token.startswith("tok-"):
            raise {error}(f"{{token}} is no token")
        self.token = token

    def answer(self, items):
        if self.token == "tok-expired":
            raise RuntimeError("401 for https://labels/?token=" + self.token)
        first, *others = super().answer(items)
        if self.driver.active_learning_step_idx == 2:
            first = replace(first, target=None, status=LabelStatus.FAILED, reason="503 for ?token=" + self.token)
        return [first, *others]
"""
WORD = ("label._target_=keyed.Keyed", "+label.token=${oc.env:TOKEN}", "+label.rate=${alrun.env:RATE,1}")


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    import sys

    def write(error: str = "ValueError") -> None:
        (tmp_path / "keyed.py").write_text(CLIENT.format(error=error))
        sys.modules.pop("keyed", None)

    write()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delenv("RATE", raising=False)
    return write


def without(folder: Path, secret: str) -> None:
    """Assert that no file below ``folder`` holds ``secret``."""
    held = [path for path in folder.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert [path for path in held if path.name != "keyed.py"] == []


def test_a_run_goes_on_with_another_secret(
    client: Callable[..., None], alrun: Alrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["--trust", "keyed", *WORDS, *WORD]
    monkeypatch.setenv("TOKEN", "tok-first-one")
    assert alrun(*words, "name=whole").code == 0
    assert alrun(*words, "budget=6").code == 0
    (run,) = [run for run in runs(tmp_path) if run.parent.name == "default"]

    monkeypatch.setenv("TOKEN", "tok-expired")
    answer = alrun(*words)
    assert answer.code == 1
    assert "https://labels/?token=${oc.env:TOKEN}" in answer.err
    assert "tok-expired" not in answer.err + answer.out
    monkeypatch.setenv("TOKEN", "not-a-token-at-all")
    answer = alrun(*words)
    assert answer.code == 2
    assert "${oc.env:TOKEN} is no token" in answer.err
    client("RuntimeError")
    said = answer.err.partition("\n    →")[0].replace("1 problem\n  label: keyed.Keyed refused it: ", "RuntimeError: ")
    assert alrun(*words).err == f"{said}\n"
    client()

    monkeypatch.setenv("TOKEN", "tok-second-one")
    assert alrun(*words).code == 0
    assert [one.parent.name for one in runs(tmp_path)] == ["default", "whole"]
    assert results(run) == results(next(one for one in runs(tmp_path) if one != run))
    for secret in ("tok-first-one", "tok-expired", "not-a-token", "tok-second-one"):
        without(tmp_path, secret)
    assert alrun(*words).out.count("already finished") == 1

    monkeypatch.delenv("TOKEN")
    assert ": sound; finished" in alrun("verify", str(run)).out
    assert [one.status for one in find_runs([tmp_path])] == ["finished", "finished"]
    monkeypatch.setenv("TOKEN", "tok-second-one")
    monkeypatch.setenv("RATE", "2.75")
    answer = alrun("--trust", "keyed", "resume", str(run), "budget=12")
    assert answer.code == 2
    assert "label.rate: an environment variable has another value than when the run started" in answer.err
    assert "2.75" not in answer.err


def test_a_secret_that_looks_like_an_interpolation_is_text(
    client: Callable[..., None], alrun: Alrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "tok-${oc.env:HOME}-${secret")
    assert alrun("--trust", "keyed", *WORDS, *WORD, "budget=6").code == 0
    answer = alrun("--trust", "keyed", *WORDS, *WORD, "budget=none", "+label.tokn=${oc.env:TOKEN}")
    assert answer.code == 2
    assert "secret" not in answer.err + answer.out
    answer = alrun("-m", "--trust", "keyed", *WORDS, *WORD, "budget=6", "seed=1")
    assert answer.code == 0, answer
    without(tmp_path, "{secret")


def test_a_run_that_was_begun_while_values_counted_goes_on(
    client: Callable[..., None], alrun: Alrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alrun.config.compose import Composer
    from alrun.config.environment import resolve
    from alrun.config.identity import identity_hash
    from alrun.config.targets import Trust
    from alrun.driver.driver import Driver
    from alrun.store.rundir import RunDirectory

    monkeypatch.setattr(Driver, "__algorithm__", 1)  # as then
    monkeypatch.setenv("TOKEN", "tok-first-one")
    words = [*WORDS, *WORD]
    assert alrun("--trust", "keyed", *words, "budget=6").code == 0
    (run,) = runs(tmp_path)
    old = identity_hash(resolve(Composer(Trust(["keyed"])).compose(words).config).values)
    place = run.with_name(run.name[:-8] + old[:8])
    shutil.move(run, place)
    as_format_1(place, identity=old)
    monkeypatch.setenv("TOKEN", "tok-second-one")
    answer = alrun("verify", str(place))
    assert answer.code == 0
    assert "values of secrets still counted" in answer.out
    monkeypatch.setenv("TOKEN", "tok-first-one")
    assert alrun("--trust", "keyed", *words).code == 0
    assert runs(tmp_path) == [place]
    assert info(place)["identity"] != old
    assert "still counted" not in alrun("verify", str(place)).out
    assert RunDirectory(place).info()["labels"] == 9


def as_format_1(run: Path, **values: Any) -> None:
    """Write ``run.json`` as alrun 0.1.0 did."""
    import hashlib
    import json

    body = info(run) | values | {"format": 1, "versions": {"alrun": "0.1.0", "torch": "2.13.0"}, "git": None}
    body = {key: body[key] for key in body if key not in ("digest", "sessions", "algorithms", "environment", "threads")}
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    (run / "run.json").write_text(json.dumps({**body, "digest": digest}))
