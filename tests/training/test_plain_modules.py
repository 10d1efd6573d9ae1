"""Modules written for a plain Lightning Trainer: the same weights and the same logged values on both loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import lightning
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.classification import MulticlassAccuracy
from training_bench import Batch, Loader, Session, assert_same, weights  # type: ignore[import-not-found]

from alrun.core.errors import ConfigError, Interrupted, StrategyError
from alrun.training.fabric import FabricLoop
from alrun.training.logbook import TRAINING, VALIDATION, Logbook
from alrun.training.trainer import TrainerLoop

LOOPS = [FabricLoop, TrainerLoop]


class Classifier(lightning.LightningModule):
    """Uses what people commonly use: every way of logging, hooks, a plateau that watches a logged value."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.net = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3))
        self.frozen = nn.BatchNorm1d(6)
        self.accuracy = MulticlassAccuracy(3)
        self.called: list[str] = []
        self.norms: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.net(self.frozen(x))
        return output

    def setup(self, stage: str) -> None:
        self.called.append("setup " + stage)

    def on_train_start(self) -> None:
        self.frozen.eval()
        self.called.append("train start")

    def on_train_epoch_start(self) -> None:
        self.norms = []

    def training_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        x, y = batch
        loss = functional.cross_entropy(self(x), y)
        self.log("train_loss", loss, prog_bar=True)
        self.log("largest", loss, on_step=False, on_epoch=True, reduce_fx="max")
        self.log_dict({"rows": float(len(x)), "epoch": float(self.current_epoch)}, on_epoch=True)
        return {"loss": loss}

    def on_before_optimizer_step(self, optimizer: Any) -> None:
        self.norms.append(torch.stack([p.grad.norm() for p in self.net.parameters() if p.grad is not None]).norm())

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        assert not outputs["loss"].requires_grad

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        x, y = batch
        self.accuracy(self(x), y)
        self.log("val_acc", self.accuracy, on_epoch=True)
        self.log("val_loss", functional.cross_entropy(self(x), y))

    def on_validation_epoch_end(self) -> None:
        self.log("val_twice", 2.0)

    def on_train_epoch_end(self) -> None:
        assert not self.frozen.training
        assert self.net.training
        self.log("mean_norm", torch.stack(self.norms).mean())
        self.log("steps", float(self.global_step))

    def on_train_end(self) -> None:
        self.called.append("train end")

    def teardown(self, stage: str) -> None:
        self.called.append("teardown " + stage)


class TwoPlayers(lightning.LightningModule):
    """Two optimizers and two schedulers by manual optimization, as adversarial models have them."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.first, self.second = nn.Linear(6, 3), nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.first(x)
        return output

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        one, two = cast(Any, self.optimizers())
        loss = functional.cross_entropy(self.first(batch[0]), batch[1])
        self.toggle_optimizer(one)
        one.zero_grad()
        self.manual_backward(loss)
        self.clip_gradients(one, gradient_clip_val=0.5, gradient_clip_algorithm="norm")
        one.step()
        self.untoggle_optimizer(one)
        score = self.second(self.first(batch[0]).detach()).square().mean()
        two.zero_grad()
        self.manual_backward(score)
        two.step()
        self.log_dict({"loss_one": loss, "loss_two": score}, prog_bar=True)

    def on_train_epoch_end(self) -> None:
        for scheduler in self.lr_schedulers():  # type: ignore[union-attr]
            scheduler.step()
        self.log("updates", float(self.global_step))

    def configure_optimizers(self) -> Any:
        one = torch.optim.Adam(self.first.parameters(), lr=0.02)
        two = torch.optim.SGD(self.second.parameters(), lr=0.1, momentum=0.9)
        return [one, two], [torch.optim.lr_scheduler.ExponentialLR(o, 0.8) for o in (one, two)]


def fit_classifier(loop: Any, session: Session) -> lightning.LightningModule:
    model = Classifier()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=0)
    schedule = {"scheduler": plateau, "monitor": "val_acc"}
    loop()(model, optimizer, Loader(), Loader(24, seed=1), max_epochs=6, lr_scheduler=schedule, session=session)
    assert model.called == ["setup fit", "train start", "train end", "teardown fit"]
    return model


def fit_players(loop: Any, session: Session) -> lightning.LightningModule:
    model = TwoPlayers()
    loop()(model, None, Loader(), max_epochs=6, session=session)
    return model


@pytest.mark.parametrize("fit", [fit_classifier, fit_players])
def test_both_loops_agree_and_resume_exactly(fit: Callable[[Any, Session], lightning.LightningModule]) -> None:
    found = []
    for loop in LOOPS:
        whole = Session()
        model = fit(loop, whole)
        assert not {"log", "log_dict"} & set(vars(model))
        for epoch in (1, 5):
            first = Session(stop_after=epoch)
            with pytest.raises(Interrupted):
                fit(loop, first)
            second = Session(state=first.state)
            assert_same(weights(fit(loop, second)), weights(model))
            assert first.logs + second.logs == whole.logs
        found.append((weights(model), whole.logs))
    assert_same(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


def test_values_are_means_over_samples_apart_for_training_and_validation() -> None:
    session = Session()
    fit_classifier(FabricLoop, session)
    last = session.logs[-1]
    assert list(last[TRAINING]) == ["epoch", "largest", "mean_norm", "rows", "steps", "train_loss"]
    assert list(last[VALIDATION]) == ["val_acc", "val_loss", "val_twice"]
    assert last[TRAINING]["rows"] == pytest.approx((3 * 16 * 16 + 2 * 2) / 50)
    assert (last[TRAINING]["epoch"], last[TRAINING]["steps"]) == (5.0, 24.0)
    assert session.metrics[-1]["train_loss"] == pytest.approx(last[TRAINING]["train_loss"])
    assert last[TRAINING]["largest"] > last[TRAINING]["train_loss"]
    assert last[VALIDATION]["val_twice"] == 2.0


def test_manual_optimization_counts_the_steps_of_all_optimizers() -> None:
    session = Session()
    fit_players(FabricLoop, session)
    assert [logs[TRAINING]["updates"] for logs in session.logs] == [8.0 * epoch for epoch in range(1, 7)]


def test_what_only_a_trainer_calls_is_refused_on_fabric() -> None:
    class Stepping(Classifier):
        def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
            raise AssertionError

    with pytest.raises(ConfigError, match=r"optimizer_step(.|\n)*training=trainer"):
        FabricLoop.validate(Stepping())
    FabricLoop.validate(Classifier())


@pytest.mark.parametrize(
    ("value", "options", "told"), [(torch.ones(3), {}, "one number"), (1.0, {"reduce_fx": "median"}, "median")]
)
def test_what_cannot_be_logged_is_refused(value: Any, options: dict[str, Any], told: str) -> None:
    with pytest.raises(StrategyError, match=told):
        Logbook().add("loss", value, **options)
