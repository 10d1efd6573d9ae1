"""Hints, followed to the letter: what a message says to type is read out of it, typed, and the fault is gone.

Nothing here knows a hint: ``Advice`` reads what alrun prints, as somebody does who has no idea of alrun, and changes
the command line by it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from command_line import SMALL, Alrun, Answer, info, only_run  # type: ignore[import-not-found]
from test_bad_input import CASES as REFUSED  # type: ignore[import-not-found]

from alrun.cli.main import COMMANDS

FAULT = re.compile(r"^(?:error: (?!\d+ problem)|  (?! ))(.+)\n    → (.+)$", flags=re.MULTILINE)
NEAREST = re.compile(r"did you mean ([^\s?,]+)")
LISTED = re.compile(r"(?:one of:? |there is )(\S+?)(?:,|$)")
OVERRIDE = re.compile(r"[+~]{0,2}[\w./@*]+=[^…]+")


@dataclass(frozen=True)
class Advice:
    """One fault as it is printed, and what is said to type.

    Attributes:
        what: The fault.
        hint: What stands after the arrow.
    """

    what: str
    hint: str

    @classmethod
    def all_of(cls, answer: Answer) -> list[Advice]:
        """Return every fault of an answer that comes with a hint."""
        return [cls(what, hint) for what, hint in FAULT.findall(answer.err)]

    def follow(self, words: list[str]) -> list[str] | None:
        """Return the command line that the hint makes of ``words``; ``None`` where it says nothing to type."""
        return self._command(words) or self._nearest(words) or self._flags(words) or self._overrides(words)

    def _command(self, words: list[str]) -> list[str] | None:
        """Return a command that is named as a whole."""
        _, found, rest = self.hint.rpartition("alrun ")
        typed = list(_command_words(shlex.split(rest) if found and _is_quoted(rest) else []))
        if not typed or not found:
            return None
        place = next((word for word in words if Path(word).is_dir()), ".")
        return [place if word == "DIR" else word for word in typed]

    def _nearest(self, words: list[str]) -> list[str] | None:
        """Return ``words`` with the nearest valid name, or the first of those that are valid."""
        found = NEAREST.search(self.hint) or LISTED.match(self.hint)
        if not found:
            return None
        right = found[1]
        if "=" in right:
            return _with(words, [right])
        values = {word.partition("=")[2] for word in words}
        named = re.findall(r"[^\s:]+", self.what)
        for wrong in (*re.findall(r"'([^']+)'", self.what), *sorted(named, key=lambda name: name not in values)):
            changed = [_renamed(word, wrong, right) for word in words]
            if changed != words:
                return changed
        return None

    def _flags(self, words: list[str]) -> list[str] | None:
        """Return ``words`` with the flag that is named, in place of the same one."""
        found = re.search(r"(?:^|: )(--[a-z-]+) (\w[\w.]*)(?:$|;|,)", self.hint)
        return [*words, found[1], found[2]] if found else None

    def _overrides(self, words: list[str]) -> list[str] | None:
        """Return ``words`` with the overrides that are named, the first alternative of them."""
        text = re.split(r"(?:as text|that is text): ", self.hint)[-1]
        for part in re.split(r"; |,? or |, (?=[\w.\"']+[=.])|(?<=[^,]), (?=null)", text):
            given = [word for word in shlex.split(part) if OVERRIDE.fullmatch(word)] if _is_quoted(part) else []
            if given:
                return _with(words, [word.rstrip(",)") for word in given], self.what.partition(": ")[0])
        return None


def _command_words(words: list[str]) -> Iterator[str]:
    """Yield the words of a command up to where prose goes on."""
    for number, word in enumerate(words):
        plain = word.rstrip(";,")
        known = plain in COMMANDS if number == 0 else words[0] == "ls" and number == 1
        if not (known or word.startswith("-") or "=" in word or word == "DIR" or "/" in word):
            break
        yield plain


def _is_quoted(text: str) -> bool:
    try:
        shlex.split(text)
    except ValueError:
        return False
    return True


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+~")


def _with(words: list[str], given: list[str], fault: str = "") -> list[str]:
    """Return ``words`` with the ``given`` ones in place of those that say the same, and of the one at ``fault``."""
    keys = {_key(word).replace("/", ".") for word in given} | {fault}
    return [*(word for word in words if "=" not in word or _key(word).replace("/", ".") not in keys), *given]


def _renamed(word: str, wrong: str, right: str) -> str:
    """Return ``word`` with ``right`` where ``wrong`` stands whole: a key, a value or all of it."""
    key, sign, value = word.partition("=")
    marks = key[: len(key) - len(key.lstrip("+~-"))] if not wrong.startswith("-") else ""
    if key.removeprefix(marks) == wrong:
        return f"{marks}{right}{sign}{value}"
    return re.sub(rf"(?<![\w.]){re.escape(wrong)}(?![\w.])", right, word) if wrong in word else word


#: Of the cases that ``test_bad_input`` has: those whose hint says something to type.
BAD_INPUT = [
    *("unknown key, +", "unknown key in a strategy", "unknown strategy in a group", "option among several", "group"),
    *(
        "module",
        "optimizer",
        "simulator",
        "command",
        "group of ls",
        "type: budget",
        "type: optimizer",
        "type: callback",
    ),
    *("bound: patience", "reset", "accelerator", "two lengths", "budget below the cold start", "BALD, deterministic"),
    *("query larger than the pool", "variance on a classification", "metrology: regression", "cnn on flat inputs"),
    *("monitor of a criterion", "early stopping on nothing", "file", "no target", "no inference", "hydra: launcher"),
    *("several values, single", "sweep: option", "sweep: interval", "flag", "experiment outside"),
]
OTHERS: dict[str, list[str]] = {
    "path with a comma": ["data=table", "data.target=y", "data.path=a,b.csv"],
    "path with a comma, sweep": ["-m", "data=table", "data.target=y", "data.path=a,b.csv", "seed=0,1"],
    "path with =": ["data=table", "data.target=y", "data.path=epoch=3-step=90.csv"],
    "path with a quote": ["data=table", "data.target=y", "data.path=it's.csv"],
    "path with brackets": ["data=table", "data.target=y", "data.path=[a].csv"],
    "number in a list of names": ["data=table", "data.path=odd.csv", "data.target=y", "data.categorical=[1.10]"],
    "null in a list of names": ["data=table", "data.path=odd.csv", "data.target=y", "data.categorical=[null]"],
    "null among texts": ["data=table", "data.path=data.csv", "data.target=y", "data.na_values=[null]"],
    "whole number as a fraction": ["data.test_size=1.0"],
    "stray text": ["data=table", "data.path=stray.csv", "data.target=y"],
    "mapping for an option": ["learner={_target_: alrun.learner.linear.Linear}"],
    "neighbours": ["query=cal", "query.cal.neighbours=0"],
    "radius": ["query=prob_cover", "query.prob_cover.radius=-1"],
    "purity": ["query=prob_cover", "query.prob_cover.purity=2"],
    "flip rate": ["label=noisy_oracle", "label.flip_rate=2"],
    "cost": ["label.cost=-1"],
    "predictive": ["inference=laplace", "inference.predictive=probits"],
    "wall clock": ["stopping=wall_clock", "stopping.wall_clock.minutes=0"],
    "measure": ["data=digits_multitask", "learner=multitask", "query=multitask", "query.multitask.measure=entropi"],
    "option that an optimizer refuses": ["+learner.optimizer.weight_decay=-1"],
    "no penalty": ["data=digits", "learner=probe", "learner.l2=0"],
    "ramp that ends before it starts": ["learner=pseudo_label", "learner.ramp_start=5", "learner.ramp_end=2"],
    "way to fill": ["data=table", "data.path=data.csv", "data.target=y", "data.missing=mean"],
    "sheet of a text file": ["data=table", "data.path=data.csv", "data.target=y", "data.sheet=0"],
    "group that is not there": ["data=table", "data.path=data.csv", "data.target=y", "data.groups=c"],
    "group that is the target": ["data=table", "data.path=data.csv", "data.target=y", "data.groups=y"],
    "separator": ["data=table", "data.path=semicolons.csv", "data.target=y"],
    "encoding": ["data=table", "data.path=sixteen.csv", "data.target=y"],
    "printed list": ["data=table", "data.path=lists.csv", "data.target=y"],
    "vectors without labels": ["data=embeddings", "data.path=vectors.npy"],
    "inputs without targets": ["data=arrays", "data.path=vectors.npy"],
    "two columns of one name": ["data=table", "data.path=data.csv", "data.target=[a,a]"],
    "rate of noise": ["transform=label_noise", "transform.label_noise.rate=2"],
    "share that is left": ["transform=pool_ratio", "transform.pool_ratio.ratio=2"],
    "class without training": ["--trust", "own_net", "learner._target_=own_net.Net"],
    "class that is not trusted": ["query=random", "query.random._target_=own_net.Mine"],
}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{i % 7},{i % 5},{i % 2}" for i in range(60)]
    tables = {name: ["a,b,y", *rows] for name in ("data", "a,b", "epoch=3-step=90", "it's", "[a]")}
    tables["lists"] = ["a,b,y", *(f'"[{i}, 2]",{i % 5},{i % 2}' for i in range(60))]
    tables["semicolons"] = [line.replace(",", ";") for line in tables["data"]]
    tables |= {"odd": ["1.10,null,y", *rows], "stray": ["a,b,y", "?,1,0", *rows]}
    for name, lines in tables.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "sixteen.csv").write_text("\n".join(tables["data"]), encoding="utf-16")
    np.save(tmp_path / "vectors.npy", np.random.default_rng(0).normal(size=(60, 3)))
    for name in ("labels", "targets"):
        np.save(tmp_path / f"{name}.npy", np.arange(60) % 2)
    (tmp_path / "own_net.py").write_text(OWN)
    (tmp_path / "my_pkg.py").write_text(STEP)
    monkeypatch.syspath_prepend(tmp_path)


OWN = """
import torch
from alrun.query.random import Random


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(64, 10)

    def forward(self, inputs):
        return self.layer(inputs)


class Mine(Random):
    pass
"""
STEP = """
import torch


def train_step(model, batch):
    return torch.nn.functional.cross_entropy(model(batch[0]), batch[1])
"""
CHECKED = frozenset({*COMMANDS, "stats"})


def checked(words: list[str]) -> list[str]:
    """Return the command that only checks ``words``, where they would run."""
    shows = {"--cfg", "--help", "-sc"} & set(words)
    return words if shows or words[0] in CHECKED else ["validate", *words]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    "words", [*(REFUSED[name][0] for name in BAD_INPUT), *OTHERS.values()], ids=[*BAD_INPUT, *OTHERS]
)
def test_a_hint_leads_on(words: list[str], alrun: Alrun) -> None:
    words = checked(words)
    answer = alrun(*words)
    first = Advice.all_of(answer)[0]
    for _ in range(4):
        assert answer.code == 2, answer
        advice = Advice.all_of(answer)[0]
        followed = advice.follow(words)
        assert followed, (words, advice)
        words = checked(followed)
        answer = alrun(*words)
        assert first.what not in answer.err, (words, first, answer)
        if answer.code == 0:
            break
    assert answer.code == 0, (words, answer)


TRUSTED = """
from alrun.query.entropy import Entropy

class Mine(Entropy):
    pass
"""


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        (("--trust", "hinted_strategies", "query=entropy", "query.entropy._target_=hinted_strategies.Mine"), [30, 60]),
        (("max_steps=1", "stopping=[budget,steps]"), [10, 20]),
        (("stopping=[budget,steps]", "max_steps=1", "--trust", "hinted_strategies"), [10, 20]),
    ],
    ids=["a trusted class", "another criterion", "both"],
)
def test_what_a_run_says_to_go_on_with_goes_on(
    words: tuple[str, ...], labels: list[int], alrun: Alrun, tmp_path: Path
) -> None:
    (tmp_path / "hinted_strategies.py").write_text(TRUSTED)
    ended = alrun(*SMALL, *words)
    assert ended.code == 0, ended
    bought = [info(only_run(tmp_path))["labels"]]
    (line,) = re.findall(r"^continue: (.*)$", ended.out, flags=re.MULTILINE)
    further = alrun(*shlex.split(line)[1:])
    assert further.code == 0, further
    assert [*bought, info(only_run(tmp_path))["labels"]] == labels
