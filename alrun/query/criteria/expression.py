"""Criteria written as text: ``entropy + 0.5 * margin``."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from types import MappingProxyType

from alrun.core.errors import ConfigError, Problem
from alrun.core.suggest import nearest
from alrun.query.criteria.base import Combination, Constant, Criterion, Difference, Product, Quotient, Sum
from alrun.query.criteria.uncertainty import Entropy, L1Upper, L2Upper, LeastConfidence, Margin

__all__ = ["CRITERIA", "as_criterion"]

CRITERIA: Mapping[str, type[Criterion]] = MappingProxyType(
    {
        "least_confidence": LeastConfidence,
        "margin": Margin,
        "entropy": Entropy,
        "l1_upper": L1Upper,
        "l2_upper": L2Upper,
    }
)
_OPERATIONS: Mapping[type[ast.operator], type[Combination]] = MappingProxyType(
    {ast.Add: Sum, ast.Sub: Difference, ast.Mult: Product, ast.Div: Quotient}
)
MAX_LENGTH = 1000
MAX_DEPTH = 50


def as_criterion(criterion: Criterion | str | float, key: str) -> Criterion:
    """Return ``criterion``, or what it says.

    Args:
        criterion: A criterion; or the names in ``CRITERIA`` and numbers, with ``+ - * /`` and parentheses. The text is
            parsed, never evaluated: nothing else in it means anything.
        key: Config key to name in errors.

    Raises:
        ConfigError: The text is not an expression of criteria, or is longer or deeper than anybody would write.
    """
    if isinstance(criterion, Criterion):
        return criterion
    if not isinstance(criterion, str):
        return Constant(criterion)
    try:
        if len(criterion) > MAX_LENGTH:
            raise SyntaxError(f"longer than {MAX_LENGTH} characters")
        return _read(ast.parse(criterion.strip(), mode="eval").body, key)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refusal(f"cannot read {criterion[:80]!r}: {getattr(error, 'msg', error)}", key) from None


def _read(node: ast.expr, key: str, depth: int = 0) -> Criterion:
    if depth > MAX_DEPTH:
        raise SyntaxError(f"nested more than {MAX_DEPTH} deep")
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_read(node.left, key, depth + 1), _read(node.right, key, depth + 1))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        operand = _read(node.operand, key, depth + 1)
        return -operand if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return Constant(node.value)  # type: ignore[arg-type]
    if isinstance(node, ast.Name) and node.id in CRITERIA:
        return CRITERIA[node.id]()
    name = node.id if isinstance(node, ast.Name) else ""
    raise _refusal(f"{ast.unparse(node)!r} is not a criterion", key, name)


def _refusal(what: str, key: str, name: str = "") -> ConfigError:
    near = nearest(name, CRITERIA)
    known = f"did you mean {near[0]}?" if near else f"combine {', '.join(CRITERIA)} and numbers with + - * / ( )"
    return ConfigError(Problem(what, key, known))
