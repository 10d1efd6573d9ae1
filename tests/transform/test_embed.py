"""Features of a frozen model in place of inputs: what its last layer gets, computed once for the same weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from test_transform_suites import named, things  # type: ignore[import-not-found]
from torch import nn

from alrun.core.errors import DataError
from alrun.core.seeding import Seeds
from alrun.data.digits import Digits
from alrun.learner.mlp import MLP
from alrun.store.array_cache import ArrayFiles
from alrun.transform.embed import Embed
from alrun.transform.imbalance import Imbalance

DIGITS = Digits()


class Counting(ArrayFiles):
    """A cache that counts how often it had to compute."""

    made = 0

    def array(self, key: str, shape: Any, dtype: str, blocks: Any) -> Any:
        def counted() -> Any:
            self.made += 1
            return blocks()

        return super().array(key, shape, dtype, counted)


def model(seed: int = 0) -> MLP:
    torch.manual_seed(seed)
    return MLP(DIGITS.spec, partial(torch.optim.Adam), hidden=(16,), dropout=0.5)


def test_features_are_what_the_last_layer_gets_and_are_computed_once(tmp_path: Path) -> None:
    cache = Counting(tmp_path)
    first = Embed(model(), batch_size=100, array_cache=cache)(DIGITS, Seeds(0), "embed")
    again = Embed(model(), batch_size=100, array_cache=cache)(DIGITS, Seeds(1), "embed")
    assert cache.made == 1
    rows = torch.tensor([1796, 3, 500])
    body = model().eval().body
    assert isinstance(body, nn.Sequential)
    expected = body[:-1](DIGITS.inputs(rows)).detach()
    torch.testing.assert_close(first.inputs(rows), expected)
    assert first.spec.input_shape == (16,)
    assert first.inputs(rows).equal(again.inputs(rows))
    shipped = first.embeddings(rows)
    assert shipped is not None
    assert shipped.equal(first.inputs(rows))
    assert first.split(Seeds(0)).test.equal(DIGITS.split(Seeds(0)).test)
    assert first.targets(rows).equal(DIGITS.targets(rows))
    other = Embed(model(1), array_cache=cache)(DIGITS, Seeds(0), "embed")
    assert cache.made == 2
    assert other.fingerprint() != first.fingerprint()


def test_vectors_have_length_one_where_it_is_asked_for() -> None:
    view = Embed(model(), normalize=True, standardize=True)(DIGITS, Seeds(0), "embed")
    assert torch.allclose(view.inputs(range(50)).norm(dim=1), torch.ones(50))
    assert view.spec.standardize == tuple(range(16))


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    save_file(model(7).state_dict(), tmp_path / "w.safetensors")
    loaded = Embed(model(), weights=str(tmp_path / "w.safetensors"))(DIGITS, Seeds(0), "embed")
    assert loaded.inputs([4]).equal(Embed(model(7))(DIGITS, Seeds(0), "embed").inputs([4]))
    save_file({"other": torch.zeros(2)}, tmp_path / "x.safetensors")
    (tmp_path / "y.safetensors").write_bytes((1 << 62).to_bytes(8, "little") + b"{}")
    for name, message in (
        ("x.safetensors", "holds other weights than MLP has"),
        ("y.safetensors", "cannot be loaded"),
        ("ww.safetensors", "w.safetensors"),
    ):
        with pytest.raises(DataError) as caught:
            Embed(model(), weights=str(tmp_path / name))
        assert message in str(caught.value)


class OfThings(nn.Module):
    """A model of data that are no rows of numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(2, 5), nn.Linear(5, 3)

    def forward(self, batch: dict[str, Any]) -> torch.Tensor:
        found: torch.Tensor = self.last(self.first(batch["x"]).tanh())
        return found


def test_data_of_any_type_become_rows_of_numbers_and_keep_their_names() -> None:
    view = Embed(OfThings())(things(), Seeds(0), "embed")
    assert isinstance(view.inputs([3, 1]), torch.Tensor)
    assert view.inputs([3, 1]).shape == (2, 5)
    assert view.uuids([3]) == ["thing 3"]  # type: ignore[attr-defined]
    tail = Imbalance(4)(view, Seeds(0), "imbalance")
    assert tail.inputs([3]).equal(view.inputs([3]))
    assert Embed(model())(named(), Seeds(0), "embed").uuids([3]) == ["digit 3"]  # type: ignore[attr-defined]


def test_a_model_that_does_not_fit_is_named() -> None:
    with pytest.raises(DataError, match="OfThings cannot take the data"):
        Embed(OfThings())(DIGITS, Seeds(0), "embed")
    broken = model()
    with torch.no_grad():
        next(broken.parameters()).fill_(np.nan)
    with pytest.raises(DataError, match="row 0 are not finite"):
        Embed(broken)(DIGITS, Seeds(0), "embed")
