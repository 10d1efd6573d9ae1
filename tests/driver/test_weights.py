"""What a training phase starts from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from driver_bench import Answer, PlainLoop, flat, opened, run  # type: ignore[import-not-found]

from alrun.core.seeding import Role, Seeds
from alrun.core.types import Annotation
from alrun.driver.settings import Reset
from alrun.store.rundir import RunDirectory

PHASE = "training"


def test_scratch_starts_from_the_same_weights_in_every_step(tmp_path: Path) -> None:
    loop = PlainLoop()
    driver = run(tmp_path, loop=loop, reset=Reset.SCRATCH)
    assert len(loop.starts) == 4
    initial = torch.cat(
        [driver.experiment.initial_weights[name].flatten() for name, _ in driver.learner.named_parameters()]
    )
    assert all(start.equal(initial) for start in loop.starts)
    assert not any(end.equal(initial) for end in loop.ends)


def test_warm_goes_on_from_the_last_step(tmp_path: Path) -> None:
    loop = PlainLoop()
    run(tmp_path, loop=loop, reset=Reset.WARM)
    assert all(start.equal(end) for start, end in zip(loop.starts[1:], loop.ends, strict=False))


def test_shrink_and_perturb(tmp_path: Path) -> None:
    loop = PlainLoop()
    driver = run(tmp_path, loop=loop, reset=Reset.SHRINK_PERTURB, shrink=0.25, perturb=0.5)
    named = dict(driver.learner.named_parameters())
    initial = torch.cat([driver.experiment.initial_weights[name].flatten() for name in named])
    assert loop.starts[0].equal(initial)
    for step, (start, end) in enumerate(zip(loop.starts[1:], loop.ends, strict=False), start=2):
        noise = []
        for name in named:
            fresh = driver.experiment.initial_weights[name].flatten()
            generator = Seeds(0, step, PHASE).torch(Role.INIT, f"perturb {name}")
            noise.append(fresh[torch.randperm(len(fresh), generator=generator)])
        torch.testing.assert_close(start, 0.25 * end + 0.5 * torch.cat(noise))
        assert len({tuple(part.tolist()) for part in noise}) == len(noise)


@pytest.mark.parametrize("reset", list(Reset))
def test_weights_and_shuffles_do_not_depend_on_the_strategies(tmp_path: Path, reset: Reset) -> None:
    one, two = PlainLoop(), PlainLoop()
    run(tmp_path / "a", loop=one, reset=reset, query_size=6, budget=6)
    run(tmp_path / "b", loop=two, reset=reset, query_size=9, budget=6)
    assert one.starts[0].equal(two.starts[0])
    assert one.ends[0].equal(two.ends[0])


def test_labels_that_come_out_otherwise_when_asked_again_are_trained_on_from_the_right_weights(tmp_path: Path) -> None:
    """A damaged answer of an early step is asked for again; what follows must not start from other weights."""
    loop = PlainLoop()
    run(tmp_path, loop=loop, reset=Reset.WARM, label=Answer(lambda item, truth: Annotation(item, truth)))
    path = tmp_path / "labels/labels.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[8] = lines[8].replace(b'"target":', b'"tarGet":')
    path.write_bytes(b"".join(lines))
    again = PlainLoop()
    turned = Answer(lambda item, truth: Annotation(item, 1 - truth))
    driver = run(tmp_path, loop=again, reset=Reset.WARM, label=turned)
    assert len(turned.asked) == 1
    assert driver.labels_bought == len(driver.training_pool) == 20
    assert len(again.starts) == 3  # step 1 stands, its weights are the last that hold
    assert again.starts[0].equal(loop.ends[0])
    assert all(start.equal(end) for start, end in zip(again.starts[1:], again.ends, strict=False))


def test_only_the_newest_weights_are_read(tmp_path: Path) -> None:
    run(tmp_path)
    for step in (1, 2, 3):
        (tmp_path / f"checkpoints/step_{step}/training/weights.safetensors").unlink()
    driver = run(tmp_path, loop=None)
    with opened(tmp_path) as other:
        expected = other.experiment.store.checkpoints.find(4, "training")
        assert expected is not None
        weights = expected.weights()
    assert flat(driver.learner).equal(
        torch.cat([weights[name].flatten() for name, _ in driver.learner.named_parameters()])
    )
    assert RunDirectory(tmp_path).checkpoints.is_dir()
