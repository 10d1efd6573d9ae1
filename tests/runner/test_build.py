"""A checked config to objects, and what is tried on them before anything is bought."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from alrun.config.check import checked
from alrun.config.compose import Composer, resolved
from alrun.config.targets import Trust
from alrun.core.errors import ConfigError
from alrun.core.knobs import read
from alrun.core.settings import Settings
from alrun.runner.build import Builder
from alrun.runner.dry_run import device_problems, optimizer_problems

SMALL = ("data=moons", "data.n_samples=200", "learner.hidden=[4]", "initial_size=4", "query_size=4", "budget=12")
STEP = "torch.optim.lr_scheduler.StepLR"


def config(*words: str) -> dict[str, Any]:
    return checked(resolved(Composer(Trust()).compose([*SMALL, *words]).config), Trust())


def weights(*words: str) -> dict[str, torch.Tensor]:
    learner = Builder(config(*words)).components().learner
    return {name: value.clone() for name, value in learner.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_initial_weights_are_a_function_of_the_seed() -> None:
    first = weights("seed=0")
    torch.rand(7)
    assert same(first, weights("seed=0", "query=[random,margin]", "cold_start=kmeans", "inference=mc_dropout"))
    assert not same(first, weights("seed=1"))


def test_components_stand_in_the_order_of_the_config() -> None:
    built = Builder(config("query=[margin,random]", "metrology=[acquisition,classification]")).components()
    strategies = built.strategies
    assert list(strategies.query) == ["margin", "random"]
    assert list(strategies.metrology) == ["acquisition", "classification"]
    assert list(strategies.stopping) == ["budget", "steps", "pool_exhausted"]
    assert built.spec is not None
    assert built.spec.input_shape == (2,)


def test_settings_are_the_knobs() -> None:
    settings = read(Settings, config("seed=3", "threads=2"))
    assert (settings.seed, settings.budget, settings.threads, settings.checkpoint.keep) == (3, 12, 2, "all")


def test_data_are_built_once_for_builders_that_share_them() -> None:
    sources: dict[str, Any] = {}
    first, second = (Builder(config(f"seed={seed}"), sources) for seed in (0, 1))
    first.components()
    second.components()
    assert first.data is second.data
    other = Builder(config("data.noise=0.3"), sources)
    other.components()
    assert other.data is not first.data


def test_fingerprint_is_of_the_data_alone() -> None:
    def fingerprint(*words: str) -> str | None:
        builder = Builder(config(*words))
        builder.components()
        return builder.fingerprint()

    assert fingerprint("seed=0") == fingerprint("seed=1", "query=random")
    assert fingerprint() != fingerprint("data.noise=0.3")


def test_problems_of_several_rooms_come_together() -> None:
    words = ("learner.dropout=3", "label=noisy_oracle", "label.flip_rate=7", "query.entropy.max_samples=-1")
    with pytest.raises(ConfigError) as caught:
        Builder(config(*words)).components()
    text = str(caught.value)
    assert all(part in text for part in ("learner.dropout", "label.flip_rate", "max_samples"))


@pytest.mark.parametrize(
    ("words", "where"),
    [
        (["learner.optimizer.lr=-1"], "learner.optimizer"),
        (["+learner.optimizer.betas=[2,3]"], "learner.optimizer"),
        (["learner.optimizer._target_=torch.optim.SGD", "+learner.optimizer.momentum=-1"], "learner.optimizer"),
        (["learner.scheduler={_target_: " + STEP + ", _partial_: true, step_size: 0}"], "learner.scheduler"),
        (["learner.scheduler={_target_: " + STEP + ", _partial_: true}"], "learner.scheduler"),
        (["training.optimizer={_target_: torch.optim.SGD, _partial_: true, lr: -1}"], "training.optimizer"),
    ],
)
def test_optimizers_are_tried(words: list[str], where: str) -> None:
    assert [problem.where for problem in optimizer_problems(config(*words))] == [where]


def test_sound_optimizers_pass() -> None:
    plateau = "{_target_: torch.optim.lr_scheduler.ReduceLROnPlateau, _partial_: true}"
    cosine = "{_target_: torch.optim.lr_scheduler.CosineAnnealingLR, _partial_: true, T_max: 5}"
    for scheduler in ("null", plateau, cosine):
        assert list(optimizer_problems(config(f"learner.scheduler={scheduler}"))) == []


def test_devices_are_looked_for() -> None:
    assert list(device_problems(config())) == []
    (problem,) = device_problems(config("device=cuda:99"))
    assert (problem.where, problem.hint) == ("device", "device=auto")
