"""An object that was lent attributes is as it was before."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from alrun.core.lending import lent


def use_and_break(layer: Any) -> None:
    with lent(layer, note="lent", forward=len):
        assert (layer.note, layer([1, 2, 3])) == ("lent", 3)
        with lent(layer, forward=sum):
            assert layer([1, 2, 3]) == 6
        assert layer([1, 2, 3]) == 3
        del layer.forward
        raise KeyError


def test_an_object_is_as_it_was_also_when_the_block_raises_or_takes_an_attribute_away() -> None:
    layer: Any = nn.Linear(2, 1)
    layer.note = "own"
    before = dict(vars(layer))
    with pytest.raises(KeyError):
        use_and_break(layer)
    assert vars(layer) == before
