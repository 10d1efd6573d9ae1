"""What both training loops owe: the mathematics, the limits, and a resume that leaves no trace."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from training_bench import (  # type: ignore[import-not-found]
    Batch,
    Learner,
    Loader,
    Plain,
    Session,
    adam,
    assert_equal,
    assert_same,
    cross_entropy,
    reference,
    weights,
)

from alrun.core.errors import Interrupted
from alrun.training.fabric import FabricLoop
from alrun.training.trainer import TrainerLoop

Loop = Callable[..., Any]
both = pytest.mark.parametrize("loop", [FabricLoop, TrainerLoop])


@both
def test_equals_a_hand_written_loop(loop: Loop) -> None:
    expected, model, session = Learner(), Learner(), Session()
    reference(expected, epochs=3)
    loop()(model, adam(model), Loader(), max_epochs=3, session=session)
    assert_same(weights(model), weights(expected))
    assert session.saved == [1, 2, 3]
    assert session.expected == [3, 3, 3]
    assert all(parameter.grad is None for parameter in model.parameters())


@both
def test_train_loss_is_the_mean_over_samples(loop: Loop) -> None:
    model, session, losses = Learner(), Session(), []

    def step(model: nn.Module, batch: Batch) -> Any:
        loss = cross_entropy(model, batch)
        losses.append(loss.item() * len(batch[1]))
        return loss

    loop()(model, adam(model), Loader(), train_step_fn=step, max_epochs=1, session=session)
    assert session.metrics[0]["train_loss"] == pytest.approx(sum(losses) / 50, rel=1e-6)
    assert session.metrics[0]["lr"] == pytest.approx(0.02)


@both
def test_validation_measures_without_a_trace(loop: Loop) -> None:
    model, plain, session = Learner(), Learner(), Session()
    loop()(plain, adam(plain), Loader(), max_epochs=2, session=Session())
    loop()(model, adam(model), Loader(), Loader(40, seed=1), max_epochs=2, session=session)
    assert_same(weights(model), weights(plain))
    model.eval()
    loader = Loader(40, seed=1)
    with torch.no_grad():
        assert session.metrics[-1]["val_loss"] == pytest.approx(
            cross_entropy(model, (loader.x, loader.y)).item(), rel=1e-5
        )


SETTINGS: dict[str, Any] = {"patience": 3, "restore_best": True, "monitor": "val_loss", "min_delta": 0.001}


def one_cycle(optimizer: torch.optim.Optimizer) -> Any:
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=200)
    return {"scheduler": scheduler, "interval": "step"}


SCHEDULERS: dict[str, Callable[[torch.optim.Optimizer], Any]] = {
    "plateau": lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, patience=0, factor=0.5),
    "multistep": lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [2, 4], gamma=0.3),
    "one_cycle": one_cycle,
}


def fit(loop: Loop, scheduler: str, session: Session, **bounds: int) -> dict[str, Tensor]:
    model = Learner()
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    bounds = bounds or {"max_epochs": 12}
    schedule = SCHEDULERS[scheduler](optimizer)
    loop(**SETTINGS)(model, optimizer, Loader(), Loader(24, seed=1), lr_scheduler=schedule, session=session, **bounds)
    result: dict[str, Tensor] = weights(model)
    return result


@both
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_resumes_behind_every_epoch_without_a_trace(loop: Loop, scheduler: str) -> None:
    whole = Session()
    expected = fit(loop, scheduler, whole)
    epochs = len(whole.metrics)
    assert 3 < epochs < 12, "early stopping must have acted"
    for epoch in range(1, epochs + 1):
        first = Session(stop_after=epoch)
        with pytest.raises(Interrupted):
            fit(loop, scheduler, first)
        second = Session(state=first.state)
        assert_same(fit(loop, scheduler, second), expected)
        assert first.metrics + second.metrics == whole.metrics
        assert_equal(second.state, whole.state)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_both_loops_agree(scheduler: str) -> None:
    fabric, trainer = Session(), Session()
    assert_same(fit(FabricLoop, scheduler, fabric), fit(TrainerLoop, scheduler, trainer))
    assert fabric.metrics == trainer.metrics


@both
def test_step_limit_recycles_the_data_and_resumes(loop: Loop) -> None:
    whole, loader, model = Session(), Loader(), Learner()
    calls: list[int] = []

    def step(model: nn.Module, batch: Batch) -> Any:
        calls.append(len(batch[1]))
        return cross_entropy(model, batch)

    arguments: dict[str, Any] = {"train_step_fn": step, "max_train_steps": 10}
    loop()(model, adam(model), loader, Loader(20), session=whole, **arguments)
    assert calls == [16, 16, 16, 2, 16, 16, 16, 2, 16, 16]
    assert set(loader.served) == {0, 1, 2}
    assert whole.expected == [3, 3, 3]
    assert ["val_loss" in metrics for metrics in whole.metrics] == [True] * 3
    first, again = Session(stop_after=2), Learner()
    with pytest.raises(Interrupted):
        loop()(again, adam(again), Loader(), Loader(20), session=first, **arguments)
    resumed, second = Learner(), Session(state=first.state)
    loop()(resumed, adam(resumed), Loader(), Loader(20), session=second, **arguments)
    assert_same(weights(resumed), weights(model))
    assert_equal(second.state, whole.state)
    assert len(calls) == 10 + 8 + 2


@both
def test_validation_limit(loop: Loop) -> None:
    model, seen = Learner(), []
    loop()(
        model,
        adam(model),
        Loader(),
        Loader(40),
        validate_step_fn=lambda model, batch: seen.append(len(batch[1])),
        max_epochs=2,
        max_val_steps=1,
    )
    assert seen == [16, 16]


@both
@pytest.mark.parametrize("algorithm", ["norm", "value"])
def test_clips_gradients(loop: Loop, algorithm: str) -> None:
    functions: dict[str, Any] = {"norm": nn.utils.clip_grad_norm_, "value": nn.utils.clip_grad_value_}
    expected, model = Learner(), Learner()
    reference(expected, epochs=1, clip=lambda model: functions[algorithm](model.parameters(), 0.01))
    trained = loop(gradient_clip_val=0.01, gradient_clip_algorithm=algorithm)
    trained(model, adam(model), Loader(), max_epochs=1, session=Session())
    assert_same(weights(model), weights(expected))


@both
@pytest.mark.parametrize("precision", ["bf16-mixed", "64-true", "bf16-true"])
def test_precisions_train_and_resume(loop: Loop, precision: str) -> None:
    seen: set[torch.dtype] = set()

    def step(model: nn.Module, batch: Batch) -> Any:
        outputs = model(batch[0])
        seen.add(outputs.dtype)
        return functional.cross_entropy(outputs, batch[1])

    run = functools.partial(loop(precision=precision), train_step_fn=step, max_epochs=2)
    model, resumed, first = Learner(), Learner(), Session(stop_after=1)
    run(model, adam(model), Loader(), session=Session())
    assert seen == {torch.float64 if precision == "64-true" else torch.bfloat16}
    assert {tensor.dtype for tensor in model.parameters()} == {torch.float32}
    other = Learner()
    with pytest.raises(Interrupted):
        run(other, adam(other), Loader(), session=first)
    run(resumed, adam(resumed), Loader(), session=Session(state=first.state))
    assert_same(weights(resumed), weights(model))


@both
def test_dtype_argument(loop: Loop) -> None:
    model, seen = Plain(), set()

    def step(model: nn.Module, batch: Batch) -> Any:
        seen.add(model(batch[0]).dtype)
        return cross_entropy(model, batch)

    loop()(model, adam(model), Loader(), train_step_fn=step, max_epochs=1, device="cpu", dtype=torch.float64)
    assert seen == {torch.float64}


@both
def test_restores_the_best_weights(loop: Loop) -> None:
    values = iter([3.0, 1.0, float("nan"), 2.0])
    snapshots: list[dict[str, Tensor]] = []
    model = Learner()

    def measure(model: nn.Module, batch: Batch) -> Any:
        snapshots.append(weights(model))
        return torch.tensor(next(values))

    trained = loop(restore_best=True)
    trained(model, adam(model), Loader(), Loader(10), validate_step_fn=measure, max_epochs=4)
    assert_same(weights(model), {name.removeprefix("learner."): t for name, t in snapshots[1].items()})
