"""UUIDs of what was chosen: committed where the data have them, compared when a run is resumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from driver_bench import opened, run  # type: ignore[import-not-found]
from torch import Tensor

from alrun.core.errors import DataError
from alrun.data.moons import Moons
from alrun.data.source import ArraySource


class Named(Moons):
    """Moons whose rows have uuids."""

    def __init__(self, prefix: str = "moon") -> None:
        super().__init__(n_samples=120)
        self._prefix = prefix

    def uuids(self, rows: Sequence[int] | Tensor) -> list[str]:
        return [f"{self._prefix}-{int(row)}" for row in rows]

    def uuid_of(self, datum: Any) -> str | None:
        return None

    def row_of(self, uuid: str) -> int | None:
        return int(uuid.rpartition("-")[2]) if uuid.startswith(self._prefix) else None

    def rebuilt(self, uuid: str) -> Any:
        raise NotImplementedError


def plain() -> ArraySource:
    return Moons(n_samples=120)


def chosen(place: Path, source: ArraySource) -> dict[str, Any]:
    with opened(place, source=source, budget=12) as driver:
        commit = driver.experiment.store.checkpoints.find(1, "query")
        assert commit is not None
        content: dict[str, Any] = commit.state()
        return content


def test_uuids_are_committed_where_rows_have_them_and_only_there(tmp_path: Path) -> None:
    run(tmp_path / "named", source=Named(), budget=12)
    run(tmp_path / "plain", source=plain(), budget=12)
    named = chosen(tmp_path / "named", Named())
    assert named["uuids"] == [f"moon-{row}" for row in named["items"]]
    assert len(named["items"]) == 6
    assert "uuids" not in chosen(tmp_path / "plain", plain())


def test_a_run_is_not_resumed_on_rows_of_other_names(tmp_path: Path) -> None:
    run(tmp_path, source=Named(), budget=12)
    with pytest.raises(DataError, match=r"row \d+ was 'moon-\d+' when it was chosen, and is 'star-\d+' now"):
        run(tmp_path, source=Named("star"), budget=18)
    assert run(tmp_path, source=Named(), budget=18).labels_bought == 18


@pytest.mark.parametrize(("before", "after"), [(Named, plain), (plain, Named)])
def test_rows_without_names_are_not_compared(
    before: Callable[[], ArraySource], after: Callable[[], ArraySource], tmp_path: Path
) -> None:
    run(tmp_path, source=before(), budget=12)
    assert run(tmp_path, source=after(), budget=18).labels_bought == 18
