"""Template of a stopping criterion."""

from __future__ import annotations

from alrun.cli.templates.template import Template

__all__ = ["STOPPING"]

STOPPING = Template(
    group="stopping",
    summary="Stop when few rows are left without a label.",
    imports=(
        "from alrun.core.errors import ConfigError, Problem",
        "from alrun.core.stopping import Progress",
    ),
    body='''
class Mine:
    """Ends the experiment when at most ``rows`` rows are left in the unlabeled pool.

    Args:
        rows: Rows that may stay without a label.

    Raises:
        ConfigError: When ``rows`` is negative.
    """

    def __init__(self, rows: int = 50) -> None:
        """Wait until at most ``rows`` rows are left."""
        if rows < 0:
            where = "stopping.mine.rows"
            raise ConfigError(Problem(f"rows cannot be negative: {rows}", where, f"{where}=50"))
        self.rows = rows

    def __call__(self, progress: Progress) -> str | None:
        """Return why to stop, in words for the user, or ``None`` to go on; asked after each metrology phase."""
        if progress.unlabeled is None or progress.unlabeled > self.rows:
            return None
        return f"{progress.unlabeled} rows are left without a label"
''',
    keyed=True,
    arguments=("rows: 50",),
    test_imports=(
        "from alrun.core.stopping import Progress",
        "from alrun.testing import StoppingConformance",
    ),
    test="""
class TestMine(StoppingConformance):
    def criterion(self) -> Mine:
        return Mine(rows=50)

    def test_stops_at_its_threshold(self) -> None:
        for unlabeled, stops in ((51, False), (50, True)):
            reason = self.criterion()(Progress(step=3, labels=40, unlabeled=unlabeled, elapsed=1.0))
            assert (reason is not None) is stops
""",
    command="stopping=mine",
)
