"""What only the Trainer loop offers: hooks, callbacks and logged metrics."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.callbacks import EarlyStopping
from torch.utils.data import DataLoader, TensorDataset
from training_bench import (  # type: ignore[import-not-found]
    Batch,
    Learner,
    Loader,
    Plain,
    Session,
    adam,
    assert_same,
    cross_entropy,
    weights,
)

from alrun.core.errors import ConfigError, Interrupted
from alrun.training.trainer import TrainerLoop


class Logs(Learner):
    """Logs in every way, as people do."""

    def training_step(self, batch: Batch, batch_idx: int = 0) -> Any:
        loss = cross_entropy(self, batch)
        self.log("train_loss", loss, on_step=False, on_epoch=True)
        return {"loss": loss}

    def validation_step(self, batch: Batch, batch_idx: int = 0) -> Any:
        self.log("val_acc", (self(batch[0]).argmax(dim=-1) == batch[1]).float().mean())
        return cross_entropy(self, batch)

    def on_train_epoch_end(self) -> None:
        self.log("epochs", float(self.current_epoch + 1))

    def configure_optimizers(self) -> Any:
        optimizer = adam(self)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=0)
        return {"optimizer": optimizer, "lr_scheduler": scheduler, "monitor": "val_acc"}


def fit(session: Session, stop_callback: bool = False, **settings: Any) -> dict[str, torch.Tensor]:
    model = Logs()
    callbacks = [EarlyStopping(monitor="val_loss", patience=2, check_finite=False)] if stop_callback else []
    loop = TrainerLoop(callbacks=callbacks, **settings)
    loop(model, None, Loader(), Loader(24, seed=1), max_epochs=10, session=session)
    result: dict[str, torch.Tensor] = weights(model)
    return result


def test_logged_values_are_reported_and_monitored() -> None:
    session = Session()
    fit(session, monitor="val_acc", mode="max", patience=2, restore_best=True)
    assert {"train_loss", "val_acc", "epochs", "lr"} <= set(session.metrics[0])
    assert [metrics["epochs"] for metrics in session.metrics] == list(range(1, len(session.metrics) + 1))
    accuracies = [metrics["val_acc"] for metrics in session.metrics]
    assert len(accuracies) - 1 - accuracies.index(max(accuracies)) == 2 or len(accuracies) == 10


def test_module_with_its_own_plateau_resumes_without_a_trace() -> None:
    whole = Session()
    expected = fit(whole, monitor="epochs", mode="max", patience=2)
    for epoch in (1, 4, 9, 10):
        first = Session(stop_after=epoch)
        with pytest.raises(Interrupted):
            fit(first, monitor="epochs", mode="max", patience=2)
        second = Session(state=first.state)
        assert_same(fit(second, monitor="epochs", mode="max", patience=2), expected)
        assert first.metrics + second.metrics == whole.metrics


def test_callback_state_survives_a_resume() -> None:
    whole = Session()
    expected = fit(whole, stop_callback=True)
    epochs = len(whole.metrics)
    assert 2 < epochs < 10, "the callback must have stopped the fit"
    for epoch in range(1, epochs + 1):
        first = Session(stop_after=epoch)
        with pytest.raises(Interrupted):
            fit(first, stop_callback=True)
        second = Session(state=first.state)
        assert_same(fit(second, stop_callback=True), expected)
        assert first.metrics + second.metrics == whole.metrics


def test_monitor_that_is_never_logged() -> None:
    with pytest.raises(ConfigError, match=r"unknown monitor 'val_ac'(.|\n)*training\.loop\.monitor=val_acc"):
        fit(Session(), monitor="val_ac", patience=2)


class Counts(Callback):
    """Keeps a count that must start at zero in each phase, and sees the hooks."""

    seen: ClassVar[list[int]] = []

    def __init__(self) -> None:
        self.epochs = 0

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        self.epochs += 1
        self.seen.append(self.epochs)
        assert trainer.current_epoch == self.epochs - 1
        assert trainer.global_step == 4 * trainer.current_epoch


def test_each_phase_gets_fresh_callbacks_and_plain_modules_too() -> None:
    loop = TrainerLoop(callbacks=[Counts()])
    Counts.seen.clear()
    for _ in range(2):
        model = Plain()
        loop(model, adam(model), Loader(), train_step_fn=cross_entropy, max_epochs=2)
    assert Counts.seen == [1, 2, 1, 2]


def test_torch_loaders_resume_through_the_global_generator() -> None:
    data = Loader()

    def run(session: Session) -> Learner:
        model = Learner()
        loader = DataLoader(TensorDataset(data.x, data.y), batch_size=16, shuffle=True)
        TrainerLoop()(model, adam(model), loader, max_epochs=3, session=session)
        return model

    expected, first = run(Session()), Session(stop_after=1)
    with pytest.raises(Interrupted):
        run(first)
    assert_same(weights(run(Session(state=first.state))), weights(expected))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"max_epochs": 3}, r"training\.max_epochs"),
        ({"accumulate_grad_batch": 2}, r"accumulate_grad_batches"),
    ],
)
def test_refuses_trainer_keywords(keywords: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainerLoop(trainer_kwargs=keywords)


def test_passes_trainer_keywords_on() -> None:
    model, session = Learner(), Session()
    TrainerLoop(trainer_kwargs={"limit_train_batches": 2})(model, adam(model), Loader(), max_epochs=1, session=session)
    assert session.state is not None
    assert session.state["batches"] == 2
