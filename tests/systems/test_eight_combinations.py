"""All eight: rows of tensors or other data, whole rows or tasks, validation fixed or bought; killed and resumed."""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path

import pandas as pd
import pytest
from command_line import Alrun, only_run  # type: ignore[import-not-found]
from users_folder import promised  # type: ignore[import-not-found]

from alrun.testing.faults import Crash, Faults, SimulatedCrash

PACKAGE = '''
import torch
from lightning.pytorch import LightningModule
from torch import nn
from torch.utils.data import Dataset


class Things(Dataset):
    """Dicts with two targets."""

    embeddings = torch.arange(120.0).reshape(60, 2).numpy()

    def __len__(self):
        return 60

    def __getitem__(self, index):
        x = torch.randn(4, generator=torch.Generator().manual_seed(index))
        return {"x": x, "kind": int(x[:3].argmax()), "side": int(x[3] > 0)}


class Net(LightningModule):
    """Two heads; a label that is missing counts for nothing."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 5))

    def forward(self, batch):
        return self.layers(batch["x"])

    def training_step(self, batch, batch_idx):
        parts = zip(self(batch).split([3, 2], dim=1), (batch["kind"], batch["side"]))
        return sum(nn.functional.cross_entropy(part, y, ignore_index=-1, reduction="sum") for part, y in parts)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.03)
'''

CUSTOM = ("data=dataset", "data.dataset._target_=eight_pkg.Things", "data.tasks={kind: 3, side: 2}")
TENSORS = ("data=digits_multitask", "learner=multitask", "backbone=mlp")
SMALL = (
    *("query=[random,multitask]", "query.random.max_samples=3", "query.multitask.max_samples=3", "initial_size=8"),
    *("budget=20", "training.max_epochs=2", "progress=false"),
)


@pytest.mark.parametrize(("custom", "by_task", "sold"), list(product([False, True], repeat=3)))
def test_a_combination_that_is_killed_goes_on_to_the_same(
    custom: bool, by_task: bool, sold: bool, alrun: Alrun, tmp_path: Path
) -> None:
    (tmp_path / "eight_pkg.py").write_text(PACKAGE)
    (tmp_path / "conf" / "learner").mkdir(parents=True)
    (tmp_path / "conf" / "learner" / "net.yaml").write_text("_target_: eight_pkg.Net\n")
    sys.modules.pop("eight_pkg", None)
    data = (*CUSTOM, "learner=net", "--config-dir", "conf", "--trust", "eight_pkg") if custom else TENSORS
    options = (f"data.partial_labels={by_task}".lower(), f"validation_from_budget={sold}".lower())
    words = (*data, *options, *SMALL)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with Faults(whole) as watch:
        answer = alrun(*words, f"output_dir={whole}")
    assert answer.code == 0, answer.err
    with pytest.raises(SimulatedCrash), Faults(killed, Crash(point=2 * watch.count // 3)):
        alrun(*words, f"output_dir={killed}")
    answer = alrun(*words, f"output_dir={killed}")
    assert answer.code == 0, answer.err
    assert promised(only_run(killed)) == promised(only_run(whole))

    bought = pd.read_parquet(only_run(whole) / "acquisitions.parquet")
    assert len(bought) == 20
    assert not bought.duplicated(["index", "task"]).any()
    assert bought["task"].notna().all() == by_task
    assert (bought["strategy"] == "validation").any() == sold
