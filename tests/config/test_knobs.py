"""Settings: what a key is, is said in its dataclass, and from there comes everything else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from alrun.cli.ls import knobs
from alrun.cli.validate import run as validate
from alrun.config import check, identity
from alrun.config import knobs as settings_checks
from alrun.config.compose import Composer, resolved
from alrun.config.knobs import knob_problems
from alrun.config.paths import conf_dir
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError
from alrun.core.knobs import Effect, Group, Knob, defaults, group, iterate_terms, knob, read, terms, written
from alrun.core.settings import Config, Reset, Settings, TrainingSettings
from alrun.report.variants import NOT_AN_EXPERIMENT

ALL = dict(iterate_terms(Config))
KNOBS = {key: term for key, term in ALL.items() if isinstance(term, Knob)}


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return resolved(Composer(Trust()).compose([]).config)


def value(config: dict[str, Any], key: str) -> Any:
    head, _, name = key.rpartition(".")
    return (config[head] if head else config)[name]


def keys(node: Any, prefix: str = "") -> Iterator[str]:
    for key, item in node.items():
        yield f"{prefix}{key}"
        if isinstance(item, dict) and "_target_" not in item:
            yield from keys(item, f"{prefix}{key}.")


@pytest.mark.parametrize("key", KNOBS)
def test_a_config_has_the_defaults_that_python_has(key: str, config: dict[str, Any]) -> None:
    knob = KNOBS[key]
    given = value(config, key)
    assert given == knob.default
    assert isinstance(given, bool) == isinstance(knob.default, bool)
    assert knob.takes(given)
    assert knob.admits(given)


def test_settings_read_from_the_defaults_are_those_of_python(config: dict[str, Any]) -> None:
    assert read(Settings, config) == Settings()
    training = read(TrainingSettings, config["training"])
    assert training == TrainingSettings(config["training"]["loop"])
    assert training.reset is Reset.SCRATCH


def test_no_file_says_a_default_once_more() -> None:
    """An option may set a knob to something else; the defaults themselves are nowhere but in the dataclasses."""
    for path in [conf_dir() / "config.yaml", *conf_dir().glob("training/*.yaml")]:
        content = OmegaConf.to_container(OmegaConf.load(path))
        assert isinstance(content, dict)
        prefix = "" if path.parent == conf_dir() else "training."
        assert not KNOBS.keys() & set(keys(content, prefix)), path


@pytest.mark.parametrize("key", KNOBS)
def test_a_value_of_another_type_is_named_with_an_example_that_fits(key: str, config: dict[str, Any]) -> None:
    head, _, name = key.rpartition(".")
    wrong = {**config, head: {**config[head], name: [1]}} if head else {**config, name: [1]}
    found = [problem for problem in knob_problems(wrong) if problem.where == key]
    assert len(found) == 1
    assert found[0].what.startswith("[1] ")
    typed = found[0].hint.removeprefix("for example ")
    if typed != found[0].hint:
        good = Composer(Trust()).compose([typed, *(["training.max_epochs=null"] if "max_train" in key else [])]).config
        assert not list(knob_problems(resolved(good)))


@pytest.mark.parametrize("key", KNOBS)
def test_a_knob_counts_for_the_identity_as_its_effect_says(key: str, config: dict[str, Any]) -> None:
    head, _, name = key.rpartition(".")
    changed = {**config, head: {**config[head], name: "other"}} if head else {**config, name: "other"}
    same = identity.identity_hash(changed) == identity.identity_hash(config)
    assert same != KNOBS[key].effect.is_identity


def test_every_key_has_one_effect() -> None:
    """The lists of before, so that a change of one is meant."""
    effects = {key: term.effect for key, term in terms(Config).items()}
    once = {key for key, effect in effects.items() if effect is Effect.ONCE}
    assert once == identity.ONCE == {"fresh", "repair", "controls"}
    assert {"budget", "max_steps", "stopping"} == identity.EXTENDING
    shown = {"name", "output_dir", "progress", "logger", "callbacks", "checkpoint", "timeout"}
    assert shown | identity.ONCE <= identity.PRESENTATION
    assert {("training", "checkpoint_every"), ("data", "workers"), ("label", "retries")} <= identity.WITHOUT_EFFECT
    repeated = {key for key, effect in effects.items() if effect is Effect.REPEAT}
    assert {"seed", "device", "metrology"} <= repeated
    assert {"data", "learner", "query", "query_size", "training"} <= effects.keys() - repeated - identity.PRESENTATION
    assert identity.EXTENDING | identity.PRESENTATION | repeated | {"hydra"} == NOT_AN_EXPERIMENT


def test_every_knob_is_listed_with_type_default_and_purpose() -> None:
    listed = {option.name: option for option in knobs()}
    assert listed.keys() >= KNOBS.keys()
    for key, term in KNOBS.items():
        assert listed[key].command.startswith(f"{key}={written(term.default)} (")
        assert listed[key].description == term.doc
        assert term.doc.endswith((".", "…")), key


def test_validate_says_which_knobs_are_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert validate(["query_size=7", "training.perturb=0.2", "timeout.label=9", "seed=0"], Trust()) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("ok: ")
    assert [line.split(":")[0] for line in lines] == [
        "  timeout.label=9 (default null)",
        "  query_size=7 (default 20)",
        "  training.perturb=0.2 (default 0.01)",
    ]


def test_a_knob_is_added_by_its_field_alone() -> None:
    @dataclass(frozen=True)
    class Inner:
        depth: int | None = knob(None, "How deep.", minimum=2)

    @dataclass(frozen=True)
    class Mine:
        mode: Reset = knob(Reset.WARM, "How.")
        inner: Inner = group(Inner, Effect.SHOW)

    assert defaults(Mine) == {"mode": "warm", "inner": {"depth": None}}
    assert read(Mine, {"mode": "scratch", "inner": {"depth": 3}}) == Mine(Reset.SCRATCH, Inner(3))
    assert read(Mine, {"inner": None}) == Mine()
    mode, depth = (term for _, term in iterate_terms(Mine))
    assert isinstance(depth, Knob)
    assert isinstance(mode, Knob)
    assert mode.choices == ("scratch", "warm", "shrink_perturb")
    assert (depth.kind, depth.optional, depth.effect) == (int, True, Effect.SHOW)
    assert [depth.takes(one) for one in (None, 3, True, 2.0)] == [True, True, False, False]
    assert [depth.admits(one) for one in (None, 1, 2)] == [True, False, True]


@pytest.mark.parametrize(
    ("bounds", "value", "said"),
    [
        ({"minimum": 2}, 1, "1 is too small: at least 2"),
        ({"above": 0}, 0, "0 is too small: above 0"),
        ({"above": 0, "below": 1}, 0, "0 is too small: above 0 and below 1"),
        ({"above": 0, "below": 1}, 1, "1 is too large: above 0 and below 1"),
    ],
)
def test_a_value_out_of_bounds_is_told_its_bounds(bounds: dict[str, Any], value: float, said: str) -> None:
    (found,) = settings_checks._problems("share", value, Knob("Share.", kind=float, **bounds))
    assert f"{found.what}: {found.hint}" == said


def test_every_field_of_settings_is_a_knob_a_part_or_a_group() -> None:
    kinds = [Config, *(term.kind for term in terms(Config).values() if isinstance(term, Group))]
    for kind in kinds:
        assert [field.name for field in fields(kind)] == list(terms(kind))


def test_a_folder_of_ones_own_does_not_take_the_place_of_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text("seed: 3\n")
    with pytest.raises(ConfigError, match=r"settings\.yaml would replace"):
        Composer(Trust(), tmp_path).compose([])


def test_a_training_option_of_ones_own_says_only_what_differs(tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    text = "max_epochs: 7\nloop:\n  _target_: alrun.training.fabric.FabricLoop\n"
    (tmp_path / "training" / "short.yaml").write_text(text)
    config = resolved(Composer(Trust(), tmp_path).compose(["training=short"]).config)
    assert not check.all_problems(config, Trust())
    assert (config["training"]["max_epochs"], config["training"]["batch_size"]) == (7, 32)
