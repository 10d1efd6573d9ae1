"""Knobs: annotated dataclass fields, from which defaults, checks, help and identity are derived.

Plain dataclasses. A structured config of OmegaConf converts what does not fit (``"1"`` to 1, ``yes`` to true), so that
other experiments would pass as this one, and stops at the first thing that is wrong; pydantic and hydra-zen cost more
to import than all else that ``alrun --help`` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, field, fields
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple, TypeVar

__all__ = [
    "Effect",
    "Group",
    "Knob",
    "Part",
    "defaults",
    "group",
    "iterate_terms",
    "knob",
    "part",
    "read",
    "terms",
    "written",
]

T = TypeVar("T")
KINDS = {"int": int, "float": float, "str": str, "bool": bool, "list[str]": list}
TERM = "term"


class Effect(StrEnum):
    """What another value of a key makes of a run."""

    RESULT = "result"  #: Another experiment.
    REPEAT = "repeat"  #: Another run of the experiment: reports average over it, or do not look at it.
    EXTENT = "extent"  #: The same run, longer or shorter.
    SHOW = "show"  #: The same run, elsewhere, watched or kept otherwise.
    ONCE = "once"  #: Asked of one command alone; a run does not remember it.

    @property
    def is_identity(self) -> bool:
        """Whether the key is part of the identity of a run."""
        return self in (Effect.RESULT, Effect.REPEAT)


class Knob(NamedTuple):
    """A key with a number, a text or a boolean.

    Attributes:
        doc: What it does, in one line.
        kind: Type of its value, as annotated: int, float, str, bool, or list for a list of texts.
        optional: Whether null is allowed, as annotated.
        default: Its value where none is given.
        effect: What another value makes of a run.
        minimum: Least value, of numbers.
        above: Bound that numbers exceed.
        below: Bound that numbers stay under.
        choices: All values, of texts.
        pattern: What matches the whole text, or each text of a list.
        wrong: What is said of an unfit value, in place of the type: "is not a device".
        hint: What to type instead, in place of an example.
        only_when_set: Whether null was what was done before there was such a key, and so leaves it out of the identity.
    """

    doc: str
    kind: type = str
    optional: bool = False
    default: Any = None
    effect: Effect = Effect.RESULT
    minimum: int | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    pattern: str = ""
    wrong: str = ""
    hint: str = ""
    only_when_set: bool = False

    def takes(self, value: Any) -> bool:
        """Return whether ``value`` is of the type, whatever its bounds."""
        if value is None:
            return self.optional
        if isinstance(value, bool):
            return self.kind is bool
        if self.kind is list:
            return isinstance(value, list) and all(isinstance(item, str) for item in value)
        return isinstance(value, (int, float) if self.kind is float else self.kind)

    def admits(self, value: Any) -> bool:
        """Return whether a value of the type is one of the choices, or between the bounds."""
        if value is None or self.kind is bool:
            return True
        if self.kind is list:
            return all(re.fullmatch(self.pattern, item) is not None for item in value)
        if self.kind is str:
            return (not self.choices or value in self.choices) and (
                not self.pattern or re.fullmatch(self.pattern, value) is not None
            )
        low = (self.minimum is None or value >= self.minimum) and (self.above is None or value > self.above)
        return low and (self.below is None or value < self.below)

    @property
    def bounds(self) -> str:
        """The bounds of numbers in words."""
        said = (("at least", self.minimum), ("above", self.above), ("below", self.below))
        return " and ".join(f"{word} {bound}" for word, bound in said if bound is not None)

    @property
    def noun(self) -> str:
        """The type in words."""
        nouns = {int: "a whole number", float: "a number", str: "a text", bool: "true or false", list: "a list"}
        noun = nouns[self.kind]
        return f"{noun} or null" if self.optional else noun


class Part(NamedTuple):
    """A key that holds a ``_target_``, or several of them by name: what is built there.

    Attributes:
        doc: What it is for, in one line.
        noun: What stands there.
        example: Names of it, for messages.
        several: Whether it holds several by name.
        optional: Whether it may be absent.
        effect: What another one makes of a run.
        null: Whether its key is there, as null, where nothing is chosen; else an option of a config group brings it.
        rooms: Packages of alrun whose public classes may stand there.
        methods: Sets of methods of which a class needs one.
        own: The same for alrun's own classes, where more is asked of these.
        listens: Whether any one method of a callback does instead.
        library: Name of the library classes that may stand there, as in ``alrun.config.families``.
    """

    doc: str
    noun: str
    example: str = ""
    several: bool = False
    optional: bool = False
    effect: Effect = Effect.RESULT
    null: bool = False
    rooms: tuple[str, ...] = ()
    methods: tuple[tuple[str, ...], ...] = ()
    own: tuple[tuple[str, ...], ...] = ()
    listens: bool = False
    library: str = ""


class Group(NamedTuple):
    """A key that holds settings of its own.

    Attributes:
        kind: Their dataclass.
        effect: What other ones make of a run; keys inside may have less of an effect.
        optional: Whether null stands for the defaults.
        wrong: What is said of what is not a mapping.
        hint: What to type instead; ``{}`` stands for the value.
    """

    kind: type
    effect: Effect = Effect.RESULT
    optional: bool = False
    wrong: str = "is not a mapping"
    hint: str = ""


Term = Knob | Part | Group


def knob(default: Any, doc: str, **terms: Any) -> Any:
    """Return the field of a knob; ``terms`` as in ``Knob``, type and ``optional`` from the annotation."""
    if isinstance(default, StrEnum):
        terms = {"choices": tuple(map(str, type(default)))} | terms
    return field(default=default, metadata={TERM: Knob(doc, default=default, **terms)})


def part(doc: str, noun: str, example: str = "", *, null: bool = False, **terms: Any) -> Any:
    """Return the field of what is built; ``terms`` as in ``Part``."""
    term = Part(doc, noun, example, null=null, **terms)
    return field(default=None if null else MISSING, metadata={TERM: term})


def group(kind: type, effect: Effect = Effect.RESULT, **terms: Any) -> Any:
    """Return the field of a group of settings; ``terms`` as in ``Group``."""
    return field(default_factory=kind, metadata={TERM: Group(kind, effect, **terms)})


@cache
def terms(kind: type) -> Mapping[str, Term]:
    """Return the keys of a dataclass of settings, in its order."""
    return {one.name: _term(one) for one in fields(kind)}


def _term(one: Field[Any]) -> Term:
    term: Term = one.metadata[TERM]
    if not isinstance(term, Knob):
        return term
    name, _, rest = str(one.type).partition(" | ")
    return term._replace(kind=KINDS.get(name, str), optional=rest == "None")


def iterate_terms(kind: type, prefix: str = "") -> Iterator[tuple[str, Knob | Part]]:
    """Yield (dotted key, knob or part) of a dataclass of settings and of the groups in it.

    Inside a group that is not part of the identity nothing is.
    """
    for name, term in terms(kind).items():
        if not isinstance(term, Group):
            yield f"{prefix}{name}", term
            continue
        for key, inner in iterate_terms(term.kind, f"{prefix}{name}."):
            yield key, inner if term.effect.is_identity else inner._replace(effect=term.effect)


def defaults(kind: type) -> dict[str, Any]:
    """Return the default of each key as plain values, but of parts that an option of a config group brings."""
    values: dict[str, Any] = {}
    for name, term in terms(kind).items():
        if isinstance(term, Group):
            values[name] = defaults(term.kind)
        elif isinstance(term, Knob):
            values[name] = str(term.default) if isinstance(term.default, StrEnum) else term.default
        elif term.null:
            values[name] = None
    return values


def read(kind: type[T], values: Mapping[str, Any]) -> T:
    """Return settings with what ``values``, of a checked config, say of them; all else is as by default."""
    known: type = kind
    given = {name: _value(term, values[name]) for name, term in terms(known).items() if name in values}
    return kind(**given)


def _value(term: Term, value: Any) -> Any:
    if isinstance(term, Group):
        return read(term.kind, value or {})
    if isinstance(term, Knob) and isinstance(term.default, StrEnum):
        return type(term.default)(value)
    return value


def written(value: Any) -> str:
    """Return the value of a knob as it is typed."""
    if isinstance(value, list):
        return f"[{','.join(value)}]"
    return {None: "null", True: "true", False: "false"}.get(value, str(value)) if not _is_number(value) else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
