"""What ``import alrun`` and the light commands load, and what the package says of itself."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

import alrun

PACKAGE = Path(alrun.__file__).parent
HEAVY = ("torch", "lightning", "torchmetrics", "sklearn", "pandas", "numpy", "hydra", "omegaconf")
LOADED = "import sys; print(*[name for name in {names} if name in sys.modules])"


def loaded_by(statement: str, cwd: Path) -> list[str]:
    code = f"{statement}\n{LOADED.format(names=HEAVY)}"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=cwd)
    return answer.stdout.splitlines()[-1].split()


def test_importing_alrun_loads_nothing_heavy(tmp_path: Path) -> None:
    rooms = ("core", "config", "cli", "report", "testing", "store", "driver", "runner")
    assert loaded_by("import alrun, " + ", ".join(f"alrun.{room}" for room in rooms), tmp_path) == []


@pytest.mark.parametrize("words", [["ls"], ["ls", "query"], ["status", "."], ["--help"]], ids=" ".join)
def test_looking_around_loads_no_numbers(words: list[str], tmp_path: Path) -> None:
    statement = f"from alrun.cli.main import main; assert main({words}) == 0"
    assert set(loaded_by(statement, tmp_path)) <= {"hydra", "omegaconf"}


@pytest.mark.parametrize("name", alrun.__all__)
def test_public_names_lead_to_what_they_say(name: str) -> None:
    assert getattr(alrun, name).__name__ == name


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nonesuch'"):
        _ = alrun.Nonesuch


def drawn(text: str) -> Iterator[str]:
    """Yield the first column of the table of rooms: names two spaces apart, up to the first cell of several words."""
    for line in text.partition("A folder is a room")[2].partition("The driver imports")[0].splitlines()[1:]:
        yield from takewhile(str.isidentifier, re.split(r"\s{2,}", line.strip()))


def test_the_docstring_names_every_room_in_under_40_lines() -> None:
    text = alrun.__doc__ or ""
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms == set(drawn(text))
    assert len(text.splitlines()) < 40
