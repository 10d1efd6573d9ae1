"""What others wrote against the common protocols, and against nothing else, runs here unchanged through the config."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from command_line import Warm  # type: ignore[import-not-found]
from users_folder import Folder  # type: ignore[import-not-found]

PACKAGE = '''
import json
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import Dataset

from alrun import LabelStrategy, MetrologyStrategy, QueryStrategy


class Moons(Dataset):
    """A pool that is its own data set: it knows all samples, and serves those whose index was appended."""

    def __init__(self, total_samples=400, initial_share=0.05):
        angles = torch.linspace(0, torch.pi, total_samples // 2)
        outer = torch.stack([angles.cos(), angles.sin()], dim=1)
        inner = torch.tensor([1.0, 0.5]) - outer
        noise = torch.randn(total_samples, 2, generator=torch.Generator().manual_seed(0))
        self.total_samples = total_samples
        self.X_values = torch.cat([outer, inner]) + 0.1 * noise
        self.y_values = torch.arange(2.0).repeat_interleave(total_samples // 2)
        self.train_indices = torch.randperm(total_samples)[: int(initial_share * total_samples)]

    def _sample_indices(self):
        rest = torch.ones(self.total_samples, dtype=torch.bool)
        rest[self.train_indices] = False
        return torch.nonzero(rest).flatten()

    def __getitem__(self, position):
        index = self.train_indices[position]
        return self.X_values[index], self.y_values[index]

    def __len__(self):
        return len(self.train_indices)

    def append(self, index):
        self.train_indices = torch.cat([self.train_indices, index.view(1)])


class Net(nn.Module):
    """Returns the logit of the second class, [B, 1]; knows neither its steps nor its optimizer."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 16), nn.SiLU(), nn.Linear(16, 1))

    def forward(self, inputs):
        return self.layers(inputs)


def training_step(model, batch):
    inputs, targets = batch
    return nn.functional.binary_cross_entropy_with_logits(model(inputs).squeeze(1), targets)


class ClosestToHalf(QueryStrategy):
    def __init__(self, max_samples):
        self.max_samples = max_samples

    def sample(self, query_queue):
        data, model = self.driver.train_datapool, self.driver.learner
        rest = data._sample_indices()
        model.eval()
        with torch.no_grad():
            distance = (model(data.X_values[rest].to(self.driver.device)).sigmoid().squeeze(1) - 0.5).abs()
        for position in distance.argsort(stable=True)[: self.max_samples]:
            query_queue.put(rest[position])


class PassOn:
    """Inherits from nothing, and names its arguments as it likes."""

    __protocol_name__ = "PassOn"
    __is_external_process__ = False
    __provides_fields__ = None

    def attach(self, driver):
        self.driver = driver

    def label(self, requested, answered):
        while not requested.empty():
            answered.put(requested.get())


class F1(MetrologyStrategy):
    def __init__(self):
        self.records = []

    def compute(self, *args, **kwargs):
        data, model = self.driver.train_datapool, self.driver.learner
        model.eval()
        with torch.no_grad():
            positive = model(data.X_values).squeeze(1) > 0
        truth = data.y_values > 0
        hits = (positive & truth).sum().item()
        f1 = 2 * hits / (positive.sum().item() + truth.sum().item())
        samples = len(data.train_indices)
        self.append({"step": self.driver.active_learning_step_idx, "f1": f1, "num_train_samples": samples})

    def serialize_records(self, *args, **kwargs):
        folder = self.strategy_dir / f"step_{self.driver.active_learning_step_idx}"
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / "f1.json", "w") as file:
            json.dump(self.records, file)
'''

GROUPS = {
    "data/their_moons.yaml": "_target_: my_pkg.Moons\n",
    "learner/their_net.yaml": "_target_: my_pkg.Net\n",
    "query/closest.yaml": "closest:\n  _target_: my_pkg.ClosestToHalf\n  max_samples: ${query_size}\n",
    "label/pass_on.yaml": "_target_: my_pkg.PassOn\n",
    "metrology/f1.yaml": "f1:\n  _target_: my_pkg.F1\n",
}
CHOICES = ("data=their_moons", "learner=their_net", "query=closest", "label=pass_on", "metrology=f1")
TRAINING = (
    "training.train_step_fn={_target_: my_pkg.training_step, _partial_: true}",
    "training.optimizer={_target_: torch.optim.SGD, _partial_: true, lr: 0.3}",
    "training.max_epochs=10",
    "training.batch_size=16",
    "training.reset=warm",
)
FILES = ("records.parquet", "acquisitions.parquet", "checkpoints/step_3/training/weights.safetensors")


COMMON = ("--config-dir", "conf", "--trust", "my_pkg", *CHOICES, *TRAINING, "query_size=20", "budget=60", "seed=1")


@pytest.fixture(scope="module")
def system(warm_process: Warm, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    files = {"my_pkg.py": PACKAGE} | {f"conf/{name}": text for name, text in GROUPS.items()}
    return Folder(warm_process, tmp_path_factory.mktemp("physicsnemo"), files, COMMON)


@pytest.mark.parametrize("loop", ["fabric", "trainer"])
def test_strategies_written_to_the_protocols_alone_run_and_resume(system: Folder, loop: str) -> None:
    whole = system.finish_named(f"whole-{loop}", f"training={loop}")
    words = (f"name=killed-{loop}", f"training={loop}")
    assert system.start(*words, die_at=f"outputs/killed-{loop}/*/checkpoints/step_2")[0] == -9
    killed = system.finish(*words)
    for name in FILES:
        assert (killed / name).read_bytes() == (whole / name).read_bytes()

    told = json.loads((killed / "metrology" / "f1" / "step_3" / "f1.json").read_text())
    assert [record["num_train_samples"] for record in told] == [20 + 20 * step for step in range(4)]
    assert told[-1]["f1"] > 0.8
    assert told == json.loads((whole / "metrology" / "f1" / "step_3" / "f1.json").read_text())

    records = pd.read_parquet(whole / "records.parquet")
    assert records.loc[records["metric"] == "f1", "value"].tolist() == [record["f1"] for record in told]
    acquired = pd.read_parquet(whole / "acquisitions.parquet")
    assert (len(acquired), acquired["index"].nunique()) == (60, 60)
    assert set(acquired["strategy"]) == {"closest"}
    assert set(acquired["annotator"]) == {"pass_on"}
    assert set(acquired["status"]) == {"labelled"}
