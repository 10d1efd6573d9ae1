"""Every form in which configure_optimizers may answer comes to the same optimizers and schedulers."""

from __future__ import annotations

from typing import Any

import pytest

from alrun.core.optimizers import parsed

ADAM, SGD, STEP, PLATEAU = "adam", "sgd", "step", "plateau"
WATCHED = {"scheduler": PLATEAU, "monitor": "val_loss"}


@pytest.mark.parametrize(
    ("configured", "optimizers", "schedulers"),
    [
        (None, [], []),
        (ADAM, [ADAM], []),
        ([ADAM, SGD], [ADAM, SGD], []),
        ((ADAM, SGD), [ADAM, SGD], []),
        (([ADAM], [STEP]), [ADAM], [STEP]),
        (([ADAM, SGD], [STEP, WATCHED]), [ADAM, SGD], [STEP, WATCHED]),
        (([{"optimizer": ADAM, "lr_scheduler": STEP}], []), [ADAM], [STEP]),
        ({"optimizer": ADAM}, [ADAM], []),
        ({"optimizer": ADAM, "lr_scheduler": None}, [ADAM], []),
        ({"optimizer": ADAM, "lr_scheduler": PLATEAU, "monitor": "val_loss"}, [ADAM], [WATCHED]),
        ({"optimizer": ADAM, "lr_scheduler": WATCHED, "monitor": "train_loss"}, [ADAM], [WATCHED]),
        ([{"optimizer": ADAM, "lr_scheduler": STEP}, {"optimizer": SGD}], [ADAM, SGD], [STEP]),
    ],
)
def test_forms(configured: Any, optimizers: list[Any], schedulers: list[Any]) -> None:
    assert parsed(configured) == (optimizers, schedulers)
