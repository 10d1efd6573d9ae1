"""Modules that do not load, and classes of the program that calls alrun: one clear error, or what is meant."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_line import SMALL, Alrun, Warm, cold, info, only_run  # type: ignore[import-not-found]

from alrun.cli.unforeseen import told

BROKEN = "raise RuntimeError('operator torchvision::nms does not exist')\n"


def test_a_library_that_does_not_load_is_named(tmp_path: Path) -> None:
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text("from torchvision import ops\n")
    (package / "ops.py").write_text(BROKEN)
    for folder in ("torchvision-0.1.dist-info",):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "METADATA").write_text("Metadata-Version: 2.1\nName: torchvision\nVersion: 0.1\n")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from alrun.cli.main import main; sys.exit(main())"
    answer = cold(tmp_path, *SMALL, program=("-c", program))
    assert answer.code == 1
    first, hint = answer.err.splitlines()
    assert first.startswith(
        "error: torchvision is installed, and does not load: RuntimeError: operator torchvision::nms"
    )
    assert "pip uninstall torchvision" in hint


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("def f(:\n", "SyntaxError: invalid syntax"),
        ("import no_such_library\n", "No module named 'no_such_library'"),
        ("from torch import no_such_name\n", "cannot import name 'no_such_name'"),
    ],
    ids=str.split,
)
def test_a_trusted_module_that_does_not_load(
    text: str, told: str, alrun: Alrun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "unloadable.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    answer = alrun("--trust=unloadable", "learner._target_=unloadable.Net")
    assert answer.code == 2
    assert "learner._target_: importing unloadable" in answer.err
    assert told in answer.err
    sys.modules.pop("unloadable", None)


PROGRAM = """
import sys
from alrun.cli.main import main
from alrun.query.random import Random


class Mine(Random):
    pass


sys.exit(main(sys.argv[1:]))
"""


def test_a_class_of_the_program_itself_is_built_where_that_is_trusted(warm: Warm, tmp_path: Path) -> None:
    words = [*SMALL, "query=random", "query.random._target_=__main__.Mine"]
    refused = warm.run(tmp_path, *words, code=PROGRAM)
    assert refused.code == 2
    assert "--trust __main__" in refused.err
    answer = warm.run(tmp_path, "--trust", "__main__", *words, code=PROGRAM)
    assert answer.code == 0, answer
    assert info(only_run(tmp_path))["labels"] == 30
    assert "continue: the same program again, with budget=60" in answer.out
    elsewhere = warm.run(tmp_path, "resume", str(only_run(tmp_path)), "budget=40", "--trust", "__main__")
    assert elsewhere.code == 2
    assert "start the program that defines it" in elsewhere.err


@pytest.mark.parametrize(("module", "name"), [("hydra", "hydra-core"), ("sklearn", "scikit-learn"), ("torch", "torch")])
def test_a_library_that_alrun_needs_is_to_be_installed_again(module: str, name: str) -> None:
    error = ImportError("cannot import name 'x'")
    code = compile("raise error", module, "exec")
    with pytest.raises(ImportError) as raised:
        exec(code, {"__name__": module, "error": error})  # noqa: S102
    assert f"pip install --force-reinstall {name}" in str(told(raised.value))
