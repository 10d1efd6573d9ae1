"""R10: nothing that a config, the environment or a received run holds is run, imported, written outside or fetched."""

from __future__ import annotations

import copy
import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hostile_cases import (  # type: ignore[import-not-found]
    FOLDERS,
    RUN,
    calls,
    contents,
    dumped,
    escaped,
    nodes,
    stored_configs,
    words,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.basecontainer import BaseContainer
from watched import Command, Watch  # type: ignore[import-not-found]

from alrun.config.compose import Composer, resolved
from alrun.config.hydra_loader import checked_node, composed, opened
from alrun.config.hydra_node import hydra_problems
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError

LEAST = 300
REFUSED = object()


@pytest.fixture(autouse=True)
def hostile(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lay a module that springs, a link outside, a hostile environment, and a resolver that runs what it is told."""
    (watch.home / "trap.py").write_text("open('sprung', 'w').close()\n\n\ndef go(*args): ...\n")
    (watch.home / "link").symlink_to(watch.home.parent)
    (watch.home.parent / "sprung.yaml").write_text("mine: {_target_: trap.go}\n")
    for name, value in {"HOSTILE": RUN, "RESOLVER": "canary", "PART": "create", "TARGET": "trap.go"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OUTSIDE", "../../sprung")
    monkeypatch.delenv("NOPE", raising=False)
    monkeypatch.delitem(sys.modules, "trap", raising=False)
    monkeypatch.setattr(BaseContainer, "_resolvers", dict(BaseContainer._resolvers))
    OmegaConf.register_new_resolver("canary", lambda *command: os.system(" ".join(map(str, command))))  # noqa: S605 - the trap
    yield
    assert "trap" not in sys.modules
    assert not (watch.home / "sprung").exists()


def refused(watch: Watch, name: str, action: Any) -> str | None:
    """Return what is wrong with how ``action`` ended: it should raise what is wrong with the config, and do nothing."""
    watch.forget()
    watch.armed = True
    try:
        answer = action()
    except ConfigError as error:
        answer = REFUSED
        if not all(problem.what and (problem.where or "'" in problem.what) for problem in error.problems):
            return f"{name}: says nothing of where: {error}"
    finally:
        watch.armed = False
    if watch.everything:
        return f"{name}: {watch.everything}"
    return None if answer is REFUSED else f"{name}: accepted, {answer!r}"


def test_there_are_many_cases() -> None:
    cases = (calls(), contents(), escaped(), nodes(), words(), FOLDERS, stored_configs())
    assert sum(sum(1 for _ in family) for family in cases) >= LEAST


def test_no_config_calls_what_is_not_offered(watch: Watch) -> None:
    wrong = [refused(watch, name, lambda c=config: resolved(DictConfig(c))) for name, config in calls()]
    assert not [one for one in wrong if one]


def test_what_the_environment_holds_is_data(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = []
    for name, text, config in contents():
        monkeypatch.setenv("HOSTILE", text)
        watch.forget()
        watch.armed = True
        plain = resolved(DictConfig(config))
        watch.armed = False
        if watch.everything or text not in _leaves(plain["x"]):
            wrong.append((name, plain["x"], watch.everything))
    assert not wrong


def _leaves(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(map(_leaves, value.values()))
    return " ".join(map(_leaves, value)) if isinstance(value, list) else str(value)


def test_a_call_that_is_escaped_stays_text(watch: Watch) -> None:
    wrong = []
    for name, config in escaped():
        watch.forget()
        watch.armed = True
        plain = resolved(DictConfig(config))
        watch.armed = False
        if watch.everything or "${" not in _leaves(plain["x"]):
            wrong.append((name, plain, watch.everything))
    assert not wrong


def test_hydras_own_node_takes_none_of_it(watch: Watch) -> None:
    base = checked_node(_base())
    assert not list(hydra_problems(base, Path("outputs/default")))
    wrong = [
        refused(watch, f"hydra.{key}={value}", lambda k=key, v=value: _problems(base, k, v)) for key, value in nodes()
    ]
    assert not [one for one in wrong if one]


def test_hydras_own_node_is_checked_as_it_is_resolved(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    base = _base()
    one_of_each = {(key, type(value)): value for key, value in nodes() if "\0" not in str(value)}
    wrong = []
    for (key, kind), value in one_of_each.items():
        config, given = copy.deepcopy(base), "${own}"
        if kind is str:
            monkeypatch.setenv("HOSTILE", value)
            given = "${oc.env:HOSTILE}"
        else:
            config["own"] = value
        wrong.append(refused(watch, f"hydra.{key}={value}", lambda c=config, k=key, g=given: _with(c, k, g)))
    assert not [one for one in wrong if one]


def _base() -> Any:
    with opened(None) as loader:
        base = composed(loader, ["hydra.mode=MULTIRUN"])
    OmegaConf.set_struct(base, False)
    return base


def _problems(base: Mapping[str, Any], key: str, value: Any) -> None:
    node = copy.deepcopy(dict(base))
    *parents, last = key.split(".")
    place: Any = node
    for parent in parents:
        place = place[parent]
    place[last] = value
    problems = list(hydra_problems(node, Path("outputs/default")))
    if problems:
        raise ConfigError(problems)


def _with(config: Any, key: str, value: Any) -> Any:
    """Return Hydra's node with ``value``; one that its schema refuses is as good as refused."""
    from omegaconf.errors import OmegaConfBaseException

    try:
        OmegaConf.update(config, f"hydra.{key}", value, merge=False, force_add=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"'{error}'") from error
    return checked_node(config)


@pytest.mark.parametrize("line", list(words()), ids=" ".join)
def test_on_the_command_line(line: list[str], alrun: Command, watch: Watch) -> None:
    answer = alrun(*line)
    assert answer.code == 2, answer
    assert "Traceback" not in answer.err
    assert watch.nothing, watch.everything
    assert not (watch.home / "outputs").exists()


@pytest.mark.parametrize("name", FOLDERS)
def test_in_a_config_folder(name: str, alrun: Command, watch: Watch) -> None:
    files, line = FOLDERS[name]
    for place, text in files.items():
        path = watch.home / "own" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    answer = alrun("--config-dir", "own", *line)
    assert answer.code == 2, answer
    assert "Traceback" not in answer.err
    assert watch.nothing, watch.everything
    assert not (watch.home / "outputs").exists()


def test_in_a_received_run(stored: Path, alrun: Command, watch: Watch) -> None:
    """Each is resumed alone; all of them are verified, listed and reported at once."""
    received = watch.home / "many"
    sent, wrong = OmegaConf.load(stored / "config.yaml"), []
    for number, (name, changes) in enumerate(stored_configs()):
        run = received / str(number)
        shutil.copytree(stored, run)
        config = copy.deepcopy(sent)
        for key, value in changes.items():
            OmegaConf.update(config, key, value, merge=False, force_add=True)
        (run / "config.yaml").write_text(dumped(OmegaConf.to_container(config)))
        watch.forget()
        for command in (["resume", str(run), "budget=40"], ["rerun", str(run)]):
            answer = alrun(*command)
            if answer.code == 0 or "Traceback" in answer.err or watch.everything:
                wrong.append((name, command, answer, watch.everything))
    assert not wrong
    for command in (["verify", "many"], ["status", "many"], ["report", "many"]):
        watch.forget()
        answer = alrun(*command)
        assert "Traceback" not in answer.err
        assert watch.nothing, watch.everything


def test_plugins_are_not_looked_for_in_the_working_directory(alrun: Command, watch: Watch) -> None:
    """``--trust`` puts the working directory on the path, where Hydra would import whatever is called a plugin."""
    for name in ("hydra_plugins", "own"):
        (watch.home / name).mkdir()
    (watch.home / "hydra_plugins" / "sprung.py").write_text("import trap\n")
    (watch.home / "own" / "__init__.py").write_text("")
    package = watch.home / "evil-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1\n")
    (package / "entry_points.txt").write_text("[alrun.plugins]\nevil = trap\n")
    answer = alrun("--trust", "own", "data._target_=trap.go")
    assert answer.code == 2
    assert watch.nothing, watch.everything


class TestTheHarness:
    """The watch sees what it is there to see: the same cases without alrun in between."""

    def test_a_resolver_that_runs_something(self, watch: Watch) -> None:
        watch.armed = True
        OmegaConf.to_container(OmegaConf.create({"x": "${canary:echo}"}), resolve=True)
        watch.armed = False
        assert watch.ran

    def test_a_target_that_is_imported(self, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
        from hydra.utils import instantiate

        monkeypatch.syspath_prepend(str(watch.home))
        watch.armed = True
        instantiate({"_target_": "trap.go"})
        watch.armed = False
        assert str(watch.home / "trap.py") in watch.imported
        assert (watch.home / "sprung").exists()
        (watch.home / "sprung").unlink()
        del sys.modules["trap"]

    def test_an_escaped_call_that_is_resolved_twice(self, watch: Watch) -> None:
        watch.armed = True
        once = OmegaConf.to_container(OmegaConf.create({"x": "\\${canary:echo}"}), resolve=True)
        OmegaConf.to_container(OmegaConf.create(once), resolve=True)
        watch.armed = False
        assert watch.ran

    def test_a_connection_a_file_outside_and_a_text_that_is_compiled(self, watch: Watch) -> None:
        watch.armed = True
        with socket.socket() as one, pytest.raises(OSError, match=r"refused|reset|denied|unreachable"):
            one.connect(("127.0.0.1", 9))
        (watch.home.parent / "elsewhere").write_text("x")
        compile("sprung = 1", "<string>", "exec")
        watch.armed = False
        assert watch.fetched
        assert watch.written
        assert watch.ran


def test_the_composer_has_the_loader_that_is_confined() -> None:
    assert type(Composer(Trust()).loader.repository.sources[1]).__name__ == "ConfinedSource"
