"""R10: what a config may name is decided before anything is imported, wherever in the config it stands."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml
from watched import Command, Watch  # type: ignore[import-not-found]

#: What an attacker would have built. The module ``trap`` lies in the working directory and springs when imported.
TARGETS = (
    "os.system",
    "builtins.open",
    "builtins.exec",
    "subprocess.Popen",
    "importlib.import_module",
    "logging.os.system",
    "alrun.data.arrays.np.load",
    "torch.hub.load",
    "torch.nn.functional.importlib.import_module",
    "hydra.utils.call",
    "alrun.store.files.remove_tree",
    "trap.go",
)
NODE = "{{_target_: {target}}}"
#: Where it can be put: the words, and the key that the message must name.
PLACES: dict[str, tuple[tuple[str, ...], str]] = {
    "the target of a group": (("data._target_={target}",), "data._target_"),
    "the target of a strategy": (("query.entropy._target_={target}",), "query.entropy._target_"),
    "a partial": (("learner.optimizer._target_={target}",), "learner.optimizer._target_"),
    "a list": (("+learner.layers=[1,[{node}]]",), "learner.layers[1][0]._target_"),
    "a node that was plain": (("+training.loop.plugin={node}",), "training.loop.plugin._target_"),
    "positional arguments": (("+callbacks.x={{_target_: {target}, _args_: [touch sprung]}}",), "callbacks.x._target_"),
    "a function, partial": (
        ("training.train_step_fn={{_target_: {target}, _partial_: true}}",),
        "training.train_step_fn._target_",
    ),
    "an interpolation": (
        ("+query.entropy.hidden={target}", "learner._target_=${{query.entropy.hidden}}"),
        "learner._target_",
    ),
    "the environment": (("learner._target_=${{alrun.env:HOSTILE}}",), "learner._target_"),
    "a secret": (("learner._target_=${{oc.env:HOSTILE}}",), "learner._target_"),
    "callbacks of Hydra": (("+hydra.callbacks.x={node}",), "hydra.callbacks.x._target_"),
    "the sweeper": (("hydra.sweeper._target_={target}",), "hydra.sweeper._target_"),
    "the launcher": (("hydra.launcher._target_={target}",), "hydra.launcher._target_"),
}
#: Everything that is wrong is said at once, so one command puts the target in several places; two name one key.
TOGETHER: dict[str, list[str]] = {
    "the environment": ["the environment"],
    "a secret": ["a secret"],
    "Hydra's node": ["callbacks of Hydra", "the sweeper", "the launcher"],
}
TOGETHER["the config"] = [place for place in PLACES if not any(place in places for places in TOGETHER.values())]


@pytest.fixture(autouse=True)
def trap(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay a module in the working directory, which an import of it would run."""
    (watch.home / "trap.py").write_text("from pathlib import Path\n\nPath('sprung').touch()\n\n\ndef go(): ...\n")
    monkeypatch.delitem(sys.modules, "trap", raising=False)


def assert_unharmed(watch: Watch) -> None:
    assert "trap" not in sys.modules
    assert watch.nothing, (watch.ran, watch.written, watch.read)
    assert not (watch.home / "sprung").exists()
    assert not (watch.home / "outputs").exists()


def assert_says_why(err: str, target: str, key: str) -> None:
    assert key in err, err
    assert repr(target) in err or target in err
    assert "is not trusted" in err or "is not Hydra's own" in err, err
    assert "→" in err, "does not say what to do"


@pytest.mark.parametrize("places", TOGETHER.values(), ids=TOGETHER)
@pytest.mark.parametrize("target", TARGETS)
def test_on_the_command_line(
    target: str, places: list[str], alrun: Command, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTILE", target)
    words = [word for place in places for word in PLACES[place][0]]
    answer = alrun(*(word.format(target=target, node=f"{{_target_: {target}}}") for word in words))
    assert answer.code == 2, answer
    told = "${oc.env:HOSTILE}" if "a secret" in places else target
    silent = [place for place in places if PLACES[place][1] not in answer.err]
    for place in set(places) - set(silent):
        assert_says_why(answer.err, told, PLACES[place][1])
    assert_unharmed(watch)
    for place in silent:  # what could be a name of the place is looked up when all others have passed
        answer = alrun(*(word.format(target=target, node=f"{{_target_: {target}}}") for word in PLACES[place][0]))
        assert answer.code == 2, answer
        assert_says_why(answer.err, told, PLACES[place][1])
        assert_unharmed(watch)


@pytest.mark.parametrize("target", TARGETS)
def test_in_a_config_folder(target: str, alrun: Command, watch: Watch) -> None:
    place = watch.home / "own" / "query" / "mine.yaml"
    place.parent.mkdir(parents=True)
    place.write_text(
        yaml.safe_dump({"mine": {"_target_": "alrun.query.random.Random", "inner": [{"_target_": target}]}})
    )
    answer = alrun("--config-dir", "own", "query=mine")
    assert answer.code == 2
    assert_says_why(answer.err, target, "query.mine.inner[0]._target_")
    assert_unharmed(watch)


@pytest.mark.parametrize("target", TARGETS)
def test_in_an_experiment_that_brings_its_own_hydra(target: str, alrun: Command, watch: Watch) -> None:
    place = watch.home / "own" / "experiment" / "mine.yaml"
    place.parent.mkdir(parents=True)
    handler = {"handlers": {"x": {"class": target}}}
    text = {"hydra": {"job_logging": handler, "callbacks": {"x": {"_target_": target}}}}
    place.write_text("# @package _global_\n" + yaml.safe_dump(text))
    answer = alrun("--config-dir", "own", "experiment=mine")
    assert answer.code == 2
    assert target in answer.err
    assert_unharmed(watch)


@pytest.mark.parametrize("target", TARGETS)
def test_in_a_stored_run(target: str, alrun: Command, watch: Watch, stored: Path) -> None:
    config = yaml.safe_load((stored / "config.yaml").read_text())
    config["learner"]["optimizer"]["_target_"] = target
    (stored / "config.yaml").write_text(yaml.safe_dump(config))
    answer = alrun("resume", str(stored), "budget=40")
    assert answer.code == 2
    assert_says_why(answer.err, target, "learner.optimizer._target_")
    assert "trap" not in sys.modules
    assert not watch.ran
    assert not (watch.home / "sprung").exists()


@pytest.mark.parametrize(
    "word", ["hydra.searchpath=[pkg://os]", "+hydra.searchpath=[file:///tmp]", "hydra.job.chdir=true"]
)
def test_hydra_is_led_nowhere(word: str, alrun: Command, watch: Watch) -> None:
    answer = alrun(word)
    assert answer.code == 2
    assert word.lstrip("+").split("=")[0] in answer.err
    assert_unharmed(watch)


def test_trust_is_never_in_a_config(alrun: Command, watch: Watch) -> None:
    for word in ("+trust=[trap]", "+hydra.trust=[trap]"):
        assert alrun(word, "data._target_=trap.go").code == 2
    assert_unharmed(watch)
    assert os.environ.get("ALRUN_TRUST") is None
