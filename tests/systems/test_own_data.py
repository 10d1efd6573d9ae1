"""Data of the user's own, end to end: graphs that collate and name themselves, fields of a simulator, pools on disk."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest
from command_line import Warm  # type: ignore[import-not-found]
from users_folder import Folder  # type: ignore[import-not-found]

PACKAGE = '''
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import LightningModule
from torch import nn
from torch.utils.data import Dataset

from alrun import Annotation, LabelStrategy, QueryStrategy, Role


@dataclass
class Batch:
    """Graphs side by side."""

    uuids: list
    nodes: torch.Tensor
    graph: torch.Tensor
    label: torch.Tensor | None

    def __len__(self):
        return len(self.uuids)

    def to(self, device):
        label = None if self.label is None else self.label.to(device)
        return replace(self, nodes=self.nodes.to(device), graph=self.graph.to(device), label=label)


@dataclass
class Graph:
    uuid: str
    nodes: torch.Tensor
    label: int | None = None

    @classmethod
    def collate(cls, graphs):
        sizes = torch.tensor([len(graph.nodes) for graph in graphs])
        labels = [graph.label for graph in graphs]
        label = None if None in labels else torch.tensor(labels)
        nodes = torch.cat([graph.nodes for graph in graphs])
        graph = torch.arange(len(graphs)).repeat_interleave(sizes)
        return Batch([graph.uuid for graph in graphs], nodes, graph, label)

    @classmethod
    def from_uuid(cls, uuid):
        number = int(uuid.removeprefix("g"))
        generator = torch.Generator().manual_seed(number)
        nodes = torch.randn(2 + number % 5, 4, generator=generator) + 0.8 * (number % 3)
        return cls(uuid, nodes, number % 3)


class Graphs(Dataset):
    """Each reading of a graph shakes its nodes a little."""

    def __init__(self, count=90, first=1000):
        self.count, self.first = count, first

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        graph = Graph.from_uuid(f"g{self.first + index}")
        return replace(graph, nodes=graph.nodes + 0.05 * torch.randn(graph.nodes.shape))


class GraphNet(LightningModule):
    def __init__(self):
        super().__init__()
        self.nodes = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.1))
        self.head = nn.Linear(16, 3)

    def forward(self, batch):
        hidden = self.nodes(batch.nodes)
        pooled = hidden.new_zeros(len(batch), 16).index_add(0, batch.graph, hidden)
        return self.head(pooled / batch.graph.bincount()[:, None])

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self(batch), batch.label)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.1)


class Invent(QueryStrategy):
    """Asks for graphs that no data set holds."""

    def __init__(self, max_samples):
        self.max_samples = max_samples

    def sample(self, query_queue):
        for number in range(self.max_samples):
            query_queue.put(Graph.from_uuid(f"g{10 * self.driver.active_learning_step_idx + number}"))


def kind(batch):
    return torch.tensor([int(uuid.removeprefix("g")) % 3 for uuid in batch.uuids])


class Archive(LabelStrategy):
    """Knows graphs by their uuids alone, and answers in its own order."""

    __is_external_process__ = True

    def label(self, queue_to_label, serialize_queue):
        uuids = self.driver.unlabeled_pool.uuids(queue_to_label.to_list())
        for uuid in sorted(uuids):
            serialize_queue.put(Annotation(uuid, int(uuid[1:]) % 3, annotator="archive"))


class Conditions(Dataset):
    """What a simulator can be run with; the field that it answers is unknown."""

    def __len__(self):
        return 64

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        return {"uuid": f"case-{index}", "x": torch.rand(3, generator=generator)}


def simulate(batch):
    grid = torch.linspace(0, 1, 1_000_000)
    return torch.stack([a * grid + b * grid.square() + c for a, b, c in batch["x"]])


class FieldNet(LightningModule):
    def __init__(self):
        super().__init__()
        self.coefficients = nn.Linear(3, 3)
        grid = torch.linspace(0, 1, 1_000_000)
        self.register_buffer("basis", torch.stack([grid, grid.square(), torch.ones_like(grid)]), persistent=False)

    def forward(self, batch):
        return self.coefficients(batch["x"]) @ self.basis

    def training_step(self, batch, batch_idx):
        return nn.functional.mse_loss(self(batch), batch["field"])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


class FolderPool(Dataset):
    """A file a datum."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        while len(self) < 6:
            self.append({"x": torch.full((2,), len(self) / 6), "y": torch.tensor([len(self) / 3])})

    def files(self):
        return sorted(path for path in self.folder.iterdir() if path.suffix == self.suffix)

    def __len__(self):
        return len(self.files())

    def __getitem__(self, index):
        return self.read(self.files()[index])

    def append(self, item):
        path = self.folder / f"{len(self):05d}{self.suffix}"
        self.write(path.with_suffix(".tmp"), {name: value.numpy() for name, value in item.items()})
        path.with_suffix(".tmp").rename(path)


class NumpyPool(FolderPool):
    suffix = ".npz"

    def write(self, path, item):
        with path.open("wb") as file:
            np.savez(file, **item)

    def read(self, path):
        with np.load(path) as item:
            return torch.from_numpy(item["x"]), torch.from_numpy(item["y"])


class PointNet(LightningModule):
    def __init__(self):
        super().__init__()
        self.layers = nn.Linear(2, 1)

    def forward(self, x):
        return self.layers(x)

    def training_step(self, batch, batch_idx):
        return nn.functional.mse_loss(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


class Anywhere(QueryStrategy):
    def __init__(self, max_samples):
        self.max_samples = max_samples

    def sample(self, query_queue):
        for point in torch.rand(self.max_samples, 2, generator=self.driver.seeds.torch(Role.QUERY, "anywhere")):
            query_queue.put(point)


class Sum(LabelStrategy):
    __is_external_process__ = True

    def label(self, queue_to_label, serialize_queue):
        while not queue_to_label.empty():
            x = queue_to_label.get()
            serialize_queue.put(Annotation(x, {"x": x, "y": x.sum().reshape(1)}, annotator="sum"))
'''

GROUPS = {
    "learner/graph_net.yaml": "_target_: my_pkg.GraphNet\n",
    "learner/field_net.yaml": "_target_: my_pkg.FieldNet\n",
    "learner/point_net.yaml": "_target_: my_pkg.PointNet\n",
    "query/invent.yaml": "invent:\n  _target_: my_pkg.Invent\n  max_samples: 2\n",
    "query/anywhere.yaml": "anywhere:\n  _target_: my_pkg.Anywhere\n  max_samples: ${query_size}\n",
    "label/archive.yaml": "_target_: my_pkg.Archive\n",
    "label/sum.yaml": "_target_: my_pkg.Sum\n",
    "data/numpy_pool.yaml": "_target_: my_pkg.NumpyPool\nfolder: ???\n",
}
COMMON = ("--config-dir", "conf", "--trust", "my_pkg", "progress=false", "seed=1")
FILES = {"my_pkg.py": PACKAGE} | {f"conf/{name}": text for name, text in GROUPS.items()}


@pytest.fixture(scope="module")
def system(warm_process: Warm, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(warm_process, tmp_path_factory.mktemp("own_data"), FILES, COMMON)


def digests(run: Path) -> Mapping[str, str]:
    """Return the SHA-256 of everything that a run promises to reproduce."""
    kept = ("records.parquet", "acquisitions.parquet", "labels/*", "checkpoints/step_*/*/*")
    paths = sorted(path for pattern in kept for path in run.glob(pattern))
    assert not any("passed-over" in str(path) for path in paths)
    return {str(path.relative_to(run)): sha256(path.read_bytes()).hexdigest() for path in paths}


def sizes(run: Path, pattern: str) -> dict[int, int]:
    """Return how many bytes of files that match ``pattern`` belong to each step."""
    found: dict[int, int] = {}
    for path in run.glob(pattern):
        match = re.search(r"(?:step_|labels/)(\d+)", path.as_posix())
        if match and path.is_file():
            found[int(match[1])] = found.get(int(match[1]), 0) + path.stat().st_size
    return found


GRAPHS = (
    "data=dataset",
    "data.dataset._target_=my_pkg.Graphs",
    "data.target_field=label",
    "data.num_outputs=3",
    "learner=graph_net",
    "query=[entropy,invent]",
    "label=function",
    "label.function._target_=my_pkg.kind",
    "label.batch_size=2",
    "training.max_epochs=10",
    "initial_size=8",
    "query_size=4",
    "budget=26",
)


@pytest.mark.parametrize("loop", ["fabric", "trainer"])
def test_graphs_with_their_own_collate_and_uuid_resume_to_the_byte(system: Folder, loop: str) -> None:
    words = (*GRAPHS, f"training={loop}")
    system.finish(*words, f"name=whole-{loop}")
    killed = (*words, f"name=killed-{loop}")
    assert system.start(*killed, die_at=f"outputs/killed-{loop}/*/checkpoints/step_1/query")[0] == -9
    assert system.start(*killed, die_at=f"outputs/killed-{loop}/*/checkpoints/step_2/training")[0] == -9
    # Workers are no part of the experiment: they change nothing.
    system.finish(*killed, "data.workers=2", alone=True)
    assert digests(system.run(f"killed-{loop}")) == digests(system.run(f"whole-{loop}"))

    acquired = pd.read_parquet(system.run(f"whole-{loop}") / "acquisitions.parquet")
    held = acquired["index"].notna()
    assert (len(acquired), int((~held).sum())) == (26, 6)
    assert acquired["uuid"].is_unique
    assert (acquired["uuid"][held] == "g" + (1000 + acquired["index"][held].astype(int)).astype(str)).all()
    assert set(acquired["uuid"][~held]) == {f"g{10 * step + number}" for step in range(1, 4) for number in (0, 1)}
    assert all(int(label) == int(uuid[1:]) % 3 for uuid, label in zip(acquired["uuid"], acquired["label"], strict=True))
    records = pd.read_parquet(system.run(f"whole-{loop}") / "records.parquet")
    assert records.loc[records["metric"] == "accuracy", "value"].iloc[-1] > 0.8


def test_posterior_samples_of_graphs_and_answers_by_uuid(system: Folder) -> None:
    graphs = [word for word in GRAPHS if not word.startswith(("query=", "label", "budget="))]
    choices = ("query=[bald,invent]", "label=archive", "inference=mc_dropout", "inference.num_passes=4")
    system.finish(*graphs, *choices, "budget=20", "name=bald")
    acquired = pd.read_parquet(system.run("bald") / "acquisitions.parquet")
    scores = acquired.loc[(acquired["step"] > 0) & (acquired["strategy"] == "bald"), "score"]
    assert (len(scores), scores.nunique()) == (8, 8)
    assert (scores > 0).all()
    assert len(acquired) == 20
    assert all(int(label) == int(uuid[1:]) % 3 for uuid, label in zip(acquired["uuid"], acquired["label"], strict=True))


def test_data_in_another_order_are_refused(system: Folder) -> None:
    words = (*GRAPHS, "name=renamed", "training.max_epochs=1", "budget=14")
    system.finish(*words)
    package = system.folder / "my_pkg.py"
    package.write_text(
        PACKAGE.replace(
            "def __len__(self):\n        return self.count",
            'fingerprint = "the same"\n\n    def __len__(self):\n        return self.count',
        )
    )
    try:
        system.finish(*words, "name=refused")
        package.write_text(package.read_text().replace("self.first + index", "self.first + 89 - index"))
        code, told = system.start(*words, "name=refused", "budget=20")
    finally:
        package.write_text(PACKAGE)
    assert code == 2, told
    assert "when it was chosen, and is" in told


FIELDS = (
    "data=dataset",
    "data.dataset._target_=my_pkg.Conditions",
    "data.task=regression",
    "data.num_outputs=1000000",
    "data.target_field=field",
    "data.validation_size=0",
    "data.test_size=0",
    "learner=field_net",
    "query=random",
    "metrology=acquisition",
    "label=function",
    "label.function._target_=my_pkg.simulate",
    "label.batch_size=1",
    "training.max_epochs=1",
    "initial_size=2",
    "query_size=2",
    "budget=8",
)
FIELD_BYTES = 4_000_000


def test_fields_of_a_million_values_are_written_once(system: Folder) -> None:
    system.finish(*FIELDS, "name=fields")
    assert system.start(*FIELDS, "name=torn", die_at="outputs/torn/*/labels/2-1.safetensors")[0] == -9
    system.finish(*FIELDS, "name=torn")
    run = system.run("fields")
    assert digests(system.run("torn")) == digests(run)

    labels = sizes(run, "labels/*.safetensors")
    assert sorted(labels) == list(range(4))
    assert all(2 * FIELD_BYTES < size < 2 * FIELD_BYTES + 1000 for size in labels.values())
    commits = sizes(run, "checkpoints/step_*/**/*")
    assert max(commits.values()) < 10_000
    assert max(commits[step] for step in range(1, 4)) - min(commits[step] for step in range(1, 4)) < 200
    rest = [path for path in run.rglob("*") if path.is_file() and path.suffix != ".safetensors"]
    assert sum(path.stat().st_size for path in rest) < 200_000
    acquired = pd.read_parquet(run / "acquisitions.parquet")
    assert set(acquired["label"]) == {'{"dtype":"torch.float32","shape":[1000000]}'}
    assert set(acquired["uuid"]) == {f"case-{row}" for row in acquired["index"]}


def folder_digest(folder: Path) -> Mapping[str, str]:
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_a_training_pool_that_writes_gets_what_is_missing_after_a_kill(system: Folder) -> None:
    def words(name: str) -> tuple[str, ...]:
        options = ("data=numpy_pool", f"data.folder=pools/{name}", "learner=point_net", "label=sum")
        knobs = ("query=anywhere", "metrology=[]", "query_size=4", "initial_size=4", "budget=12")
        return (*options, *knobs, "training.max_epochs=2", f"name=pool-{name}")

    system.finish(*words("whole"))
    # Files 6 to 9 are step 0's, 10 to 13 step 1's: the second kill comes in the middle of an integration.
    assert system.start(*words("killed"), die_at="pools/killed/00007.npz")[0] == -9
    assert system.start(*words("killed"), die_at="pools/killed/00011.npz")[0] == -9
    assert len(list((system.folder / "pools/killed").glob("*.npz"))) in (12, 13)
    system.finish(*words("killed"))
    whole, killed = (folder_digest(system.folder / "pools" / name) for name in ("whole", "killed"))
    assert {name for name in killed if not name.endswith(".tmp")} == set(whole)
    assert len(whole) == 6 + 12
    assert all(killed[name] == digest for name, digest in whole.items())
    assert digests(system.run("pool-killed")) == digests(system.run("pool-whole"))
