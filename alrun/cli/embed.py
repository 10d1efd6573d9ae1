"""``alrun embed [overrides]``: features of a frozen model, computed once and kept, or written as files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from alrun.cli.arguments import print_json, take_json
from alrun.cli.flags import parse_flags
from alrun.cli.show import shortened
from alrun.config.compose import Composer
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, Problem
from alrun.core.showing import printable, typed

__all__ = ["run"]

TO, MODEL = "--to", "transform.embed.model"
USAGE = """usage: alrun embed [--to FOLDER] [--config-dir DIR] [--json] data=… [key=value …]

Compute the features that transform=embed puts in place of the inputs, and keep them in the cache, where runs with the
same data and weights find them. With --to they are written, too: embeddings.npy, labels and names of the rows.

  alrun embed data=digits +learner@transform.embed.model=mlp --to features
  alrun embed data=image_folder data.path=pictures +learner@transform.embed.model=cnn

The model is an option of the group learner, as above; transform.embed.weights=FILE.safetensors are its weights.
"""


def run(argv: list[str], trust: Trust) -> int:
    """Compute features; return 0.

    Raises:
        ConfigError: The config does not say data and a model, or something is where the files are to go.
        DataError: The model cannot take the data.
        StoreError: The disk refuses.
    """
    argv, json = take_json(argv)
    to, argv = _take_place(argv)
    arguments = parse_flags(argv)
    if arguments.help:
        print(USAGE, end="")  # noqa: T201 - a command talks to its user
        return 0
    from alrun.export.features import feature_files, width_of
    from alrun.runner.source import built_source

    composer = Composer(trust, Path(arguments.config_dir) if arguments.config_dir else None)
    named = any(word.lstrip("+").startswith("transform=") for word in arguments.overrides)
    words = [*arguments.overrides, *([] if named else ["transform=embed"])]
    if not any(MODEL in word for word in words):
        raise ConfigError(Problem("no model is named, whose features are wanted", MODEL, f"+learner@{MODEL}=mlp"))
    source = built_source(composer.compose(words), trust)
    if to is not None:
        files = feature_files(source)
        files.write(to)
    following = files.words(to) if to is not None else _again(words, source, arguments.config_dir, trust)
    rows, width = len(source), width_of(source)
    if json:
        print_json({"rows": rows, "width": width, "path": to, "next": following})
        return 0
    sys.stderr.write(f"{rows} rows, {width} features each\n")
    for line in ([] if to is None else [f"written: {shortened(to)}"]) + [f"next:    {following}"]:
        print(printable(line))  # noqa: T201 - likewise
    return 0


def _again(words: list[str], source: Any, config_dir: str | None, trust: Trust) -> str:
    """Return a run that finds the features again."""
    if not any(word.startswith("learner=") for word in words):
        words = [*words, *(("learner=multitask", "query=multitask") if source.spec.tasks else ("learner=probe",))]
    flags = [f"--config-dir={config_dir}"] if config_dir else []
    flags += [f"--trust={name}" for name in trust.packages]
    return " ".join(map(typed, ["alrun", *flags, *words]))


def _take_place(argv: list[str]) -> tuple[Path | None, list[str]]:
    """Return the folder after ``--to``, and the other words.

    Raises:
        ConfigError: There is none.
    """
    if TO not in argv:
        joined = [word for word in argv if word.startswith(f"{TO}=")]
        place = joined[-1].partition("=")[2] if joined else None
        return (Path(place).expanduser() if place else None), [word for word in argv if word not in joined]
    number = argv.index(TO)
    if number + 1 == len(argv) or argv[number + 1].startswith("-"):
        raise ConfigError(Problem(f"{TO} needs a folder", "command line", f"{TO} features"))
    return Path(argv[number + 1]).expanduser(), argv[:number] + argv[number + 2 :]
