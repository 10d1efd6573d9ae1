"""A kept choice of options gives the config that Hydra composes anew, whatever has changed in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import HydraException
from hydra.types import RunMode
from hydra.version import VersionBase
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from packaging.version import Version

from alrun.config.compat import ConfigLoaderImpl
from alrun.config.composition import CONFIG_NAME, compose
from alrun.config.hydra_loader import opened

WORDS = [
    *(
        "query=badge",
        "query=[badge,random]",
        "query={mine:{a:1}}",
        "+query@second=bald",
        "learner=linear",
        "data=moons",
    ),
    *("seed=3", "seed=1,2", "budget=null", "name=x", "name=${query_size}", "learner.hidden=[8,9]", "learner.hiden=[8]"),
    *("+learner.more={a:[1,2]}", "++learner.hidden=4", "~learner.hidden", "~query", "training.loop.strategy=auto"),
    *(
        "hydra.job.name=x",
        "hydra/launcher=joblib",
        "hydra.job.env_copy=[HOME]",
        "hydra.sweep.subdir=${seed}",
        "debug=default",
    ),
]
#: Hydra writes down the words themselves, and nothing goes by that.
REPEATED = ("overrides.task", "overrides.hydra", "job.override_dirname")


@pytest.fixture(scope="module")
def loader() -> Iterator[ConfigLoaderImpl]:
    with opened(None) as opened_loader:
        yield opened_loader


def answer(composed: Any) -> Any:
    """Return all of the config that ``composed()`` returns, or its error."""
    try:
        config: DictConfig = composed()
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        return type(error), str(error)
    for key in REPEATED:
        OmegaConf.update(config.hydra, key, [] if "overrides" in key else "", force_add=True)
    plain = repr(OmegaConf.to_container(config))  # with the order of keys
    return plain, OmegaConf.is_struct(config), config.hydra._get_flag("readonly"), states(config)


def states(node: Any) -> Any:
    flags = node._metadata.flags, node._metadata.ref_type, node._metadata.object_type, node._key()
    if isinstance(node, DictConfig) and isinstance(node._content, dict):
        return flags, {key: states(child) for key, child in node._content.items()}
    return flags


def by_hydra(loader: ConfigLoaderImpl, words: Sequence[str]) -> DictConfig:
    return loader.load_configuration(CONFIG_NAME, list(words), RunMode.RUN, from_shell=False)


@settings(max_examples=15)
@given(words=st.lists(st.sampled_from(WORDS), max_size=4))
def test_any_words(loader: ConfigLoaderImpl, words: list[str]) -> None:
    expected = answer(lambda: by_hydra(loader, words))
    assert answer(lambda: compose(loader, words)) == expected
    assert answer(lambda: compose(loader, words)) == expected


def test_another_version_whose_behavior_hydra_keeps(loader: ConfigLoaderImpl) -> None:
    """``hydra.main``, which ``--cfg`` and the like come to, sets it for the whole process."""
    before, unset, newest = VersionBase.instance(), VersionBase(), VersionBase()
    newest.setbase(Version("1.3"))
    try:
        for base in (unset, newest, unset):
            VersionBase.set_instance(base)
            assert answer(lambda: compose(loader, [])) == answer(lambda: by_hydra(loader, []))
    finally:
        VersionBase.set_instance(before)


def test_what_is_done_to_one_config_is_not_seen_in_the_next(loader: ConfigLoaderImpl) -> None:
    before = answer(lambda: compose(loader, []))
    config = compose(loader, [])
    config.learner.hidden = None
    config.hydra.job.name = "other"
    assert answer(lambda: compose(loader, [])) == before


def test_files_that_change(tmp_path: Path) -> None:
    option, other = tmp_path / "experiment/mine.yaml", tmp_path / "query/mine.yaml"

    def agreed() -> Any:
        with opened(tmp_path) as loader:
            made = answer(lambda: compose(loader, ["experiment=mine", "seed=2"]))
            assert made == answer(lambda: by_hydra(loader, ["experiment=mine", "seed=2"]))
        return made

    seen = [agreed()]
    option.parent.mkdir()
    option.write_text("# @package _global_\nbudget: 7\n")
    seen.append(agreed())
    option.write_text("# @package _global_\nbudget: 8\n")
    seen.append(agreed())
    option.write_text("# @package _global_\ndefaults:\n- override /query: mine\nbudget: 8\n")
    seen.append(agreed())
    other.parent.mkdir()
    other.write_text("_target_: mine.Learner\n")
    seen.append(agreed())
    option.write_text("no: [yaml")
    with pytest.raises(Exception, match="expected"), opened(tmp_path) as loader:
        compose(loader, ["experiment=mine", "seed=2"])
    option.unlink()
    other.unlink()
    assert agreed() == seen[0]
    assert len({str(made) for made in seen}) == 5


def test_an_environment_that_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/mine.yaml").write_text(
        "# @package _global_\ndefaults:\n- override /query: ${oc.env:WHICH}\n"
    )
    with opened(tmp_path) as loader:
        for which in ("random", "badge"):
            monkeypatch.setenv("WHICH", which)
            made = answer(lambda: compose(loader, ["experiment=mine"]))
            assert made == answer(lambda: by_hydra(loader, ["experiment=mine"]))
