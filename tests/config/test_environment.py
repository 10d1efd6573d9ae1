"""Environment variables in configs: the identity has the reference to a secret, and the value of what counts."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import OmegaConf

from alrun.config.compose import Composer, resolved
from alrun.config.environment import described, resolve
from alrun.config.identity import identity_hash, secret_problems
from alrun.config.secrets import Secrets
from alrun.config.targets import Trust
from alrun.core.errors import AlrunError, ConfigError, Problem

VALUE = "tok-1234 \"'\\ü"

#: Identities as alrun 0.1.0 computed them: a run that was begun then goes on.
BEFORE = {
    (): "cd0929f8797933b21364be04b48d55665c5b94c4ba7207a6774276211eeae2c7",
    ("experiment=surrogate", "query=[variance,random]", "logger=csv", "stopping=wall_clock"): (
        "f96aa424814fd9dc6c29ef1c38f8413f4ac2e6844c1a299ea3bee471da9e8650"
    ),
    ("data=moons", "query=margin", "seed=3", "inference=mc_dropout"): (
        "43c0633e29b2af0b75c5ea3ce44c02fb4a31cd80c8eff36a882f1d4b9270b924"
    ),
}


@pytest.mark.parametrize("words", BEFORE, ids=" ".join)
def test_identities_without_variables_are_what_they_were(words: tuple[str, ...]) -> None:
    found = resolve(Composer(Trust()).compose(list(words)).config)
    assert identity_hash(found.described) == identity_hash(found.values) == BEFORE[words]


#: Texts of ``label.b``, with ``label.a`` = ${oc.env:TOKEN}; and what stands in the identity.
REFERENCES = {
    "${oc.env:TOKEN}": "${oc.env:TOKEN}",
    "${oc.env: TOKEN }": "${oc.env:TOKEN}",
    "Bearer ${oc.env:TOKEN}!": "Bearer ${oc.env:TOKEN}!",
    "${label.a}": "${oc.env:TOKEN}",
    "${.a}/x": "${oc.env:TOKEN}/x",
    "${oc.select:label.a}": "${oc.env:TOKEN}",
    "${oc.select:label.none,${oc.env:TOKEN}}": "${oc.env:TOKEN}",
    "${oc.env:NONE,${oc.env:TOKEN}}": "${oc.env:NONE,${oc.env:TOKEN}}",
    "${oc.env:TOKEN,null}": "${oc.env:TOKEN,null}",
    "${oc.env:${name}}": "${oc.env:TOKEN}",
    "${oc.${kind}:TOKEN}": "${oc.env:TOKEN}",
}


@pytest.mark.parametrize(("written", "told"), REFERENCES.items())
def test_the_reference_counts_and_not_the_value(written: str, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = OmegaConf.create({"label": {"a": "${oc.env:TOKEN}", "b": written}, "name": "TOKEN", "kind": "env"})
    monkeypatch.delenv("NONE", raising=False)
    hashes = set()
    for value in (VALUE, "another"):
        monkeypatch.setenv("TOKEN", value)
        found = resolve(config)
        assert value in found.values["label"]["b"]
        assert found.described["label"]["b"] == told
        hashes.add(identity_hash(found.described))
    monkeypatch.delenv("TOKEN")
    hashes.add(identity_hash(described(config, {})))
    assert len(hashes) == 1


def test_a_key_that_a_secret_chooses_stays_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    config = OmegaConf.create({"label": {"a": "${all.${oc.env:WHO}}", "c": ["${all.me}"]}, "all": {"me": 1, "you": 2}})
    monkeypatch.setenv("WHO", "me")
    found = resolve(config)
    assert found.values["label"] == {"a": 1, "c": [1]}
    assert found.described["label"] == {"a": "${all.${oc.env:WHO}}", "c": [1]}


def test_a_variable_that_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    config = OmegaConf.create({"learner": {"rate": "${alrun.env:RATE,1}", "who": "${alrun.env:WHO,me}"}})
    assert resolve(config).values["learner"] == {"rate": 1, "who": "me"}
    assert resolve(config).environment == {}
    hashes = {identity_hash(resolve(config).described)}
    for text, value in {"0.5": 0.5, "3": 3, "true": True, "[8, 8]": [8, 8], "007": "007", "NaN": "NaN"}.items():
        monkeypatch.setenv("RATE", text)
        found = resolve(config)
        assert found.values["learner"]["rate"] == value
        assert found.environment == {"RATE": text}
        hashes.add(identity_hash(found.described))
    assert len(hashes) == 7
    monkeypatch.delenv("RATE")
    assert described(config, {"RATE": "3"})["learner"]["rate"] == 3
    assert described(config, None)["learner"] == {"rate": "${alrun.env:RATE,1}", "who": "${alrun.env:WHO,me}"}


def test_knobs_and_targets_are_no_secrets() -> None:
    config = {"seed": "${oc.env:SEED}", "label": {"_target_": "my.${oc.env:WHO}"}, "output_dir": "${oc.env:HOME}/x"}
    assert list(secret_problems(config)) == [
        Problem(problem.what, key, f"'{key}={value}'")
        for problem, (key, value) in zip(
            secret_problems(config),
            [("seed", "${alrun.env:SEED}"), ("label._target_", "my.${alrun.env:WHO}")],
            strict=True,
        )
    ]


def test_what_is_missing_names_key_and_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "abcdefgh")
    for text in ("${oc.env:NONE}", "${alrun.env:NONE}", "${label.${oc.env:TOKEN}}"):
        config = OmegaConf.create({"label": {"b": text}})
        with pytest.raises(ConfigError, match=r"label\.b") as caught:
            resolved(config)
        assert "NONE" in str(caught.value) or "TOKEN" in str(caught.value)
        assert "abcdefgh" not in str(caught.value)


@pytest.mark.parametrize("form", [str, repr, lambda value: f"x{value}x"])
def test_no_error_holds_a_secret(form: Any) -> None:
    secrets = Secrets()
    secrets.note(VALUE, "${oc.env:TOKEN}")
    secrets.note("word", "${oc.env:SHORT}")
    for error in (ConfigError([Problem(form(VALUE), "label")]), AlrunError(form(VALUE)), RuntimeError(form(VALUE))):
        error.__cause__ = ValueError(form(VALUE))
        with pytest.raises(AlrunError) as caught, secrets.kept():
            raise error
        assert "tok-1234" not in str(caught.value)
        assert "${oc.env:TOKEN}" in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert secrets.hidden("a word, words") == "a ${oc.env:SHORT}, words"
    with pytest.raises(RuntimeError, match="harmless"), secrets.kept():
        raise RuntimeError("harmless")
