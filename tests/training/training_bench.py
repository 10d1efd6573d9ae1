"""What the tests of both loops share: a seeded loader, small learners and a session in memory."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import lightning
import torch
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.errors import Interrupted
from alrun.core.seeding import Seeds
from alrun.training.session import NoSession

Batch = tuple[Tensor, Tensor]


class Loader:
    """Batches by tensor indexing, shuffled anew in each epoch; remembers the epochs that it served."""

    def __init__(self, rows: int = 50, size: int = 16, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.x = torch.randn(rows, 6, generator=generator)
        self.y = torch.randint(0, 3, (rows,), generator=generator)
        self.size, self.epoch = size, 0
        self.served: list[int] = []

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __len__(self) -> int:
        return (len(self.x) + self.size - 1) // self.size

    def __iter__(self) -> Iterator[Batch]:
        self.served.append(self.epoch)
        order = torch.randperm(len(self.x), generator=torch.Generator().manual_seed(self.epoch))
        for rows in order.split(self.size):
            yield self.x[rows], self.y[rows]


class Learner(lightning.LightningModule):
    """Dropout and batch norm, so that generators and buffers matter."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.net = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.net(x)
        return output

    def training_step(self, batch: Batch, batch_idx: int = 0) -> Any:
        return functional.cross_entropy(self(batch[0]), batch[1])

    def validation_step(self, batch: Batch, batch_idx: int = 0) -> Any:
        return functional.cross_entropy(self(batch[0]), batch[1])


class Session(NoSession):
    """A training session that commits to memory, and may be told to interrupt behind an epoch."""

    def __init__(self, stop_after: int | None = None, state: Mapping[str, Any] | None = None, every: int = 1) -> None:
        self.seeds = Seeds(0)
        self.state, self.stop_after, self.every = state, stop_after, every
        self.saved: list[int] = []
        self.metrics: list[dict[str, float]] = []
        self.logs: list[Mapping[str, Mapping[str, float]]] = []
        self.expected: list[int] = []

    def load(self) -> Mapping[str, Any] | None:
        return copy.deepcopy(self.state)

    def due(self, epoch: int) -> bool:
        return epoch % self.every == 0

    def save(self, epoch: int, state: Mapping[str, Any]) -> None:
        assert_plain(state)
        self.state = copy.deepcopy(state)
        self.saved.append(epoch)

    def epoch_started(self, epoch: int) -> None:
        self.seeds.seed_global_generators(f"epoch {epoch}")

    def logged(self, values: Mapping[str, Mapping[str, float]]) -> None:
        self.logs.append(copy.deepcopy(dict(values)))

    def epoch_finished(self, epoch: int, max_epochs: int, metrics: Mapping[str, float]) -> None:
        self.metrics.append(dict(metrics))
        self.expected.append(max_epochs)
        if self.stop_after is not None and epoch + 1 >= self.stop_after:
            raise Interrupted(15)


def assert_plain(value: Any) -> None:
    """Refuse anything that a training session need not be able to store."""
    if isinstance(value, dict):
        for key, entry in value.items():
            assert isinstance(key, str | int)
            assert_plain(entry)
    elif isinstance(value, list):
        for entry in value:
            assert_plain(entry)
    else:
        assert value is None or isinstance(value, Tensor | bool | int | float | str), type(value)


class Plain(nn.Module):
    """A module that knows no steps."""

    def __init__(self) -> None:
        super().__init__()
        self.net = Learner().net

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.net(x)
        return output


def cross_entropy(model: nn.Module, batch: Batch) -> Tensor:
    return functional.cross_entropy(model(batch[0]), batch[1])


def adam(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.Adam(model.parameters(), lr=0.02)


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_same(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> None:
    assert left.keys() == right.keys()
    for name, tensor in left.items():
        assert torch.equal(tensor, right[name]), name


def reference(model: nn.Module, epochs: int, clip: Callable[[nn.Module], Any] | None = None) -> None:
    """The mathematics of both loops, written out in torch."""
    optimizer, loader, seeds = adam(model), Loader(), Seeds(0)
    model.train()
    for epoch in range(epochs):
        seeds.seed_global_generators(f"epoch {epoch}")
        loader.set_epoch(epoch)
        for x, y in loader:
            loss = functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            if clip is not None:
                clip(model)
            optimizer.step()


def assert_equal(left: Any, right: Any) -> None:
    """Compare nested plain values; tensors by every bit."""
    if isinstance(left, dict):
        assert left.keys() == right.keys()
        for key in left:
            assert_equal(left[key], right[key])
    elif isinstance(left, list):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_equal(one, other)
    elif isinstance(left, Tensor):
        assert torch.equal(left, right)
    else:
        assert left == right
