"""The notebook of ``scripts/examples`` runs from its first cell to its last, in a kernel of its own."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

NOTEBOOK = Path(__file__).parents[2] / "scripts" / "examples" / "notebook.ipynb"


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    folder = tmp_path_factory.mktemp("notebook")
    nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    ).execute()
    return list(notebook.cells)


def said(cells: list[Any], number: int, kind: str = "text/plain") -> str:
    """Return what a cell printed, or shows."""
    outputs = cells[number].outputs
    return "".join(one.get("text", "") or one.get("data", {}).get(kind, "") for one in outputs)


def test_it_has_ten_cells_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert len(notebook.cells) == 10
    assert not any(cell.get("outputs") for cell in notebook.cells)


def test_what_its_cells_show(cells: list[Any]) -> None:
    assert "query:\n  margin:" in said(cells, 1)
    assert "50 of 50 labels, accuracy" in said(cells, 2, "text/html")
    assert "data:image/svg+xml;base64," in said(cells, 2, "text/html")
    assert "labels" in said(cells, 3)
    by_hand = [line.split()[:2] for line in said(cells, 5).splitlines() if line[:1].isdigit()]
    assert by_hand == [["0", "10"], ["1", "20"], ["2", "30"], ["3", "40"], ["4", "50"], ["5", "50"]]
    assert "score" in said(cells, 7)
    drawn = re.findall(r"base64,([^\"]+)", said(cells, 8, "text/html"))
    assert len(drawn) == 1
    assert all(name in base64.b64decode(drawn[0]).decode() for name in ("margin", "second_best"))
    assert "tensor([[" in said(cells, 9)
