"""The adversarial learner: closed forms of its losses, whose step moves what, and minibatches without labels."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from alrun.core.errors import ConfigError, StrategyError
from alrun.core.seeding import Seeds
from alrun.core.types import Task, TaskSpec
from alrun.learner.adversarial import Adversarial
from alrun.learner.adversary import UnlabeledStream, discrimination_loss, gradient_penalty
from alrun.training.fabric import FabricLoop

SPEC = TaskSpec(Task.CLASSIFICATION, (5,), 3)
SGD = partial(torch.optim.SGD, lr=0.1)
STILL = partial(torch.optim.SGD, lr=0.0)


class Pool:
    """Rows without targets; notes which were asked for."""

    def __init__(self, rows: int) -> None:
        self.rows = torch.randn(rows, 5, generator=torch.Generator().manual_seed(7))
        self.asked: list[int] = []

    def __len__(self) -> int:
        return len(self.rows)

    def inputs(self, positions: Tensor) -> Tensor:
        self.asked += positions.tolist()
        return self.rows[positions]


def batches(rows: int) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(3)
    x, y = torch.randn(rows, 5, generator=generator), torch.randint(0, 3, (rows,), generator=generator)
    return list(zip(x.split(8), y.split(8), strict=True))


def learner(pool: Pool | None = None, optimizer: Any = SGD, **options: Any) -> Adversarial:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = Adversarial(SPEC, optimizer, hidden=(6,), discriminator_hidden=(4,), **{"dropout": 0.0, **options})
    if pool is not None:
        host: Any = SimpleNamespace(unlabeled_pool=pool, seeds=Seeds(0, 1, "training"), training_epoch=0)
        made.attach(host)
    return made


def weights(module: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten().clone() for parameter in module.parameters()])


def trained(model: Adversarial, rows: int = 20, epochs: int = 1) -> Adversarial:
    FabricLoop(accelerator="cpu")(model, None, batches(rows), max_epochs=epochs)
    return model


def test_losses_in_closed_form() -> None:
    labeled, unlabeled = torch.tensor([[1.0], [3.0]]), torch.tensor([[0.0], [0.5]])
    assert float(discrimination_loss(labeled, unlabeled)) == pytest.approx(4 / 2 + 0.25 / 2)
    linear = nn.Linear(2, 1)
    with torch.no_grad():
        linear.weight.copy_(torch.tensor([[3.0, 4.0]]))
    penalty = gradient_penalty(linear, torch.randn(6, 2), torch.randn(6, 2), torch.Generator().manual_seed(0))
    penalty.backward()
    assert float(penalty.detach()) == pytest.approx((5 - 1) ** 2)
    torch.testing.assert_close(linear.weight.grad, 2 * (5 - 1) * torch.tensor([[3.0, 4.0]]) / 5)


def test_penalty_looks_between_the_pairs() -> None:
    class Square(nn.Module):
        def forward(self, latents: Tensor) -> Tensor:
            return latents.square().sum(dim=1, keepdim=True) / 2

    one, other = torch.zeros(1000, 1), torch.full((1000, 1), 2.0)
    found = gradient_penalty(Square(), one, other, torch.Generator().manual_seed(0))
    assert float(found.detach()) == pytest.approx(1 / 3, abs=0.03)  # mean of (u - 1)² for u uniform on (0, 2)


def test_every_unlabelled_row_is_served_once_before_any_is_served_again() -> None:
    pool = Pool(10)
    stream = UnlabeledStream(pool, torch.Generator().manual_seed(1))
    for _ in range(5):
        assert stream.take(4).shape == (4, 5)
    assert sorted(pool.asked[:10]) == sorted(pool.asked[10:]) == list(range(10))
    assert pool.asked[:10] == pool.asked[10:] != list(range(10))
    assert UnlabeledStream(Pool(3), torch.Generator()).take(8).shape == (8, 5)


@pytest.mark.parametrize("moving", [0, 1, 2])
def test_each_part_has_its_own_optimizer(moving: int) -> None:
    factories = [SGD if part == moving else STILL for part in range(3)]
    model = learner(Pool(30), factories[0], classifier_optimizer=factories[1], discriminator_optimizer=factories[2])
    parts = [model.body[0], model.body[1], model.discriminator]
    before = [weights(part) for part in parts]
    trained(model)
    assert [not weights(part).equal(old) for part, old in zip(parts, before, strict=True)] == [
        part == moving for part in range(3)
    ]


def test_without_weight_or_without_unlabelled_rows_it_is_a_plain_classifier() -> None:
    plain = trained(learner())
    assert weights(plain.discriminator).equal(weights(learner().discriminator))
    for other in (trained(learner(Pool(30), adversarial_weight=0.0)), trained(learner(Pool(0)))):
        assert weights(other.body).equal(weights(plain.body))
    assert not weights(trained(learner(Pool(30), adversarial_weight=0.1)).body).equal(weights(plain.body))


def test_unlabelled_minibatches_are_in_step_and_belong_to_the_epoch() -> None:
    pool = Pool(1000)
    model = learner(pool)
    trained(model, rows=20)
    assert len(pool.asked) == len(set(pool.asked)) == 20
    first, pool.asked = pool.asked, []
    trained(model, rows=20)
    assert pool.asked == first
    host: Any = model._host
    host.training_epoch, pool.asked = 1, []
    trained(model, rows=20)
    assert pool.asked != first


def test_discriminator_learns_to_tell_and_latents_become_alike() -> None:
    far = Pool(200)
    far.rows = far.rows + 3
    model = trained(learner(far, partial(torch.optim.Adam, lr=0.01), adversarial_weight=0.0), rows=64, epochs=30)
    inputs = torch.cat([x for x, _ in batches(64)])
    with torch.no_grad():
        told = [float(model.discriminator(model.latents(rows)).mean()) for rows in (inputs, far.rows)]
    assert told[0] > 0.8
    assert told[1] < 0.2


def test_what_does_not_fit_is_told_before_training() -> None:
    with pytest.raises(ConfigError, match=r"learner.backbone: does not take inputs of shape \(5,\)"):
        learner(backbone=nn.Linear(4, 3))
    with pytest.raises(ConfigError, match=r"learner.classifier: gives 2 outputs per row, but 3 are needed"):
        learner(classifier=nn.Linear(6, 2))
    with pytest.raises(ConfigError, match=r"learner.discriminator: gives 3 outputs"):
        learner(discriminator=nn.Linear(6, 3))
    with pytest.raises(ConfigError) as caught:
        learner(adversarial_weight=-1, gradient_penalty_weight=float("nan"), dropout=2)
    assert len(caught.value.problems) == 3
    model = learner(Pool(30), backbone=nn.Sequential(nn.Unflatten(1, (1, 5)), nn.Conv1d(1, 2, 3)))
    assert trained(model).inference_step(torch.zeros(4, 5)).shape == (4, 3)


def test_one_optimizer_is_not_enough() -> None:
    model = learner(Pool(30))
    with pytest.raises(StrategyError, match="its own three optimizers"):
        FabricLoop(accelerator="cpu")(model, SGD(model.parameters()), batches(20), max_epochs=1)
