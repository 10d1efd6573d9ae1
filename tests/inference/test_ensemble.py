"""Ensembles: members side by side are the members one by one, whatever the learner, the loop and the optimizer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import alrun.backbone.mlp
from alrun.config.check import checked
from alrun.config.compose import Composer, resolved
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError, StrategyError
from alrun.core.seeding import Seeds
from alrun.core.types import Annotation, Task, TaskPart, TaskSpec
from alrun.data.source import ArraySource
from alrun.driver.supply.loader import BatchLoader
from alrun.driver.supply.predictor import StreamedPredictor
from alrun.inference.ensemble import Ensemble
from alrun.inference.members.differentiated import _WORTH_IT
from alrun.inference.members.members import Members
from alrun.inference.members.vectorized import Vectorized
from alrun.learner.adversarial import Adversarial
from alrun.learner.cnn import CNN
from alrun.learner.losses import CrossEntropy, Weighted
from alrun.learner.mlp import MLP
from alrun.learner.multitask import MultiTask
from alrun.pool.pools import pools
from alrun.runner.build import Builder
from alrun.training.fabric import FabricLoop
from alrun.training.trainer import TrainerLoop

SEEDS = Seeds(5, 1, "training")
ROWS, MEMBERS, BATCH = 50, 3, 16
ADAM = partial(torch.optim.Adam, lr=1e-2)
SGD = partial(torch.optim.SGD, lr=0.1)
CLASSES = TaskSpec(Task.CLASSIFICATION, (6,), 3, standardize=(0, 1, 4))
IMAGES = TaskSpec(Task.CLASSIFICATION, (1, 4, 4), 3)
NUMBERS = TaskSpec(Task.REGRESSION, (6,), 2)
TASKS = (TaskPart("kind", Task.CLASSIFICATION, 3), TaskPart("side", Task.CLASSIFICATION, 2))
SEVERAL = TaskSpec(Task.CLASSIFICATION, (6,), 5, tasks=TASKS)


class Recurrent(MLP):
    """Keeps its weights in a list of its own besides, which ``functional_call`` does not reach."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.lstm = nn.LSTM(2, 6, batch_first=True)

    def _raw(self, inputs: Tensor) -> Tensor:
        return super()._raw(self.lstm(inputs.unflatten(1, (3, 2)))[0][:, -1])


class Peeking(MLP):
    """Looks at a value."""

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        loss = super().loss(inputs, targets)
        return loss * 2 if loss.item() > 1 else loss


class Averaging(MLP):
    """Puts another tensor in the place of a buffer."""

    seen: Tensor

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.register_buffer("seen", torch.zeros(6))

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        self.seen = 0.9 * self.seen + 0.1 * inputs.mean(dim=0)
        return super().loss(inputs - self.seen, targets)


class Keeping(MLP):
    """Keeps a tensor of its last step."""

    last: Any = None

    def loss(self, inputs: Tensor, targets: Tensor) -> Tensor:
        loss = self.last = super().loss(inputs, targets)
        return loss


class Hooked(MLP):
    def on_train_epoch_end(self) -> None:
        self.calls = 1


def dense(kind: type[MLP] = MLP, spec: TaskSpec = CLASSES, **options: Any) -> Callable[[], nn.Module]:
    return lambda: kind(spec, **{"optimizer": ADAM, "hidden": (8,), "dropout": 0.0, **options})


LEARNERS: dict[str, tuple[Callable[[], nn.Module], bool]] = {
    "classifier": (dense(), True),
    "batch norm": (dense(batch_norm=True), True),
    "gaussian": (dense(spec=NUMBERS), True),
    "means, own loss": (dense(spec=NUMBERS, likelihood="mean", losses={"l1": Weighted(nn.L1Loss(), 0.5)}), True),
    "several tasks": (
        lambda: MultiTask(SEVERAL, partial(alrun.backbone.mlp.MLP, hidden=[8], dropout=0.0), ADAM),
        True,
    ),
    "images": (lambda: CNN(IMAGES, SGD, channels=(4,), hidden=8, dropout=0.0, batch_norm=True), True),
    "replaced buffer": (dense(Averaging), True),
    "recurrent": (dense(Recurrent), False),
    "looks at values": (dense(Peeking), False),
    "keeps tensors": (dense(Keeping), False),
}


def pool(spec: TaskSpec, rows: int = ROWS) -> Any:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(rows, *spec.input_shape, generator=generator)
    targets = 3 + 2 * inputs.flatten(1)[:, :2]
    if spec.tasks:
        targets = torch.stack([targets[:, 0].long() % 3, targets[:, 1].long() % 2], dim=1)
        targets[::3, 0], targets[1::4, 1] = -1, -1
    elif spec.task is Task.CLASSIFICATION:
        targets = inputs.flatten(1)[:, :3].argmax(dim=1)
    if spec.tasks:
        return Rows(inputs, targets, spec)
    source = ArraySource(inputs, targets, spec)
    training: Any = pools(source, SEEDS).training
    training.extend([Annotation(row, target.tolist()) for row, target in enumerate(targets)])
    return training


class Rows:
    """Labeled rows of several tasks, some labels missing."""

    def __init__(self, inputs: Tensor, targets: Tensor, spec: TaskSpec) -> None:
        self._inputs, self._targets, self.spec = inputs, targets, spec

    def __len__(self) -> int:
        return len(self._inputs)

    def inputs(self, positions: Tensor) -> Tensor:
        return self._inputs[positions]

    def targets(self, positions: Tensor) -> Tensor:
        return self._targets[positions]

    def __getitems__(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        return self._inputs[positions], self._targets[positions]


class Shuffle(BatchLoader):
    """A loader with the shuffle of a member."""

    number = 0

    def _order(self, number: int = 0) -> Tensor:
        return super()._order(self.number)


def built(make: Callable[[], nn.Module], number: int) -> nn.Module:
    torch.manual_seed(number)
    return make()


def fit(learner: Any, loader: BatchLoader, loop: Any, epochs: int = 3) -> None:
    everything = torch.arange(len(loader.dataset))
    learner.fit_statistics(loader.dataset.inputs(everything), loader.dataset.targets(everything))
    made = learner.configure_optimizers()
    optimizer, schedule = (made["optimizer"], made["lr_scheduler"]) if isinstance(made, dict) else (made, None)
    loop(learner, optimizer, loader, BatchLoader(loader.dataset, 20), max_epochs=epochs, lr_scheduler=schedule)


def ensemble(make: Callable[[], nn.Module], data: Any, loop: Any, epochs: int = 3) -> Members:
    learner = Ensemble(MEMBERS).combine([built(make, number) for number in range(MEMBERS)])
    assert isinstance(learner, Members)
    fit(learner, BatchLoader(data, BATCH, SEEDS, shuffles=MEMBERS), loop, epochs)
    return learner


def one_by_one(make: Callable[[], nn.Module], data: Any, loop: Any, epochs: int = 3) -> list[nn.Module]:
    learners = []
    for number in range(MEMBERS):
        loader = Shuffle(data, BATCH, SEEDS)
        loader.number = number
        learners.append(built(make, number))
        fit(learners[-1], loader, loop, epochs)
    return learners


def told(learner: Members) -> dict[str, bool]:
    return learner._steps._settled


def assert_same(members: Members, learners: list[nn.Module]) -> None:
    for number, learner in enumerate(learners):
        found = members.alone(number).state_dict()
        for name, value in learner.state_dict().items():
            torch.testing.assert_close(found[name], value, msg=partial("{}: {}".format, name))


@pytest.fixture(params=["as on a CPU", "as on a GPU"])
def values(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Compute values one after the other, or together; return whether together."""
    together: bool = request.param == "as on a GPU"
    monkeypatch.setattr(Vectorized, "values_apart_on", () if together else ("cpu",))
    return together


@pytest.mark.parametrize("case", LEARNERS.values(), ids=LEARNERS)
def test_members_together_are_members_one_by_one(case: tuple[Callable[[], Any], bool], values: bool) -> None:
    make, vectorized = case
    data: Any = pool(make().spec)
    loop = FabricLoop(accelerator="cpu", precision="64-true")
    members = ensemble(make, data, loop)
    assert told(members) == dict.fromkeys(["training", "validation"] if values else ["training"], vectorized)
    learners = one_by_one(make, data, loop)
    assert_same(members, learners)
    inputs = data.inputs(torch.arange(9))
    with Ensemble(MEMBERS).prepared(members, SEEDS) as forward:
        outputs = forward(inputs)
    with torch.no_grad():
        expected = torch.stack([learner.eval()(inputs) for learner in learners])
    torch.testing.assert_close(outputs, expected)


OPTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "trainer": (TrainerLoop(accelerator="cpu"), {}),
    "norm of gradients bounded": (FabricLoop(accelerator="cpu", gradient_clip_val=0.05), {}),
    "the same, trainer": (TrainerLoop(accelerator="cpu", gradient_clip_val=0.05), {}),
    "entries bounded": (FabricLoop(accelerator="cpu", gradient_clip_val=0.01, gradient_clip_algorithm="value"), {}),
    "momentum, decay, schedule": (
        FabricLoop(accelerator="cpu"),
        {
            "optimizer": partial(torch.optim.SGD, lr=0.1, momentum=0.9, weight_decay=0.01),
            "scheduler": partial(torch.optim.lr_scheduler.ExponentialLR, gamma=0.8),
        },
    ),
}


@pytest.mark.parametrize(("loop", "options"), OPTIONS.values(), ids=OPTIONS)
def test_so_they_are_whatever_the_loop_and_the_optimizer(loop: Any, options: dict[str, Any]) -> None:
    make = dense(**{"optimizer": partial(torch.optim.SGD, lr=0.3), **options})
    data = pool(CLASSES)
    members = ensemble(make, data, loop)
    assert_same(members, one_by_one(make, data, loop))
    assert told(members) == {"training": True}


def test_a_list_of_operations_gives_what_it_was_made_from_to_the_last_bit() -> None:
    data, states = pool(CLASSES), []
    for foreign in (False, True):
        make = dense(Foreign if foreign else MLP, dropout=0.2, batch_norm=True)
        SEEDS.seed_global_generators()
        members = ensemble(make, data, FabricLoop(accelerator="cpu"), epochs=_WORTH_IT)
        entries = members._steps._differentiated._entries.values()
        assert any(entry.is_traced for entry in entries) is not foreign
        states.append(members.state_dict())
    for name, value in states[0].items():
        assert value.equal(states[1][name]), name


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
def test_half_precision_does_not_part_them(precision: str) -> None:
    members = ensemble(dense(), pool(CLASSES), FabricLoop(accelerator="cpu", precision=precision))
    assert told(members)["training"]


def test_autocast_does_not_take_one_member_for_another() -> None:
    make, data, loop = dense(Peeking), pool(CLASSES), FabricLoop(accelerator="cpu", precision="bf16-mixed")
    members = ensemble(make, data, loop)
    assert not told(members)["training"]
    assert_same(members, one_by_one(make, data, loop))


class Foreign(MLP):
    """Not alrun's own: might do something else at each call."""


def test_dropout_is_drawn_for_each_member() -> None:
    members: Any = Ensemble(2).combine([built(dense(dropout=0.5), 0) for _ in range(2)])
    inputs, targets = torch.randn(8, 1, 6).expand(8, 2, 6), torch.zeros(8, 2, dtype=torch.int64)
    members.training_step((inputs, targets)).backward()
    first, second = members.member.body[0].weight.grad
    assert not first.equal(second)
    assert first.any()
    assert second.any()


def test_what_members_log_is_logged_as_their_mean() -> None:
    make = dense(losses={"ce": CrossEntropy(0.5)})
    logged: list[dict[str, dict[str, float]]] = []

    class Book:
        """A session that keeps what was logged."""

        train_batches = eval_batches = None

        def logged(self, values: dict[str, dict[str, float]]) -> None:
            logged.append(values)

        def load(self) -> None:
            """Start afresh."""

        def due(self, epoch: int) -> bool:
            return False

        def __getattr__(self, name: str) -> Any:
            return lambda *args: None

    session: Any = Book()
    data = pool(CLASSES)
    loop = partial(FabricLoop(accelerator="cpu"), session=session)
    ensemble(make, data, loop, epochs=1)
    one_by_one(make, data, loop, epochs=1)
    together, *alone = logged
    for split in ("training", "validation"):
        for name, value in together[split].items():
            mean = sum(values[split][name] for values in alone) / MEMBERS
            assert value == pytest.approx(mean, rel=1e-5), name
    assert len(together["training"]) == 3


def test_batches_that_are_no_tensors_of_rows_come_as_a_list() -> None:
    class Words:
        """Batches of dicts, with text in them if asked for."""

        text = False

        def __len__(self) -> int:
            return ROWS

        def __getitem__(self, position: int) -> dict[str, Any]:
            x = torch.arange(6.0) * position / ROWS
            return {"x": x, "y": position % 3, **({"name": str(position)} if self.text else {})}

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 3)

        def forward(self, batch: Any) -> Tensor:
            outputs: Tensor = self.layer(batch["x"])
            return outputs

    def step(model: Any, data: Any) -> Tensor:
        return functional.cross_entropy(model(data), data["y"])

    words, loop = Words(), FabricLoop(accelerator="cpu")
    for words.text in (False, True):
        members: Any = Ensemble(MEMBERS).combine([built(Net, number) for number in range(MEMBERS)])
        optimizer = torch.optim.SGD(members.parameters(), lr=0.1)
        loader = BatchLoader(words, BATCH, SEEDS, shuffles=MEMBERS)
        loop(members, optimizer, loader, train_step_fn=members.lifted(step, training=True), max_epochs=2)
        assert told(members)["training"] is not words.text
        for number in range(MEMBERS):
            alone, own = built(Net, number), Shuffle(words, BATCH, SEEDS)
            own.number = number
            loop(alone, torch.optim.SGD(alone.parameters(), lr=0.1), own, train_step_fn=step, max_epochs=2)
            torch.testing.assert_close(members.alone(number).state_dict(), alone.state_dict())


def config(*words: str) -> dict[str, Any]:
    return checked(resolved(Composer(Trust()).compose(["data=digits", "device=cpu", *words]).config), Trust())


def test_the_first_member_is_the_plain_learner_and_no_other_is() -> None:
    plain = Builder(config()).components().learner.state_dict()
    words = ("inference=ensemble", "inference.num_members=3")
    first, again = (Builder(config(*words)).components().learner for _ in range(2))
    for name, value in first.state_dict().items():
        assert value.equal(again.state_dict()[name])
    weight = first.state_dict()["member.body.0.weight"]
    assert weight[0].equal(plain["body.0.weight"])
    assert len(weight.flatten(1).unique(dim=0)) == 3


def test_embeddings_are_those_of_the_first_member() -> None:
    data = pool(CLASSES)
    members: Any = Ensemble(2).combine([built(dense(), number) for number in range(2)])
    device, states = torch.device("cpu"), members.state_dict()
    before = {name: value.clone() for name, value in states.items()}
    predictor = StreamedPredictor(
        members, Ensemble(2), batch_size=20, device=device, seeds=lambda: SEEDS, progress=lambda *_: None
    )
    predictions = list(predictor(data, embeddings=True))
    found = torch.cat([prediction.embeddings for prediction in predictions if prediction.embeddings is not None])
    alone: Any = built(dense(), 0)
    expected = alone.body[:-1](data.inputs(torch.arange(ROWS))).detach()
    torch.testing.assert_close(found, expected)
    assert predictions[0].outputs.shape == (2, 20, 3)
    assert all(value.equal(before[name]) for name, value in members.state_dict().items())


REFUSED = {
    "no member": (lambda: Ensemble(0), "positive whole number"),
    "half a member": (lambda: Ensemble(2.5), "positive whole number"),  # type: ignore[arg-type]
    "optimizes itself": (lambda: Ensemble().combine([Adversarial(CLASSES, ADAM)]), "optimizes itself"),
    "hooks": (lambda: Ensemble().combine([dense(Hooked)()]), "on_train_epoch_end"),
    "not combined": (lambda: Ensemble().validate(dense()()), r"combine\(\)"),
}


@pytest.mark.parametrize(("make", "why"), REFUSED.values(), ids=REFUSED)
def test_refused(make: Callable[[], Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        make()


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (
            ("learner.optimizer={_target_: torch.optim.LBFGS, _partial_: true}", "~learner.optimizer.fused"),
            "learner.optimizer",
        ),
        (("learner=adversarial",), "inference"),
        (("inference.num_members=0",), "inference.num_members"),
    ],
)
def test_configs_that_are_refused(words: tuple[str, ...], where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Builder(config("inference=ensemble", *words)).components()
    assert [problem.where for problem in caught.value.problems] == [where]


def test_a_learner_without_optimizer_or_loss_is_told_of() -> None:
    class Bare(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(6, 3)

    members: Any = Ensemble(2).combine([Bare(), Bare()])
    with pytest.raises(StrategyError, match="has no configure_optimizers"):
        members.configure_optimizers()
    with pytest.raises(StrategyError, match="has no training_step"):
        members.training_step((torch.zeros(2, 2, 6), torch.zeros(2, 2)))
