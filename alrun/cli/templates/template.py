"""Template of ``alrun new``: what is written for one kind of strategy."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Template"]


@dataclass(frozen=True)
class Template:
    """What is written for one kind.

    Attributes:
        group: Config group, which is also the name of the room and of the folder of tests.
        summary: First line of the module and of the option.
        imports: Imports of the module, one per line.
        body: The module without its imports.
        keyed: Whether the option stands below a key of its own, as several of the group may be chosen.
        arguments: Lines of the option after ``_target_``.
        test_imports: Imports of the test beside that of the class.
        test: The test without its imports.
        command: Overrides that choose the option; the rest of the command line comes from where it is written.
        setting: Third line of the option, which ``alrun ls`` shows in the table of its group.
    """

    group: str
    summary: str
    imports: tuple[str, ...]
    body: str
    keyed: bool
    arguments: tuple[str, ...]
    test_imports: tuple[str, ...]
    test: str
    command: str
    setting: str = ""
