"""Command lines of every kind: refused in one clear way, by ``validate`` and by the run alike, or composed as meant."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.types import Quote, QuotedString
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alrun.cli.arguments import take_trust
from alrun.cli.flags import parse_flags
from alrun.cli.main import main
from alrun.cli.show import problem_text
from alrun.config.compose import Composer, resolved
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError
from alrun.core.knobs import Effect, Knob, iterate_terms
from alrun.core.settings import Config
from alrun.runner.jobs import checked

EXAMPLES = int(os.environ.get("ALRUN_FUZZ", "50"))
#: What is small, and what runs of this test may not do: look at the machine, or last.
BASE: tuple[str, ...] = (
    "data=moons",
    "data.n_samples=60",
    "learner.hidden=[2]",
    "budget=4",
    "initial_size=2",
    "query_size=2",
)
BASE = (*BASE, "training.max_epochs=1", "progress=false", "metrology=classification")
#: What a parser or a library says of itself, and no user can do anything with.
RAW = re.compile(
    r"Traceback|Lexer|mismatched input|extraneous input|no viable|token recognition|hydra\.cc|antlr|this is a bug|"
    r"omegaconf|full_key|object_type|OverrideParse|merging override|"
    r"\b\w+Exception\b|\b(Key|Type|Value|Attribute|Index)Error\b",
    re.IGNORECASE,
)
KNOBS = {
    key: term
    for key, term in iterate_terms(Config)
    if isinstance(term, Knob)
    and term.effect is not Effect.ONCE
    and key not in ("name", "output_dir", "device", "budget", "progress", "objective")
}
NASTY = "aZ9 ,;:='\"\\()[]{}$#%&|<>*?!~+-./@^`\tüß漢é😀"
FAULTS = (
    *(
        "'",
        '"',
        "[",
        "{",
        "seed=[",
        "seed={",
        "seed='",
        'seed="',
        "seed=[1",
        "seed={a",
        "=",
        "=1",
        "seed",
        "+",
        "++",
        "~",
    ),
    *("+=1", "~~seed", "+++seed=1", "seed==1", "seed=1=2", "se ed=1", "seed =1", "seed= 1", "@x=1", "query@=entropy"),
    *(
        "query@second=margin",
        "+query@second=margin",
        "query@:x=margin",
        "~query@second",
        "~seed",
        "~seed=0",
        "~learner",
    ),
    *("~nothing", "~query.entropy", "~metrology", "+seed=1", "+nothing=1", "++learner.nothing=1"),
    *("learner=", "learner=null", "learner=mlp,linear", "learner=[mlp]", "learner={a:1}", "learner=1", "query=[]"),
    *("query=[entropy,entropy]", "query=entropy.yaml", "query=../query/entropy", "query=/entropy", "/query=entropy"),
    *("seed=${budget}", "seed=${nothing}", "seed=${", "seed=${oc.env:NOT_THERE}", "seed='${budget}'", "seed=${a:b}"),
    *("seed=range(0)", "seed=range(", "seed=choice()", "seed=glob(*)", "query=glob(zz*)", "query=glob(", "seed=1,"),
    *(
        "seed=,",
        "seed=interval(0,3)",
        "seed=tag(interval(0,3))",
        "seed=shuffle(1,2)",
        "seed=sort(2,1)",
        "seed=int(1.5)",
    ),
    *("seed=str(1)", "seed=json(1)", "seed=extend_list(1)", "learner.hidden=extend_list(3)", "seed=nan", "seed=inf"),
    *("seed=-0", "seed=1_000", "seed=1e3", "seed=0x10", "seed=\uff10", "seed=true", "seed=99999999999999999999999999"),
    *(
        "learner.dropout=nan",
        "learner.dropout=-inf",
        "learner.dropout=1e400",
        "learner.hidden=[1.5]",
        "learner.hidden=[]",
    ),
    *(
        "learner.hidden=[null]",
        "learner.hidden=[[1]]",
        "learner.hidden=[1.10]",
        "learner.hidden={0:1}",
        "learner.hidden.0=3",
    ),
    *(
        "learner.hidden[0]=3",
        "learner.hidden.9=3",
        "learner._target_=",
        "learner._target_=os.system",
        "data._target_=[1]",
    ),
    *("learner.optimizer=null", "learner.optimizer={}", "+learner.optimizer.lr.x=1", "seed.x=1", "data.n_samples.y=2"),
    *("hydra=1", "hydra.mode=RUN", "hydra.mode=x", "hydra/launcher=nothing", "hydra.run.dir=/", "hydra.job.chdir=true"),
    *(
        "name=''",
        "name=a/b",
        "name=..",
        "name='a b'",
        "name=ü",
        "output_dir=''",
        "output_dir=' '",
        "output_dir='\0'",
        "seed='\n'",
    ),
    *("experiment=nothing", "debug=nothing", "stopping=nothing", "+stopping.x=1", "callbacks=[event_log,event_log]"),
    *("--cfg", "--cfg=x", "--config-dir", "--config-dir=nowhere", "--config-name=x", "--nothing", "-q", "--run", "-m"),
    *(
        "data.path=x",
        "data=table",
        "data=dataset",
        "data=arrays",
        "data=function",
        "é=1",
        "seed=\u200b1",
        "seed\u00a0=1",
    ),
)


@dataclass(frozen=True)
class Meant:
    """A word, the key that it sets, and each value that it may be there, one for each job; none where it is a fault."""

    word: str
    key: str = ""
    values: tuple[Any, ...] = ()


def spelled(draw: Any, value: Any) -> Any:
    """Return one of the ways in which Hydra has a value written; Hydra's own function quotes it."""
    if isinstance(value, str):
        return QuotedString(value, draw(st.sampled_from([Quote.single, Quote.double]))).with_quotes()
    if isinstance(value, bool):
        return draw(st.sampled_from([str(value), str(value).lower(), str(value).upper()]))
    if value is None:
        return draw(st.sampled_from(["null", "NULL", "Null"]))
    space = draw(st.sampled_from(["", " "]))
    if isinstance(value, list):
        return "[" + f",{space}".join(spelled(draw, one) for one in value) + "]"
    if isinstance(value, dict):
        return "{" + f",{space}".join(f"{key}:{space}{spelled(draw, one)}" for key, one in value.items()) + "}"
    return repr(value)


def fitting(knob: Knob) -> st.SearchStrategy[Any]:
    """Return values of a knob that its own bounds allow."""
    low = 0 if knob.minimum is None else knob.minimum
    if knob.kind is bool:
        found: st.SearchStrategy[Any] = st.booleans()
    elif knob.kind is int:
        found = st.integers(low, low + 3)
    elif knob.kind is float:
        found = (
            st.sampled_from([low + 0.25, low + 1e-7, 3]) if knob.above is None else st.sampled_from([0.5, 600, 1e-3])
        )
    else:
        found = st.sampled_from(knob.choices or ("all", "last", "every:3"))
    return found | st.none() if knob.optional else found


ODD: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from([0.5, -1.5, 1e-9])
    | st.text("ab 1'\"", max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=3,
)
#: Text that may be a folder: not a reference, and not elsewhere.
FOLDERS = st.text(NASTY.replace("/", ""), min_size=1, max_size=8).filter(
    lambda text: "${" not in text and text.strip() and text[0] not in "~." and not text.endswith("\\")
)


@st.composite
def meant(draw: Any) -> Meant:
    kind = draw(st.sampled_from(["knob", "knob", "odd", "folder", "list", "added", "forced", "fault", "fault"]))
    if kind in ("knob", "odd"):
        key = draw(st.sampled_from(sorted(KNOBS)))
        value = draw(fitting(KNOBS[key]) if kind == "knob" else ODD)
        return Meant(f"{key}={spelled(draw, value)}", key, (value,))
    if kind == "folder":
        value = draw(FOLDERS)
        return Meant(f"output_dir={spelled(draw, value)}", "output_dir", (value,))
    if kind == "list":
        value = draw(st.lists(st.integers(1, 3), max_size=3) | ODD)
        return Meant(f"learner.hidden={spelled(draw, value)}", "learner.hidden", (value,))
    if kind == "added":
        value = draw(st.sampled_from([0, 0.5, 1e-4]) | ODD)
        key = "learner.optimizer.weight_decay"
        return Meant(f"{draw(st.sampled_from(['+', '++']))}{key}={spelled(draw, value)}", key, (value,))
    if kind == "forced":
        value = draw(st.integers(0, 9))
        return Meant(f"++seed={value}", "seed", (value,))
    return Meant(draw(st.sampled_from(FAULTS)))


@st.composite
def several(draw: Any) -> Meant:
    """Return a word with several values."""
    kind = draw(st.sampled_from(["seed", "range", "choice", "lists", "glob", "folders"]))
    if kind == "seed":
        seeds = draw(st.lists(st.integers(0, 9), min_size=2, max_size=3))
        return Meant(f"seed={','.join(map(str, seeds))}", "seed", tuple(seeds))
    if kind == "range":
        start, count, step = draw(st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(1, 2)))
        values = tuple(range(start, start + count * step, step))
        return Meant(
            f"query_size=range({start + 1},{start + 1 + count * step},{step})",
            "query_size",
            tuple(v + 1 for v in values),
        )
    if kind == "choice":
        rates = draw(st.lists(st.sampled_from([0, 0.25, 0.5]), min_size=1, max_size=3))
        return Meant(f"learner.dropout=choice({','.join(map(repr, rates))})", "learner.dropout", tuple(rates))
    if kind == "lists":
        lists = draw(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=2), min_size=2, max_size=2))
        return Meant(f"learner.hidden={','.join(spelled(draw, one) for one in lists)}", "learner.hidden", tuple(lists))
    if kind == "glob":
        return Meant("learner=glob(mlp*)", "learner._target_", ("alrun.learner.mlp.MLP",))
    folders = draw(st.lists(FOLDERS, min_size=2, max_size=2))
    return Meant(f"output_dir={','.join(spelled(draw, one) for one in folders)}", "output_dir", tuple(folders))


@st.composite
def lines(draw: Any) -> Any:
    words = draw(st.lists(meant(), min_size=1, max_size=3))
    if draw(st.booleans()) and draw(st.booleans()):
        words += draw(st.lists(several(), min_size=1, max_size=2))
        words.insert(draw(st.integers(0, len(words))), Meant("-m"))
    if draw(st.integers(0, 5)) == 0:
        words.insert(draw(st.integers(0, len(words))), draw(st.sampled_from(words)))
    return words


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("words"))
    yield
    os.chdir(before)


def said(*words: str) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(list(words))
    return code, out.getvalue(), err.getvalue()


def found(words: Sequence[str]) -> tuple[int, str, str]:
    """Return what ``validate`` says, where that needs no data and no learner."""
    try:
        packages, words = take_trust(words)
        trust, arguments = Trust(packages), parse_flags(words)
        composer = Composer(trust, Path(arguments.config_dir) if arguments.config_dir else None)
        given = arguments.overrides
        several = arguments.multirun or composer.is_sweep(given)
        sweep = composer.compose_sweep(given) if several else composer.compose_single(given)
        return 0, "ok: " * len(checked(sweep, trust).jobs), ""
    except ConfigError as error:
        return error.exit_code, "", problem_text(error)


def in_a_shell(line: str) -> list[str]:
    """Return the words that bash makes of ``line``."""
    words = subprocess.run(["/bin/bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True).stdout
    return os.fsdecode(words).split("\0")[:-1]


def at(config: Any, key: str) -> Any:
    for part in key.split("."):
        config = config[part]
    return config


def same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)


@settings(max_examples=EXAMPLES, derandomize=EXAMPLES == 50, suppress_health_check=list(HealthCheck), database=None)
@given(lines(), st.integers(0, 9))
def test_a_command_line_is_refused_clearly_or_means_what_it_says(line: list[Meant], turn: int) -> None:
    """All is checked but what only building finds; one in ten goes the whole way, as ``validate`` and as a run."""
    words = [*BASE, *(one.word for one in line)]
    code, out, err = said("validate", *words) if turn == 0 else found(words)
    if code:
        assert code == 2, (words, err)
        assert_clear(err)
        assert turn or said(*words)[::2] == (code, err), words
        return
    assert not err or err.startswith("note: "), err
    last = stated(line)
    jobs = out.count("ok: ")
    composer = Composer(Trust())
    flags = {"-m", "--multirun"}
    if not flags & set(words):
        assert jobs == 1
        assert_meant(
            composer.compose([word for word in words if word not in ("--run",)]),
            {key: one.values[0] for key, one in last.items()},
        )
        return
    sweep = composer.compose_sweep([word for word in words if word not in flags])
    wanted = [dict(zip(last, values, strict=True)) for values in product(*(one.values for one in last.values()))]
    assert len(sweep.words) == jobs
    assert jobs == len(wanted) or any("=" in one.word and not one.key for one in line), words
    for job in sweep.words:
        config = resolved(sweep.compose(job).config)
        assert any(all(same(at(config, key), value) for key, value in one.items()) for one in wanted), (words, job)


def test_each_oddity_is_refused_clearly_or_taken() -> None:
    for word in FAULTS:
        code, _, err = found([word])
        assert code in (0, 2), word
        if code:
            assert_clear(err)


def stated(line: Sequence[Meant]) -> dict[str, Meant]:
    """Return the last word for each key; an oddity that was taken stands for whatever it sets."""
    last: dict[str, Meant] = {}
    for one in line:
        last.pop(one.word.partition("=")[0].lstrip("+"), None)
        if one.key:
            last[one.key] = one
    return last


def assert_clear(err: str) -> None:
    """One error, its problems in order: what, where, and what to do."""
    head, *rest = err.rstrip("\n").split("\n")
    found = re.fullmatch(r"error: (\d+) problems?", head)
    assert found is not None, err
    problems = [line for line in rest if re.match(r"  \S", line)]
    assert len(problems) == int(found[1]), err
    assert all(re.match(r"  \S|    (→|\S)", line) for line in rest), err
    hints = [after.startswith("    → ") for line, after in pairwise([*rest, ""]) if line in problems]
    assert all(hints), err
    assert not RAW.search(err), err
    assert len(err) < 4000, err


def assert_meant(composed: Any, wanted: dict[str, Any]) -> None:
    config = resolved(composed.config)
    for key, value in wanted.items():
        assert same(at(config, key), value), (composed.words, key, at(config, key), value)


@settings(
    max_examples=max(3, EXAMPLES // 40),
    derandomize=EXAMPLES == 50,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(FOLDERS, st.integers(0, 9), st.sampled_from([0, 0.25]), st.data())
def test_what_a_run_says_to_type_next_gives_back_its_config(folder: str, seed: int, rate: float, data: Any) -> None:
    """The run does what ``validate`` said, and a shell that is given its lines finds the same experiment."""
    words = [*BASE, f"output_dir={spelled(data.draw, folder)}", f"seed={seed}", f"learner.dropout={rate}"]
    checked = said("validate", *words)
    code, out, err = said(*words)
    assert (checked[0], code) == (0, 0), (checked, err)
    place = re.search(r"^ok: (.*)$", checked[1], re.MULTILINE)
    lines = dict(re.findall(r"^(run|continue|report): +(.*)$", out, re.MULTILINE))
    assert place is not None
    assert in_a_shell(lines["run"]) == [place[1]] or not folder.isprintable()
    command = in_a_shell(lines["continue"])
    assert (command[:2], command[3:]) == (["alrun", "resume"], ["budget=8"])
    assert Path(command[2], "run.json").exists()
    answered = said(*command[1:-1])
    assert answered[0] == 0, answered
    assert "already finished" in answered[1]
