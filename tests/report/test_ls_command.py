"""``alrun ls``, and the comments at the top of the YAML files that it reads."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hydra.utils import get_class
from omegaconf import OmegaConf

from alrun.cli.ls import read_header, read_options, run
from alrun.cli.method_table import citation, read_setting
from alrun.config.paths import conf_dir
from alrun.core.errors import ConfigError
from alrun.core.needs import needs_of

FILES = sorted(path.relative_to(conf_dir()).as_posix() for path in conf_dir().rglob("*.yaml"))


@pytest.fixture(autouse=True)
def wide_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")


@pytest.mark.parametrize("file", FILES)
def test_every_yaml_says_what_it_is_and_which_command_uses_it(file: str) -> None:
    description, command = read_header(conf_dir() / file)
    assert re.fullmatch(r"[A-Z].*\.", description), "the first line is a comment of whole sentences"
    assert re.match(r"alrun\b", command), "the second line is the command"


def test_lists_every_option_with_its_header(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 0
    screen = capsys.readouterr().out
    options = [option for group in read_options([conf_dir()]).values() for option in group]
    assert {f"{o.group}/{o.name}.yaml" for o in options} == {
        f for f in FILES if "/" in f and not f.startswith("hydra/")
    }
    for option in options:
        assert option.description in screen
        assert option.command in screen


def test_one_group_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query"]) == 0
    screen = capsys.readouterr().out
    assert "entropy" in screen
    assert "oracle" not in screen


def test_options_of_the_users_own_folder_come_too_and_do_not_hide_alruns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "query").mkdir()
    (tmp_path / "query" / "mine.yaml").write_text("# Mine [bold].\n# alrun query=mine\nmine: {}\n")
    (tmp_path / "query" / "entropy.yaml").write_text("# Not this one.\n")
    (tmp_path / "query" / "bare.yaml").write_text("bare: {}\n")
    assert run(["query", "--config-dir", str(tmp_path)]) == 0
    screen = capsys.readouterr().out
    assert "Mine [bold]." in screen
    assert "bare" in screen
    assert "Not this one." not in screen


QUERY = sorted((conf_dir() / "query").glob("*.yaml"))


@pytest.mark.parametrize("path", QUERY, ids=lambda path: path.stem)
def test_the_setting_of_a_strategy_is_that_of_its_code_and_its_paper_is_cited_there(path: Path) -> None:
    setting, node = read_setting(path), OmegaConf.select(OmegaConf.load(path), path.stem)
    assert setting is not None
    needs = needs_of(get_class(node["_target_"]))
    if setting.family != "of others":
        assert set(setting.tasks.split()) == {task[0].upper() for task in needs.tasks}
        assert setting.samples == "K" * needs.stochastic
    if paper := re.search(r"(?:.*, )?([^\W\d][\w-]*).* (\d{4})$", setting.paper):
        author, year = paper.groups()
        assert re.search(rf"{author}\b[^.;]*(?:et al\.)?[^.;]*{year}", " ".join(citation(path).split()))


def test_a_group_of_methods_fits_a_screen(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert run(["query"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 56
    assert max(map(len, lines)) <= 120
    assert all(any(f" {path.stem} " in line for line in lines) for path in QUERY)
    (row,) = (line for line in lines if " bald " in line)
    assert "Houlsby et al. 2011" in row
    assert "Mutual information" in row


def test_one_option_with_what_it_cites(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["query", "max_herding"]) == 0
    screen = capsys.readouterr().out
    assert "alrun query=max_herding" in screen
    assert "Generalized coverage for more robust low-budget active learning" in screen
    assert "margin" not in screen
    assert run(["query", "bald", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["paper"], found["tasks"], found["samples"]) == ("Houlsby et al. 2011", "C M S", "K")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["query", "entropie"], "did you mean entropy"),
        (["qeury"], "did you mean query"),
        (["--config-dir", "nowhere"], "no such directory"),
        (["-x"], "unknown argument"),
    ],
)
def test_bad_requests_are_refused(argv: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        run(argv)


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["stopping", "--json"]) == 0
    found = {(one["group"], one["name"]): one for one in json.loads(capsys.readouterr().out)}
    assert found["stopping", "budget"]["command"] == "alrun budget=200"
