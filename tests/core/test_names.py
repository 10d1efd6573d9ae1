"""Names of a config as file names."""

from __future__ import annotations

import pytest

from alrun.core.names import file_name

ODD = ("../../x", "/etc/passwd", "a/b", "a_b/", ".", "..", "", "x" * 300, "x" * 301, "é", "\x00", "\ud800", ".a", "a b")


@pytest.mark.parametrize("name", ["accuracy", "f1_macro", "a.b-c+d=2", "x" * 100])
def test_a_name_that_can_be_one_stays(name: str) -> None:
    assert file_name(name) == name


@pytest.mark.parametrize("name", ODD)
def test_no_name_is_too_long_or_leads_elsewhere(name: str) -> None:
    found = file_name(name)
    assert len(found.encode()) < 120
    assert "/" not in found
    assert not found.startswith(".")
    assert found.isprintable()


def test_different_names_stay_different() -> None:
    names = [file_name(name) for name in (*ODD, "a_b", "x" * 100)]
    assert len(set(names)) == len(names)
