"""The first line of a module says what the module is: it begins with a noun or a verb, not with a question."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import alrun

PACKAGE = Path(alrun.__file__).parent
QUESTIONS = frozenset(
    {"Are", "Do", "Does", "How", "Is", "What", "When", "Where", "Whether", "Which", "Who", "Whom", "Why"}
)


def first_word(text: str) -> str:
    return text.split(maxsplit=1)[0].rstrip(":,.")


@pytest.mark.parametrize("words", ["What a pool needs.", "Whether it holds", "How: in short"])
def test_a_question_is_one(words: str) -> None:
    assert first_word(words) in QUESTIONS


def test_no_module_begins_with_a_question() -> None:
    texts = {path: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for path in PACKAGE.rglob("*.py")}
    assert len(texts) > 300
    wrong = [
        str(path.relative_to(PACKAGE)) for path, text in texts.items() if not text or first_word(text) in QUESTIONS
    ]
    assert wrong == []
