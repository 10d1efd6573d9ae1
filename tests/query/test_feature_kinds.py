"""Feature kinds against per-sample gradients by autograd and against the Gaussian process they stand for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from alrun.core.errors import ConfigError, StrategyError
from alrun.core.types import Task
from alrun.driver.driver import Driver
from alrun.query.candidates import Chunk
from alrun.query.feature_query import FeatureQuery
from alrun.query.features.embedding import Embedding
from alrun.query.features.gradient import Gradient
from alrun.query.features.inputs import Inputs
from alrun.query.features.posterior import Posterior, posterior_factor
from alrun.query.features.sketched import SketchedGradient
from alrun.query.gather import gather
from alrun.query.selection.features import as_features
from alrun.testing.host import hosted

NOTHING = torch.empty(0, dtype=torch.int64)


@pytest.fixture(params=sorted(FeatureQuery.tasks))
def driver(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Driver]:
    with hosted(tmp_path / "run", request.param) as host:
        yield host


def per_sample(driver: Driver, inputs: Tensor) -> dict[str, Tensor]:
    """Return the gradient of each row's own goal in every parameter, by autograd."""
    learner = driver.learner.eval()

    def goal(weights: dict[str, Tensor], row: Tensor) -> Tensor:
        outputs = functional_call(learner, weights, (row[None],))
        if driver.spec is not None and driver.spec.task is Task.REGRESSION:
            first: Tensor = outputs[0, 0]
            return first
        if driver.spec is not None and driver.spec.task is Task.MULTI_LABEL:
            marks = (outputs.detach() > 0).float()
            return functional.binary_cross_entropy_with_logits(outputs, marks, reduction="sum")
        return functional.cross_entropy(outputs, outputs.detach().argmax(dim=1))

    weights = {name: value.detach() for name, value in learner.named_parameters()}
    found: dict[str, Tensor] = vmap(grad(goal), (None, 0))(weights, inputs)
    return found


def pool_inputs(driver: Driver) -> Tensor:
    pool: Any = driver.unlabeled_pool
    found: Tensor = pool.inputs(torch.arange(len(pool)))
    return found


def test_the_last_layers_gradient_is_that_of_autograd(driver: Driver) -> None:
    candidates = gather(driver, NOTHING, Gradient(bias=True))
    assert candidates.features is not None
    last = [name for name, _ in driver.learner.named_parameters()][-2:]
    by_hand = per_sample(driver, pool_inputs(driver))
    weight, bias = (by_hand[name] for name in last)
    if driver.spec is not None and driver.spec.task is Task.REGRESSION:
        # The head's second output is the log-variance; the mean's gradient is the embedding, in units of the target.
        weight, bias = weight[:, :1], bias[:, :1]
    flat = torch.cat([weight, bias.unsqueeze(2)], dim=2).flatten(1)
    features = as_features(candidates.features)
    rows = torch.arange(len(features))
    assert torch.allclose(features.gram(rows), (flat @ flat.T).to(features.dtype), atol=1e-5)
    assert torch.allclose(features.sq_norms(), flat.square().sum(dim=1).to(features.dtype), atol=1e-5)


def test_a_sketch_is_the_projection_of_the_gradient_of_all_layers(driver: Driver) -> None:
    kind = SketchedGradient(width=16)
    chunk = Chunk(driver, driver.unlabeled_pool, torch.arange(20), None)
    (sketch,) = kind.parts(chunk)
    by_hand = per_sample(driver, pool_inputs(driver)[:20])
    expected = torch.zeros_like(sketch)
    for name, layer in driver.learner.named_modules():
        if not isinstance(layer, nn.Linear):
            continue
        whole = torch.cat([by_hand[f"{name}.weight"], by_hand[f"{name}.bias"].unsqueeze(2)], dim=2)
        shapes = (layer.out_features, 16), (layer.in_features + 1, 16)
        left, right = (
            kind._matrix(driver.seeds, f"{name}/{side}", shape, torch.device("cpu"))
            for side, shape in zip(("errors", "inputs"), shapes, strict=True)
        )
        expected += torch.einsum("boi,op,ip->bp", whole, left, right) / (layer.in_features * 16) ** 0.5
    assert torch.allclose(sketch, expected, atol=1e-5)


def test_wide_sketches_keep_inner_products(driver: Driver) -> None:
    chunk = Chunk(driver, driver.unlabeled_pool, torch.arange(20), None)
    (sketch,) = SketchedGradient(width=40_000).parts(chunk)
    by_hand = per_sample(driver, pool_inputs(driver)[:20])
    sizes = {name: layer.in_features for name, layer in driver.learner.named_modules() if isinstance(layer, nn.Linear)}
    kernel = sum(
        value.flatten(1) @ value.flatten(1).T / sizes[name.rpartition(".")[0]]
        for name, value in by_hand.items()
        if name.rpartition(".")[0] in sizes
    )
    assert isinstance(kernel, Tensor)
    norms = kernel.diagonal().sqrt()
    assert float(((sketch @ sketch.T - kernel) / torch.outer(norms, norms).clamp_min(1e-12)).abs().max()) < 0.1


def test_convolutions_are_sketched_over_all_their_places(tmp_path: Path) -> None:
    body = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1, stride=2), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(27, 3))
    images = torch.randn(6, 1, 5, 5, generator=torch.Generator().manual_seed(0))

    class Images:
        def inputs(self, positions: Tensor) -> Tensor:
            return images[positions]

    with hosted(tmp_path / "run") as driver:
        driver.learner = body
        kind = SketchedGradient(width=8)
        (sketch,) = kind.parts(Chunk(driver, Images(), torch.arange(6), None))
        by_hand, expected = per_sample(driver, images), torch.zeros_like(sketch)
        for name, fan_in in (("0", 9), ("3", 27)):
            whole = torch.cat([by_hand[f"{name}.weight"].flatten(2), by_hand[f"{name}.bias"].unsqueeze(2)], dim=2)
            left = kind._matrix(driver.seeds, f"{name}/errors", (3, 8), torch.device("cpu"))
            right = kind._matrix(driver.seeds, f"{name}/inputs", (fan_in + 1, 8), torch.device("cpu"))
            expected += torch.einsum("boi,op,ip->bp", whole, left, right) / (fan_in * 8) ** 0.5
    assert torch.allclose(sketch, expected, atol=1e-5)


def test_inner_products_of_the_posterior_are_its_covariance() -> None:
    rows = torch.randn(30, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    known, sigma = rows[:9], 0.3
    transformed = rows @ posterior_factor(known, sigma)
    cross = rows @ known.T
    gain = torch.linalg.inv(known @ known.T + sigma**2 * torch.eye(9, dtype=torch.float64))
    assert torch.allclose(transformed @ transformed.T, rows @ rows.T - cross @ gain @ cross.T, atol=1e-12)


def test_the_posterior_shrinks_what_is_labelled(driver: Driver) -> None:
    prior = gather(driver, NOTHING, Embedding(), labeled=True)
    after = gather(driver, NOTHING, Posterior(Embedding(), sigma=0.01), labeled=True)
    assert isinstance(prior.features, Tensor)
    assert isinstance(after.features, Tensor)
    scale = prior.features.square().sum(dim=1).mean()
    assert float((after.features[after.labeled].square().sum(dim=1)).max()) < 1e-3
    assert bool((after.features.square().sum(dim=1) <= prior.features.square().sum(dim=1) / scale + 1e-4).all())


def test_products_have_no_posterior(tmp_path: Path) -> None:
    with hosted(tmp_path / "run") as driver, pytest.raises(StrategyError, match="sketch them"):
        gather(driver, NOTHING, Posterior(Gradient()), labeled=True)


def test_inputs_are_standardized_over_all_rows(driver: Driver) -> None:
    (found,) = (gather(driver, NOTHING, Inputs()).features,)
    assert isinstance(found, Tensor)
    raw = pool_inputs(driver)
    assert torch.allclose(found, (raw - raw.mean(dim=0)) / raw.std(dim=0, unbiased=False), atol=1e-5)


def test_what_is_queued_stands_behind_what_is_labelled(driver: Driver) -> None:
    pool: Any = driver.unlabeled_pool
    queued = pool.indices[[3, 8]]
    found = gather(driver, queued.flip(0), Inputs(standardize=False), outputs=True, labeled=True)
    assert isinstance(found.features, Tensor)
    assert found.rows.tolist() == [row for row in sorted(pool.indices.tolist()) if row not in queued.tolist()]
    assert torch.equal(found.features[: len(found)], pool.lookup(found.rows))
    assert torch.equal(found.features[found.labeled], pool.lookup(driver.training_pool.indices))
    assert torch.equal(found.features[found.pending], pool.lookup(queued))
    assert found.targets is not None
    assert len(found.targets) == len(found.labeled) == len(driver.training_pool)
    assert found.outputs is not None
    assert len(found.outputs) == len(found.features)


def test_a_sketch_needs_columns() -> None:
    with pytest.raises(ConfigError, match="width"):
        SketchedGradient(width=0)
