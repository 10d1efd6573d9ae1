"""Templates of ``alrun new``: module, config option and test for each kind of strategy.

A template is code that works. ``Mine`` and ``mine`` stand for the names that are asked for; imports are put in order
when a file is written. tests/cli/test_new.py runs what is written through the suites, ruff and mypy.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["TEMPLATES", "Template"]


@dataclass(frozen=True)
class Template:
    """What is written for one kind.

    Attributes:
        group: Config group, which is also the name of the room and of the folder of tests.
        summary: First line of the module and of the option.
        imports: Imports of the module, one a line.
        body: The module without its imports.
        keyed: Whether the option stands below a key of its own, as several of the group may be chosen.
        arguments: Lines of the option after ``_target_``.
        test_imports: Imports of the test beside that of the class.
        test: The test without its imports.
        command: Overrides that choose the option; the rest of the command line comes from where it is written.
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


QUERY = Template(
    group="query",
    summary="Distance of the probabilities from certainty, summed over classes.",
    imports=(
        "from torch import Tensor",
        "from alrun.core.outputs import probabilities",
        "from alrun.core.types import Prediction",
        "from alrun.query.base import ScoreQuery",
    ),
    body='''
class Mine(ScoreQuery):
    """Picks the rows with the highest ``1 - sum(p ** 2)``: 0 where one class is certain.

    ``ScoreQuery`` goes over the pool in chunks, keeps the best rows and breaks ties by row number; ``score`` is all
    that differs between strategies. Where another inference than one prediction per row is chosen, ``outputs`` are
    ``[K, B, C]``, one slice per posterior sample.

    Args:
        max_samples: Rows per query.
    """

    def score(self, prediction: Prediction) -> Tensor:
        """Return one score per row, ``[B]``; the rows with the highest are labeled."""
        chances = probabilities(prediction.outputs)  # logits [B, C] to probabilities [B, C]
        if prediction.stochastic:
            chances = chances.mean(dim=0)
        return 1 - chances.square().sum(dim=-1)
''',
    keyed=True,
    arguments=("max_samples: ${query_size}",),
    test_imports=("from alrun.testing import QueryConformance",),
    test="""
class TestMine(QueryConformance):
    def strategy(self, max_samples: int) -> Mine:
        return Mine(max_samples)
""",
    command="query=mine",
)

METROLOGY = Template(
    group="metrology",
    summary="Mean probability that the learner gives to its own answers.",
    imports=(
        "from collections.abc import Mapping",
        "from typing import Any, ClassVar",
        "from alrun.core.outputs import probabilities",
        "from alrun.core.types import Task",
        "from alrun.metrology.base import Metrology",
    ),
    body='''
class Mine(Metrology):
    """Records ``mine``: the mean over test rows of the highest class probability.

    Attributes:
        tasks: Tasks on which it can measure something.
        metrics: Names of its metrics, each with whether higher is better (``None``: neither).
    """

    tasks: ClassVar[frozenset[Task]] = frozenset({Task.CLASSIFICATION})
    metrics: Mapping[str, bool | None] = {"mine": None}

    def compute(self, *args: Any, **kwargs: Any) -> None:
        """Measure on the test pool, or else on the validation pool, and append one record."""
        split, pool = self.measured_pool()
        total = 0.0
        for prediction, _targets in self.predictions(pool):
            chances = probabilities(prediction.outputs)  # [B, C], or [K, B, C] with one slice per posterior sample
            if prediction.stochastic:
                chances = chances.mean(dim=0)
            total += float(chances.max(dim=-1).values.double().sum())
        self.record(split, {"mine": total / len(pool)})
''',
    keyed=True,
    arguments=(),
    test_imports=("from alrun.testing import MetrologyConformance",),
    test="""
class TestMine(MetrologyConformance):
    def strategy(self) -> Mine:
        return Mine()
""",
    command="metrology=[classification,mine]",
)

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

DATA = Template(
    group="data",
    summary="Points in a square, in two classes divided by a diagonal.",
    imports=(
        "import numpy as np",
        "import torch",
        "from typing import ClassVar",
        "from alrun.core.types import Task, TaskSpec",
        "from alrun.data.source import ArraySource",
    ),
    body='''
class Mine(ArraySource):
    """Points drawn uniformly from the unit square; class 1 where the second coordinate is above the first."""

    task: ClassVar[Task | None] = Task.CLASSIFICATION

    def __init__(
        self, *, n_samples: int = 1000, generator_seed: int = 0, validation_size: float = 0.1, test_size: float = 0.2
    ) -> None:
        """Make the points; they are a function of the arguments alone, not of the experiment's seed.

        Args:
            n_samples: Number of points ``N``.
            generator_seed: Seed of the points.
            validation_size: Rows for validation: a fraction below 1 or a count.
            test_size: Rows for test, likewise.
        """
        generator = np.random.Generator(np.random.Philox(generator_seed))
        points = generator.random((n_samples, 2), dtype=np.float32)
        inputs = torch.from_numpy(points)  # [N, 2] float32
        targets = (inputs[:, 1] > inputs[:, 0]).long()  # [N] int64 classes, 0 … C-1
        spec = TaskSpec(Task.CLASSIFICATION, input_shape=(2,), num_outputs=2)
        super().__init__(inputs, targets, spec, validation_size=validation_size, test_size=test_size)
''',
    keyed=False,
    arguments=("n_samples: 1000", "generator_seed: 0", "validation_size: 0.1", "test_size: 0.2"),
    test_imports=("import torch",),
    test="""
def test_it_is_a_function_of_its_arguments() -> None:
    first, again = Mine().fingerprint(), Mine().fingerprint()
    assert first == again != Mine(generator_seed=1).fingerprint()


def test_inputs_and_targets_fit_the_spec() -> None:
    data = Mine(n_samples=100)
    rows = torch.arange(len(data))
    inputs, targets = data.inputs(rows), data.targets(rows)
    assert inputs.shape == (100, *data.spec.input_shape)
    assert targets.unique().tolist() == list(range(data.spec.num_outputs))
""",
    command="data=mine",
)

#: By the word that is typed after ``alrun new``.
TEMPLATES = {
    "query": QUERY,
    "metrology": METROLOGY,
    "label": LABEL,
    "stopping": STOPPING,
    "callback": CALLBACK,
    "data": DATA,
}
