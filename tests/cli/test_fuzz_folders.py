"""``--config-dir`` and ``--trust`` of every kind: refused in one clear way, by ``validate`` and a run, or taken."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_fuzz_words import BASE, EXAMPLES, assert_clear, found, said  # type: ignore[import-not-found]

RANDOM = "mine:\n  _target_: alrun.query.random.Random\n  max_samples: ${query_size}\n"
MLP = "_target_: alrun.learner.mlp.MLP\nhidden: [3]\noptimizer: {_target_: torch.optim.SGD, _partial_: true, lr: 0.5}\n"
GLOBAL = "# @package _global_\n"
#: A file, what it holds, the words that choose it, and what is said of it; nothing where it is taken.
FILES: dict[str, tuple[str, str | bytes, list[str], str]] = {
    "sound query": ("query/mine.yaml", RANDOM, ["query=mine"], ""),
    "sound learner": ("learner/mine.yaml", MLP, ["learner=mine"], ""),
    "sound data": ("data/mine.yaml", "_target_: alrun.data.moons.Moons\nn_samples: 60\n", ["data=mine"], ""),
    "sound experiment": ("experiment/mine.yaml", f"{GLOBAL}seed: 3\n", ["experiment=mine"], ""),
    "name with a space": ("query/my one.yaml", RANDOM, ["query='my one'"], ""),
    "name not in ASCII": ("query/größe.yaml", RANDOM, ['query="größe"'], ""),
    "byte order mark": ("query/mine.yaml", b"\xef\xbb\xbf" + RANDOM.encode(), ["query=mine"], ""),
    "another option is broken": ("query/other.yaml", "a: [", [], ""),
    "matches a pattern": ("query/zmine.yaml", RANDOM, ["-m", "query=glob(zm*)"], ""),
    "defaults": ("query/mine.yaml", "defaults: [entropy]\n", ["query=mine"], ""),
    "shadows a query": ("query/entropy.yaml", RANDOM, [], "mv 'my own/query/entropy.yaml'"),
    "shadows a learner": ("learner/mlp.yaml", MLP, ["learner=mlp"], "alrun has an option of this name"),
    "shadows the config": ("config.yaml", "seed: 3\n", [], "would replace alrun's own"),
    "other ending": ("query/mine.yml", RANDOM, ["query=mine"], "mine.yaml"),
    "ending in capitals": ("query/mine.YAML", RANDOM, ["query=mine"], "mine.yaml"),
    "open bracket": ("query/mine.yaml", "mine: {a: [\n", ["query=mine"], "mine.yaml, line 2: is no YAML"),
    "tab": ("query/mine.yaml", "mine:\n\t_target_: x\n", ["query=mine"], "mine.yaml, line 2: is no YAML"),
    "alias": ("query/mine.yaml", "mine: *x\n", ["query=mine"], "is no YAML"),
    "tag": ("query/mine.yaml", "mine: !!python/object/apply:os.getcwd []\n", ["query=mine"], "is no YAML"),
    "same key": ("learner/mine.yaml", f"{MLP}hidden: [4]\n", ["learner=mine"], "duplicate key hidden"),
    "key of two": ("query/mine.yaml", "? [a, b]\n: 3\n", ["query=mine"], "is no YAML"),
    "two documents": ("query/mine.yaml", f"{RANDOM}---\n{RANDOM}", ["query=mine"], "is no YAML"),
    "NUL": ("query/mine.yaml", "mine: a\0b\n", ["query=mine"], "is no YAML"),
    "Latin-1": ("query/mine.yaml", "# größe\n".encode("latin-1"), ["query=mine"], "is not UTF-8"),
    "UTF-16": ("query/mine.yaml", RANDOM.encode("utf-16"), ["query=mine"], "is not UTF-8"),
    "refers to itself": ("query/mine.yaml", "mine: &x [*x]\n", ["query=mine"], "refers to itself"),
    "too deep": ("query/mine.yaml", "a: " + "[" * 2000 + "]" * 2000, ["query=mine"], "nested too deeply"),
    "bytes": ("query/mine.yaml", "mine: {_target_: a.b, c: !!binary aGk=}\n", ["query=mine"], "bytes"),
    "set": ("query/mine.yaml", "mine: !!set {a, b}\n", ["query=mine"], "mine.yaml: value 'set'"),
    "empty": ("query/mine.yaml", "", ["query=mine"], "'query' has no strategy"),
    "empty learner": ("learner/mine.yaml", "", ["learner=mine"], "'learner' names nothing to build"),
    "a list": ("query/mine.yaml", "- a\n- b\n", ["query=mine"], "is not a mapping"),
    "a list, experiment": ("experiment/mine.yaml", "- a\n", ["experiment=mine"], "is not a mapping"),
    "a number": ("stopping/mine.yaml", "3\n", ["stopping=mine"], "is not a mapping"),
    "a text": ("query/mine.yaml", "hello\n", ["query=mine"], "'query.hello' has no _target_"),
    "no name": ("query/mine.yaml", "_target_: alrun.query.random.Random\n", ["query=mine"], "where strategies stand"),
    "no target": ("query/mine.yaml", "mine: {max_samples: 2}\n", ["query=mine"], "'query.mine' has no _target_"),
    "not trusted": ("query/mine.yaml", "mine: {_target_: my_pkg.Mine}\n", ["query=mine"], "--trust my_pkg"),
    "never trusted": ("query/mine.yaml", "mine: {_target_: os.system}\n", ["query=mine"], "is not trusted"),
    "misspelt": ("query/mine.yaml", "mine: {_target_: alrun.query.rndom.Random}\n", ["query=mine"], "random.Random?"),
    "target is a number": ("query/mine.yaml", "mine: {_target_: 3}\n", ["query=mine"], "is not the name of a class"),
    "target is open": ("query/mine.yaml", "mine:\n  _target_: ???\n", ["query=mine"], "query.mine._target_=…"),
    "unknown key": ("query/mine.yaml", f"{RANDOM}  max_sample: 3\n", ["query=mine"], "query.mine.max_samples?"),
    "date": ("query/mine.yaml", RANDOM.replace("${query_size}", "2024-01-01"), ["query=mine"], "max_samples=10"),
    "reference": ("query/mine.yaml", RANDOM.replace("query_size", "nothing"), ["query=mine"], "'nothing' not found"),
    "open reference": ("query/mine.yaml", RANDOM.replace("size}", "size"), ["query=mine"], "close it with }"),
    "secret": ("query/mine.yaml", RANDOM.replace("query_size", "oc.env:NOT_THERE"), ["query=mine"], "NOT_THERE"),
    "no such default": ("query/mine.yaml", f"defaults: [nothing]\n{RANDOM}", ["query=mine"], "no option 'nothing'"),
    "default outside": ("query/mine.yaml", "defaults: [../../x]\n", ["query=mine"], "leads outside"),
    "default of itself": ("query/mine.yaml", f"defaults: [mine]\n{RANDOM}", ["query=mine"], "back to itself"),
    "defaults are a number": ("query/mine.yaml", f"defaults: 3\n{RANDOM}", ["query=mine"], "must be a list"),
    "package of two": ("query/mine.yaml", f"# @package a b\n{RANDOM}", ["query=mine"], "@package a b"),
    "package that is none": ("query/mine.yaml", f"# @package nothing\n{RANDOM}", ["query=mine"], "'nothing'"),
    "no package": ("experiment/mine.yaml", "seed: 3\n", ["experiment=mine"], "# @package _global_"),
    "unknown, experiment": ("experiment/mine.yaml", f"{GLOBAL}sed: 3\n", ["experiment=mine"], "seed?"),
    "override of an option": (
        "experiment/mine.yaml",
        f"{GLOBAL}defaults: [override /query: margn]\n",
        ["experiment=mine"],
        "query=margin?",
    ),
    "override of a group": (
        "experiment/mine.yaml",
        f"{GLOBAL}defaults: [override /qery: margin]\n",
        ["experiment=mine"],
        "query?",
    ),
    "a number for Hydra": ("experiment/mine.yaml", f"{GLOBAL}hydra: 3\n", ["experiment=mine"], "experiment/mine.yaml"),
    "a list for training": ("experiment/mine.yaml", f"{GLOBAL}training: [1]\n", ["experiment=mine"], "mine.yaml"),
    "search path": ("experiment/mine.yaml", f"{GLOBAL}hydra: {{searchpath: [x]}}\n", ["experiment=mine"], "searchpath"),
    "group of its own": ("own/mine.yaml", "a: 3\n", ["own=mine"], "'own' is no config group of alrun"),
    "group of its own, +": ("own/mine.yaml", "a: 3\n", ["+own=mine"], "unknown key 'own'"),
    "no group": ("mine.yaml", RANDOM, ["query=mine"], "query has no option 'mine'"),
    "a folder": ("query/mine.yaml/x.yaml", RANDOM, ["query=mine"], "query has no option 'mine'"),
    "misspelt choice": ("query/mine.yaml", RANDOM, ["query=mne"], "query=mine?"),
    "launcher": ("hydra/launcher/mine.yaml", "_target_: os.system\n", ["-m", "hydra/launcher=mine"], "not Hydra's own"),
}
#: Names of folders that there are, each in the way that a shell hands it on.
NAMES = [
    *("own", "my own"),
    "it's",
    'a"b',
    "größe",
    "a=b",
    "[a]",
    "a?b",
    "a*b",
    "a#b",
    "100%",
    "-own",
    "~own",
    "a:b",
    "\t",
]
#: Folders that there are not.
NOWHERE = ["nowhere", "", "own/nowhere", "file.txt", "file://own", "pkg://os", "a\0b", "x" * 300, "${seed}", "own/.."]

PACKAGE = {
    "__init__.py": "import torch\nfrom alrun.query.random import Random\nVALUE = 3\n"
    "class Mine(Random):\n    pass\nclass Other:\n    pass\ndef make(**options):\n    return None\n",
    "inner.py": "from alrun.query.random import Random\nclass Deep(Random):\n    class Deeper(Random):\n        pass\n",
    "raises.py": "raise RuntimeError('no')\n",
    "exits.py": "raise SystemExit(3)\n",
    "broken.py": "class Mine(\n",
    "lacks.py": "import not_installed_anywhere\n",
}
TRUSTED = [
    *("fuzz_pkg", "fuzz_pkg.Mine", "fuzz_pkg.inner", "fuzz_pkg.inner.Deep", "fuzz_pgk", "no_pkg", "__main__", "os"),
    *("torch", "alrun", "fuzz_pkg.py", "./fuzz_pkg", "fuzz-pkg", "", " ", ".", "fuzz_pkg.", ".fuzz_pkg"),
    "fuzz_pkg..inner",
    *("1", "größe", "fuzz_pkg;x", "-m", "*", "fuzz_pkg=1", "fuzz_pkg,os", "fuzz_pkg os"),
]
TARGETS = {
    # What a function returns is known when it is built.
    **dict.fromkeys(("fuzz_pkg.Mine", "fuzz_pkg.inner.Deep", "fuzz_pkg.make"), True),
    **dict.fromkeys(
        (
            *("fuzz_pkg.Mne", "fuzz_pkg.inner", "fuzz_pkg", "fuzz_pkg.VALUE", "fuzz_pkg.Other"),
            *("fuzz_pkg.torch.load", "fuzz_pkg.inner.Deep.sample", "fuzz_pkg.raises.Mine", "fuzz_pkg.exits.Mine"),
            *("fuzz_pkg.broken.Mine", "fuzz_pkg.lacks.Mine", "fuzz_pkg.nothing.Mine", "fuzz_pgk.Mine", "no_pkg.Mine"),
            *("__main__.Mine", "os.system", "torch.load", "fuzz_pkg.", ".Mine", "Mine", "fuzz_pkg..Mine", "größe.Mine"),
        ),
        False,
    ),
}


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    before, path = Path.cwd(), list(sys.path)
    place = tmp_path_factory.mktemp("folders")
    os.chdir(place)
    sys.path.append(str(place))
    Path("file.txt").touch()
    Path("fuzz_pkg").mkdir()
    for name, text in PACKAGE.items():
        Path("fuzz_pkg", name).write_text(text)
    yield place
    os.chdir(before)
    sys.path[:] = path
    for name in [name for name in sys.modules if name.partition(".")[0] == "fuzz_pkg"]:
        del sys.modules[name]


def written(file: str, content: str | bytes, name: str) -> Path:
    """Return a folder with this file alone."""
    shutil.rmtree(name, ignore_errors=True)
    place = Path(name, file)
    place.parent.mkdir(parents=True)
    place.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Path(name)


def assert_answered(words: list[str], *, whole: bool) -> str:
    """Return what is said, empty where nothing is wrong; ``whole``: by the commands, ``validate`` and the run."""
    code, _, err = found(words) if not whole else said("validate", *BASE, *words)
    assert code in (0, 2), (words, err)
    if code:
        assert_clear(err)
    if whole:
        assert said(*BASE, *words)[::2] == (code, err) or code == 0, words
    return str(err) if code else ""


@pytest.mark.parametrize("case", FILES)
def test_a_file_of_each_kind_is_taken_or_refused_by_name(case: str) -> None:
    file, content, words, needle = FILES[case]
    written(file, content, "my own")
    err = assert_answered(["--config-dir", "my own", *words], whole=False)
    assert needle in err
    assert bool(err) == bool(needle), err


def test_folders_of_any_name() -> None:
    for name in NAMES:
        written("query/mine.yaml", RANDOM, name)
        flag = [f"--config-dir={name}"] if name.startswith("-") else ["--config-dir", name]
        assert assert_answered([*flag, "query=mine"], whole=False) == "", name
    for name in NOWHERE:
        err = assert_answered(["--config-dir", name, "query=mine"], whole=False)
        assert err, name
    err = assert_answered(["--config-dir", "own", "--config-dir", "my own", "query=mine"], whole=False)
    assert "--config-dir" in err


@pytest.mark.parametrize("target", TARGETS)
def test_a_class_of_each_kind_is_trusted_or_refused(target: str) -> None:
    err = assert_answered(["--trust", "fuzz_pkg", f"query.entropy._target_={target}"], whole=False)
    assert bool(err) != TARGETS[target], err


@pytest.mark.parametrize("name", TRUSTED)
def test_whatever_is_trusted(name: str) -> None:
    words = ["--trust", name, "query.entropy._target_=fuzz_pkg.Mine"]
    err = assert_answered(words, whole=False)
    assert bool(err) == (name not in ("fuzz_pkg", "fuzz_pkg.Mine")), err
    also = assert_answered([*words, "--trust=fuzz_pkg"], whole=False)
    assert (also == "") != (not name or "is not the name of a package" in err), also


@settings(
    max_examples=max(5, EXAMPLES // 4),
    deadline=None,
    derandomize=EXAMPLES == 50,
    suppress_health_check=list(HealthCheck),
    database=None,
    phases=[Phase.generate],
)
@given(
    st.lists(st.sampled_from(sorted(FILES)), min_size=1, max_size=2, unique=True),
    st.sampled_from(NAMES + NOWHERE),
    st.lists(st.sampled_from(TRUSTED), max_size=2),
    st.none() | st.sampled_from(sorted(TARGETS)),
    st.integers(0, 9),
)
def test_any_of_them_together(cases: list[str], name: str, trusted: list[str], target: str | None, turn: int) -> None:
    """One in ten goes the whole way, as ``validate`` and as a run."""
    words = [f"--config-dir={name}"]
    if name in NAMES:
        shutil.rmtree(name, ignore_errors=True)
        for file, content, _, _ in (FILES[case] for case in cases):
            place = Path(name, file)
            if not place.exists() and not any(one.is_file() for one in place.parents):
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content if isinstance(content, bytes) else content.encode())
    for case in cases:
        words += FILES[case][2]
    words += [word for one in trusted for word in ("--trust", one)]
    words += [f"query.entropy._target_={target}"] if target else []
    assert_answered(words, whole=turn == 0)
