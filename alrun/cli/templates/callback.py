"""Template of a callback."""

from __future__ import annotations

from alrun.cli.templates.template import Template

__all__ = ["CALLBACK"]

CALLBACK = Template(
    group="callbacks",
    summary="Labels of each class, counted as they arrive.",
    imports=(
        "from collections.abc import Mapping",
        "from typing import Any",
        "from alrun.core.callback import Callback",
        "from alrun.core.events import LabelReceived, RunFinished, RunStarted",
        "from alrun.core.types import LabelStatus",
    ),
    body='''
class Mine(Callback):
    """Counts the labels of each class; writes ``mine.txt`` below ``callbacks/`` at the end.

    ``alrun.core.events`` lists all events; an event that no method here is named after costs nothing.

    Attributes:
        counts: Labels so far, by class.
    """

    def __init__(self) -> None:
        """Start at zero."""
        self.counts: dict[str, int] = {}

    def on_run_started(self, event: RunStarted) -> None:
        """Open the file, in each session of the run."""
        self._log = event.open_log("mine.txt")

    def on_label_received(self, event: LabelReceived) -> None:
        """Count one label."""
        if event.annotation.status is LabelStatus.LABELLED:
            name = str(event.annotation.target)
            self.counts[name] = self.counts.get(name, 0) + 1

    def on_run_finished(self, event: RunFinished) -> None:
        """Write one line per class."""
        lines = [f"{name} {count}\\n" for name, count in sorted(self.counts.items())]
        self._log.append("".join(lines).encode())

    def state_dict(self) -> Mapping[str, Any]:
        """Return what a resumed run goes on from."""
        return {"counts": dict(self.counts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``."""
        self.counts = dict(state["counts"])
''',
    keyed=True,
    arguments=(),
    test_imports=(
        "from alrun.core.callback import hooks_of",
        "from alrun.core.events import LabelReceived",
        "from alrun.core.types import Annotation, LabelStatus",
    ),
    test="""
def label(order: int, target: int | None, status: LabelStatus = LabelStatus.LABELLED) -> LabelReceived:
    return LabelReceived(step=0, order=order, annotation=Annotation(order, target, status=status))


def test_it_counts_labels_and_its_state_goes_on() -> None:
    first, heir = Mine(), Mine()
    for event in (label(0, 1), label(1, 1), label(2, None, LabelStatus.FAILED)):
        first.on_label_received(event)
    heir.load_state_dict(first.state_dict())
    heir.on_label_received(label(3, 0))
    assert first.counts == {"1": 2}
    assert heir.counts == {"0": 1, "1": 2}


def test_it_listens_to_what_it_needs() -> None:
    assert set(hooks_of(Mine())) == {"on_run_started", "on_label_received", "on_run_finished"}
""",
    command="callbacks=mine",
)
