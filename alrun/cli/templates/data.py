"""Template of a data source."""

from __future__ import annotations

from alrun.cli.templates.template import Template

__all__ = ["DATA"]

DATA = Template(
    group="data",
    summary="Points in a square, in two classes divided by a diagonal.",
    imports=(
        "import numpy as np",
        "import torch",
        "from typing import ClassVar",
        "from alrun.core.types import Task, TaskSpec",
        "from alrun.data.shipped import open_embeddings",
        "from alrun.data.source import ArraySource",
    ),
    body='''
class Mine(ArraySource):
    """Points drawn uniformly from the unit square; class 1 where the second coordinate is above the first."""

    task: ClassVar[Task | None] = Task.CLASSIFICATION

    def __init__(
        self,
        *,
        n_samples: int = 1000,
        generator_seed: int = 0,
        embeddings: str | None = None,
        partial_labels: bool = False,
        validation_size: float = 0.1,
        test_size: float = 0.2,
    ) -> None:
        """Make the points; they are a function of the arguments alone, not of the experiment's seed.

        Args:
            n_samples: Number of points ``N``.
            generator_seed: Seed of the points.
            embeddings: A ``.npy`` file ``[N, d]``: one vector per row, for strategies that compare rows.
            partial_labels: Whether labels are bought by the task; needs a ``spec`` with several ``tasks``.
            validation_size: Rows for validation: a fraction below 1 or a count.
            test_size: Rows for test, likewise.

        Raises:
            DataError: The data cannot be used as asked, see ``ArraySource``.
        """
        generator = np.random.Generator(np.random.Philox(generator_seed))
        points = generator.random((n_samples, 2), dtype=np.float32)
        inputs = torch.from_numpy(points)  # [N, 2] float32
        targets = (inputs[:, 1] > inputs[:, 0]).long()  # [N] int64 classes, 0 … C-1
        spec = TaskSpec(Task.CLASSIFICATION, input_shape=(2,), num_outputs=2)
        super().__init__(
            inputs,
            targets,
            spec,
            embeddings=open_embeddings(embeddings),
            partial_labels=partial_labels,
            validation_size=validation_size,
            test_size=test_size,
        )
''',
    keyed=False,
    arguments=(
        "n_samples: 1000",
        "generator_seed: 0",
        "embeddings: null # .npy [N, d], one vector per row, for strategies that compare rows",
        "partial_labels: false # whether a label request asks for one task of a row; needs several tasks",
        "validation_size: 0.1",
        "test_size: 0.2",
    ),
    test_imports=(
        "import numpy as np",
        "import pytest",
        "import torch",
        "from pathlib import Path",
        "from alrun.core.errors import DataError",
    ),
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


def test_embeddings_and_labels_by_task_are_passed_on(tmp_path: Path) -> None:
    vectors = np.arange(40, dtype=np.float32).reshape(20, 2)
    np.save(tmp_path / "vectors.npy", vectors)
    data = Mine(n_samples=20, embeddings=str(tmp_path / "vectors.npy"))
    shipped = data.embeddings(torch.tensor([3]))
    assert shipped is not None
    assert shipped.tolist() == vectors[[3]].tolist()
    with pytest.raises(DataError, match="several tasks"):
        Mine(partial_labels=True)
""",
    command="data=mine",
)
