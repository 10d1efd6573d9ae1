"""Small experiment to run strategies in: alrun's driver, pools, learner and inference on synthetic data."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import alrun.backbone.mlp
from alrun.core.learners import combine_of
from alrun.core.needs import needs_of
from alrun.core.phases import ActiveLearningPhase
from alrun.core.protocols.pool import Pools
from alrun.core.seeding import Role, Seeds
from alrun.core.types import Annotation, Task, TaskSpec
from alrun.data.source import ArraySource
from alrun.driver.driver import Driver
from alrun.driver.settings import Components, Settings, TrainingSettings
from alrun.inference.deterministic import Deterministic
from alrun.inference.mc_dropout import MCDropout
from alrun.label.base import plain_targets
from alrun.label.oracle import Oracle
from alrun.learner.adversarial import Adversarial
from alrun.learner.base import Learner
from alrun.learner.fcn import FCN
from alrun.learner.mlp import MLP
from alrun.learner.multitask import MultiTask
from alrun.pool.pools import pools
from alrun.store.run_store import RunStore
from alrun.store.rundir import RunDirectory
from alrun.training.fabric import FabricLoop

__all__ = ["NUM_CLASSES", "NUM_FEATURES", "NUM_LABELS", "hosted", "marks", "response", "source", "supported_task"]

NUM_ROWS = 200
NUM_FEATURES = 5
NUM_CLASSES = 3
NUM_LABELS = 4
MASK_SHAPE = (4, 4)


def response(inputs: Tensor) -> Tensor:
    """Return the target ``[n, 1]`` of the host's regression for inputs ``[n, 5]``: a smooth function of all columns."""
    return inputs[:, :2].sin().sum(dim=1, keepdim=True) + 0.1 * inputs.square().sum(dim=1, keepdim=True)


def marks(inputs: Tensor) -> Tensor:
    """Return which of the host's labels hold for inputs ``[n, 5]``: ``[n, 4]`` ``int64``, some of them rare."""
    return (inputs[:, :NUM_LABELS] > torch.arange(NUM_LABELS)).long()


def source(task: Task) -> ArraySource:
    """Return 200 rows of 5 features: 3 overlapping Gaussian classes, 4 labels, or ``response``. Always the same.

    Those of a segmentation are images ``[1, 4, 4]`` with 3 classes of pixels.
    """
    generator = torch.Generator().manual_seed(0)
    classes = torch.arange(NUM_ROWS) % NUM_CLASSES
    centers = 1.5 * torch.randn(NUM_CLASSES, NUM_FEATURES, generator=generator)
    inputs = centers[classes] + torch.randn(NUM_ROWS, NUM_FEATURES, generator=generator)
    if task is Task.CLASSIFICATION:
        return ArraySource(inputs, classes, TaskSpec(task, (NUM_FEATURES,), NUM_CLASSES))
    if task is Task.SEGMENTATION:
        images = torch.randn(NUM_ROWS, 1, *MASK_SHAPE, generator=generator)
        masks = (images[:, 0] > 0).long() + (images.roll(1, dims=3)[:, 0] > 1)
        return ArraySource(images, masks, TaskSpec(task, (1, *MASK_SHAPE), NUM_CLASSES, mask_shape=MASK_SHAPE))
    if task is Task.MULTI_LABEL:
        return ArraySource(inputs, marks(inputs), TaskSpec(task, (NUM_FEATURES,), NUM_LABELS))
    return ArraySource(inputs, response(inputs), TaskSpec(task, (NUM_FEATURES,), 1))


def supported_task(strategy: Any) -> Task:
    """Return the task on which to examine ``strategy``: the first of ``Task`` that is among its ``tasks``."""
    return next(task for task in Task if task in needs_of(strategy).tasks)


def _learner(spec: TaskSpec, needs: frozenset[str]) -> Learner:
    if "discriminator" in needs:
        return Adversarial(spec, partial(torch.optim.Adam, lr=0.01), hidden=(16, 16), dropout=0.2)
    if spec.tasks:
        body = partial(alrun.backbone.mlp.MLP, hidden=(16, 16), dropout=0.2)
        return MultiTask(spec, body, partial(torch.optim.Adam, lr=0.01))
    if spec.task is Task.SEGMENTATION:
        return FCN(spec, partial(torch.optim.Adam, lr=0.01), channels=(8, 8), dropout=0.2)
    return MLP(spec, partial(torch.optim.Adam, lr=0.01), hidden=(16, 16), dropout=0.2)


def _built(build: Callable[[TaskSpec], Any], spec: TaskSpec, seeds: Seeds, inference: Any) -> Any:
    """Return what ``build`` makes, or what ``inference`` makes of several, each from initial weights of its own."""
    combine = combine_of(inference)
    learners = []
    with torch.random.fork_rng(devices=[]):
        for number in range(1 if combine is None else inference.num_members):
            torch.manual_seed(seeds.integer(Role.INIT + (f" member {number}" if number else "")))
            learners.append(build(spec))
    return learners[0] if combine is None else combine(learners)


def _label_some(made: Pools) -> None:
    """Make every fourth row of the pool labeled, and every fourth of the rest pending."""
    pool: Any = made.unlabeled
    rows = pool.indices
    labelled, pending = rows[::4], rows[1::4]
    pool.take(torch.cat([labelled, pending]))
    pool.label(labelled)
    targets = plain_targets(pool.reveal(labelled))
    training: Any = made.training
    training.extend([Annotation(row, target) for row, target in zip(labelled.tolist(), targets, strict=True)])


@contextmanager
def hosted(
    directory: Path,
    task: Task = Task.CLASSIFICATION,
    *,
    stochastic: bool = False,
    cold: bool = False,
    seed: int = 0,
    cold_start: Any | None = None,
    query: Sequence[Any] = (),
    label: Any | None = None,
    metrology: Sequence[Any] = (),
    stopping: Sequence[Any] = (),
    data: ArraySource | None = None,
    needs: frozenset[str] = frozenset(),
    learner: Callable[[TaskSpec], Any] | None = None,
    inference: Any | None = None,
    training: Mapping[str, Any] | None = None,
    by_task: bool | None = None,
    sell_validation: bool = False,
) -> Iterator[Driver]:
    """Open an experiment in its query phase: an untrained learner, a pool in chunks of 32 rows.

    Args:
        directory: Where its run directory goes, or is, to go on with.
        task: What the targets are.
        stochastic: Whether predictions come as posterior samples (MC dropout, 4 of them).
        cold: Whether nothing is labeled yet; otherwise a quarter of the rows is, and some are pending.
        seed: The experiment's seed.
        cold_start: Cold start strategy, for hosts that are run.
        query: Query strategies.
        label: Label strategy; the oracle by default.
        metrology: Metrology strategies.
        stopping: Stopping criteria, for hosts that are run.
        data: Rows to work on, in place of the host's own for ``task``.
        needs: What the learner must have, as ``requires_learner`` of a query strategy names it.
        learner: Makes the learner, which may draw its weights from torch's global generator; by default a small MLP.
        inference: How predictions are made, in place of ``stochastic``.
        training: Fields of ``TrainingSettings`` that differ from the host's.
        by_task: Whether labels are bought one task at a time; ``None`` for what the data say.
        sell_validation: Whether validation rows are for sale, too.
    """
    inference = inference or (MCDropout(4) if stochastic else Deterministic())
    data = source(task) if data is None else data
    made = pools(data, Seeds(seed), by_task=by_task, sell_validation=sell_validation)
    if not cold:
        _label_some(made)
    components = Components(
        learner=_built(learner or partial(_learner, needs=needs), data.spec, Seeds(seed), inference),
        pools=made,
        query_strategies=query,
        training=TrainingSettings(**{"loop": FabricLoop(accelerator="cpu"), "max_epochs": 2, **(training or {})}),
        inference=inference,
        cold_start=cold_start,
        label_strategy=label or Oracle(),
        metrology_strategies=metrology,
        stopping=stopping,
        spec=data.spec,
    )
    settings = Settings(seed, budget=NUM_ROWS, predict_batch_size=32, device="cpu")
    directory.mkdir(parents=True, exist_ok=True)
    with RunStore(RunDirectory(directory), logging.getLogger("alrun.testing")) as store:
        driver = Driver(components, settings, store)
        driver.active_learning_step_idx = 0 if cold else 1
        driver.current_phase = ActiveLearningPhase.QUERY
        yield driver
