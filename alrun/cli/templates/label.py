"""Template of a label strategy."""

from __future__ import annotations

from alrun.cli.templates.template import Template

__all__ = ["LABEL"]

LABEL = Template(
    group="label",
    summary="Labels of an annotator who is right about every row.",
    imports=(
        "from torch import Tensor",
        "from alrun.label.oracle import Oracle",
    ),
    body='''
class Mine(Oracle):
    """Answers with ``targets``; batches, costs, requests for one of several tasks and durability come from the base.

    Args:
        cost: What one label costs, in a unit of your choice.
        batch_size: Rows that are asked for, and made durable, together.
    """

    annotator = "mine"

    def targets(self, rows: Tensor) -> Tensor:
        """Return the labels of source ``rows`` ``[n]``: ``[n]`` ``int64`` classes or ``[n, T]`` numbers.

        The label of a row must depend on the row and the seed alone, since a run that is resumed may ask in other
        batches: ``alrun.core.row_random`` draws random numbers per row.
        """
        return super().targets(rows)  # the labels that the data set holds
''',
    keyed=False,
    arguments=("cost: 1.0",),
    test_imports=("from alrun.testing import LabelConformance",),
    test="""
class TestMine(LabelConformance):
    def strategy(self) -> Mine:
        return Mine(batch_size=7)
""",
    command="label=mine",
)
