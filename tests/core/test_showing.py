"""What names and values from elsewhere may do to a terminal, a log and a spreadsheet: nothing."""

from __future__ import annotations

import unicodedata

import pytest

from alrun.core.showing import exported, printable, printable_block


def test_everything_unseen_is_written_out() -> None:
    everything = "".join(map(chr, range(0x110000)))
    shown = printable(everything, len(everything))
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, größer 数据 🙂", "plain, größer 数据 🙂"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("a\nb\r\tc\x7f\x00", "a\\x0ab\\x0d\\x09c\\x7f\\x00"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u200b\u2066\ufeff\U000e0041", "a\\u200b\\u2066\\ufeff\\U000e0041"),
        (b"\xff.txt".decode(errors="surrogateescape"), "\\xff.txt"),
        ("\ud800", "\\ud800"),
        ("no\u00a0break", "no\u00a0break"),
        ("[bold]x[/]", "[bold]x[/]"),
    ],
)
def test_a_line(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_long_text_is_cut() -> None:
    assert printable("x" * 10_000, 10) == "xxxxxxxxxx…"


def test_no_line_of_a_block_begins_a_message() -> None:
    text = "cannot read a\nerror: forged\r\n    → type this\n\n2026-01-01 INFO x"
    expected = "cannot read a\n    error: forged\\x0d\n    → type this\n\n    2026-01-01 INFO x"
    assert printable_block(text) == expected


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff20"])
def test_a_formula_is_text(begin: str) -> None:
    assert str(exported(f"{begin}cmd|' /C calc'!A0")).startswith("'")


@pytest.mark.parametrize("value", ["-1.5", "+2e-3", "1", "entropy", "a=b", "", -3, 2.5, None, True, "-inf"])
def test_numbers_and_words_stay(value: object) -> None:
    assert exported(value) == value
