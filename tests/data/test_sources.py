"""Bundled data sets against scikit-learn's own loaders, moons against their formula, and fingerprints."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from sklearn import datasets

from alrun.config.paths import conf_dir
from alrun.config.signatures import INJECTED
from alrun.core.seeding import Seeds
from alrun.core.types import Task, TaskSpec
from alrun.data import source as source_module
from alrun.data.breast_cancer import BreastCancer
from alrun.data.diabetes import Diabetes
from alrun.data.digits import Digits
from alrun.data.moons import Moons
from alrun.data.source import ArraySource
from alrun.pool.pools import pools

CONF = conf_dir() / "data"


def everything(source: ArraySource) -> tuple[torch.Tensor, torch.Tensor]:
    rows = torch.arange(len(source))
    return source.inputs(rows), source.targets(rows)


@pytest.mark.parametrize("image", [False, True])
def test_digits_are_those_of_scikit_learn(image: bool) -> None:
    x, y = datasets.load_digits(return_X_y=True)
    source = Digits(image=image)
    inputs, targets = everything(source)
    assert tuple(inputs.shape[1:]) == source.spec.input_shape == ((1, 8, 8) if image else (64,))
    np.testing.assert_array_equal(inputs.flatten(1).numpy() * 16, x)
    np.testing.assert_array_equal(targets.numpy(), y)


def test_breast_cancer_is_that_of_scikit_learn() -> None:
    bunch = datasets.load_breast_cancer()
    source = BreastCancer()
    inputs, targets = everything(source)
    np.testing.assert_array_equal(inputs.numpy(), bunch.data.astype(np.float32))
    np.testing.assert_array_equal(targets.numpy(), bunch.target)
    assert source.spec.class_names == tuple(bunch.target_names)
    assert source.spec.standardize == tuple(range(30))


def test_diabetes_is_that_of_scikit_learn() -> None:
    x, y = datasets.load_diabetes(return_X_y=True, scaled=False)
    inputs, targets = everything(Diabetes())
    np.testing.assert_array_equal(inputs.numpy(), x.astype(np.float32))
    np.testing.assert_array_equal(targets.numpy()[:, 0], y.astype(np.float32))


def test_moons_without_noise_are_those_of_scikit_learn() -> None:
    x, y = datasets.make_moons(n_samples=301, noise=None, shuffle=False)
    inputs, targets = everything(Moons(n_samples=301, noise=0.0))
    np.testing.assert_allclose(inputs.numpy(), x, atol=1e-6)
    np.testing.assert_array_equal(targets.numpy(), y)


def test_moons_noise_has_its_spread_and_its_own_seed() -> None:
    clean, _ = everything(Moons(n_samples=20_000, noise=0.0))
    noisy, _ = everything(Moons(n_samples=20_000, noise=0.3))
    assert float((noisy - clean).std()) == pytest.approx(0.3, rel=0.02)
    assert Moons(generator_seed=1).fingerprint() != Moons(generator_seed=0).fingerprint()


def test_loading_the_default_data_imports_neither_scikit_learn_nor_pandas_nor_scipy() -> None:
    code = (
        "import sys; from alrun.data.digits import Digits; from alrun.core.seeding import Seeds; "
        "from alrun.pool.pools import pools; "
        "pools(Digits(), Seeds(0)); print([m for m in ('sklearn', 'pandas', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_fingerprint_sees_every_byte_and_not_how_it_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    targets = torch.arange(50) % 2
    spec = TaskSpec(Task.CLASSIFICATION, (3,), 2)
    reference = ArraySource(inputs, targets, spec).fingerprint()
    monkeypatch.setattr(source_module, "CHUNK_VALUES", 7)
    assert ArraySource(inputs.numpy(), targets.clone(), spec).fingerprint() == reference
    for row in (0, 23, 49):
        changed = inputs.clone()
        changed[row, 2] += 1e-3
        assert ArraySource(changed, targets, spec).fingerprint() != reference
        other = targets.clone()
        other[row] = 1 - other[row]
        assert ArraySource(inputs, other, spec).fingerprint() != reference


def test_inputs_are_scaled_as_they_are_read() -> None:
    pixels = torch.arange(60, dtype=torch.uint8).reshape(20, 3)
    source = ArraySource(pixels, torch.arange(20) % 2, TaskSpec(Task.CLASSIFICATION, (3,), 2), scale=1 / 255)
    assert source.inputs([4]).dtype == torch.float32
    torch.testing.assert_close(source.inputs([4]), torch.tensor([[12.0, 13.0, 14.0]]) / 255)


def test_a_size_of_zero_means_no_pool() -> None:
    made = pools(Digits(validation_size=0, test_size=0), Seeds(0))
    assert made.validation is None
    assert made.test is None
    assert len(made.unlabeled or []) == 1797


@pytest.mark.parametrize("path", sorted(CONF.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_config_names_a_source_and_all_that_it_takes(path: Path) -> None:
    text = path.read_text()
    is_global = text.startswith("# @package _global_\n")  # Hydra looks for it in the first line only
    what, command = text.splitlines()[is_global : is_global + 2]
    assert what.startswith("# ")
    assert what.endswith(".")
    assert command.startswith(f"# alrun data={path.stem}")
    config = OmegaConf.to_container(OmegaConf.create(text))
    assert isinstance(config, dict)
    values = config["data"] if is_global else config
    module, _, name = values.pop("_target_").rpartition(".")
    source = getattr(import_module(module), name)
    assert all(hasattr(source, name) for name in ("split", "inputs", "targets", "fingerprint"))
    taken = [name for name in inspect.signature(source).parameters if name not in INJECTED]
    assert list(values) == taken
    assert (source.task is Task.REGRESSION or "multitask" in path.stem) == is_global
