"""t3w's side effects, losses and metrics in alrun's terms: a package of one's own, through the command line."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from command_line import Warm  # type: ignore[import-not-found]
from users_folder import Folder  # type: ignore[import-not-found]

PACKAGE = '''
import os
import signal
from hashlib import sha256

import torch
from torch.utils.data import Dataset
from torchmetrics import Metric

from alrun import Callback


class Progress(Callback):
    """What t3w's progress bars do, with numbers: one a kind of event, and a chain over all of them."""

    def __init__(self):
        self.counts, self.chain, self.losses = {}, "", []

    def _count(self, event, *words):
        name = event.hook.removeprefix("on_")
        self.counts[name] = self.counts.get(name, 0) + 1
        text = "|".join(map(str, [self.chain, name, event.step, event.phase, event.labels, *words]))
        self.chain = sha256(text.encode()).hexdigest()

    def on_run_started(self, event):
        self.log = event.open_log("progress.txt")

    def on_train_started(self, event):
        self._count(event, event.samples, event.max_epochs)

    def on_train_epoch_started(self, event):
        self._count(event, event.epoch)

    def on_train_step_started(self, event):
        self._count(event, event.epoch, event.index)

    def on_train_step_finished(self, event):
        self._count(event, event.epoch, event.index, event.samples, event.metrics["train_loss"])

    def on_train_epoch_finished(self, event):
        self._count(event, event.epoch, dict(event.metrics))
        self.losses.append(event.metrics["train_loss"])

    def on_train_finished(self, event):
        self._count(event, event.samples)

    def on_eval_started(self, event):
        self._count(event, event.name, event.epoch)

    def on_eval_step_started(self, event):
        self._count(event, event.name, event.index)

    def on_eval_step_finished(self, event):
        self._count(event, event.name, event.index, event.samples)

    def on_eval_finished(self, event):
        self._count(event, event.name, event.epoch, dict(event.metrics))

    def on_label_received(self, event):
        self._count(event, event.uuid, event.annotation.target)

    def on_step_finished(self, event):
        self._count(event)
        self.log.append(f"{event.step} {event.labels} {self.counts.get('train_step_finished', 0)}\\n".encode())

    def state_dict(self):
        return {"counts": dict(self.counts), "chain": self.chain, "losses": list(self.losses)}

    def load_state_dict(self, state):
        self.counts, self.chain, self.losses = dict(state["counts"]), state["chain"], list(state["losses"])


class Best:
    """Inherits from nothing and listens to one event, as t3w's keeper of the best model does."""

    def __init__(self, metric, higher_better=True):
        self.metric, self.sign, self.best = metric, 1 if higher_better else -1, None

    def on_eval_finished(self, event):
        value = event.metrics.get(self.metric)
        if value is not None and (self.best is None or self.sign * value > self.sign * self.best[1]):
            self.best = (event.step, value)

    def state_dict(self):
        return {"best": self.best}

    def load_state_dict(self, state):
        self.best = state["best"]


class Ranked(Callback):
    def __init__(self, is_distributed):
        self.is_distributed = is_distributed

    def on_run_started(self, event):
        event.open_log(f"distributed-{self.is_distributed}.txt").append(b"called")


class Shapes(Dataset):
    """Data that have names, made into minibatches by a function of their own."""

    def __len__(self):
        return 120

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        return torch.randn(2, generator=generator) + 3 * (index % 2), index % 2

    def uuid(self, index):
        return f"shape-{index:03}"

    @staticmethod
    def collate(data):
        return torch.stack([x for x, _ in data]), torch.tensor([y for _, y in data])


class Asked:
    """Notes by name what was labeled."""

    def __init__(self):
        self.uuids = []

    def on_label_received(self, event):
        self.uuids.append(event.uuid)

    def state_dict(self):
        return {"uuids": self.uuids}

    def load_state_dict(self, state):
        self.uuids = list(state["uuids"])


class Dies:
    """Ends the process in the middle of an epoch, as a power cut would."""

    def on_train_step_started(self, event):
        if (event.step, event.epoch, event.index) == (2, 2, 1):
            os.kill(os.getpid(), signal.SIGKILL)


class Fragile(Callback):
    def on_train_epoch_finished(self, event):
        if event.step == 2:
            raise RuntimeError("the tracking server is away")


class Smooth(torch.nn.Module):
    """A loss with a weight of its own."""

    loss_reweight = 0.25

    def forward(self, logits, classes):
        return logits.square().mean()


class Confidence(Metric):
    """The mean probability of the true class: a metric over unequal last batches, of which higher is better."""

    higher_is_better = True

    def __init__(self):
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("rows", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, probabilities, classes):
        self.total = self.total + probabilities.gather(1, classes[:, None]).sum()
        self.rows = self.rows + len(classes)

    def compute(self):
        return self.total / self.rows
'''

GROUPS = {
    "callbacks/progress.yaml": "progress:\n  _target_: my_pkg.Progress\n",
    "callbacks/best.yaml": "best:\n  _target_: my_pkg.Best\n  metric: accuracy\n",
    "callbacks/asked.yaml": "asked:\n  _target_: my_pkg.Asked\n",
    "callbacks/fragile.yaml": "fragile:\n  _target_: my_pkg.Fragile\n",
    "callbacks/ranked.yaml": "".join(
        f"{name}:\n  _target_: my_pkg.Ranked\n  is_distributed: {value}\n"
        for name, value in (("alone", "false"), ("everywhere", "true"))
    ),
    "metrology/confidence.yaml": "confidence:\n  _target_: my_pkg.Confidence\n",
}
MOONS = ["data=moons", "data.n_samples=200"]
KNOBS = [
    "data.validation_size=0.1",
    "learner.hidden=[8]",
    "training.max_epochs=4",
    "training.batch_size=8",
    "training.checkpoint_every=1",
    "training.loop.monitor=val_loss",
    "metrology=[classification,confidence]",
    "predict_batch_size=16",
    "query_size=8",
    "initial_size=10",
    "budget=34",
    "progress=false",
]
LOSSES = [
    "++learner.losses.ce._target_=alrun.learner.losses.CrossEntropy",
    "++learner.losses.smooth._target_=my_pkg.Smooth",
]
RANK_1 = """
import sys
from torch import distributed
from torch.testing._internal.distributed.fake_pg import FakeStore
distributed.init_process_group("fake", store=FakeStore(), rank=1, world_size=2)
from alrun.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def system(warm_process: Warm, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    files = {"my_pkg.py": PACKAGE} | {f"conf/{name}": text for name, text in GROUPS.items()}
    common = ("--config-dir", "conf", "--trust", "my_pkg", *KNOBS, *LOSSES)
    return Folder(warm_process, tmp_path_factory.mktemp("t3w"), files, common)


def content(place: Path) -> Mapping[str, bytes]:
    files = [*place.glob("*.parquet"), *place.glob("checkpoints/**/*"), *place.glob("labels/*")]
    return {str(path.relative_to(place)): path.read_bytes() for path in files if path.is_file()}


def states_at(place: Path, step: int, phase: str) -> dict[str, Any]:
    states: dict[str, Any] = json.loads((place / f"checkpoints/step_{step}/{phase}/MANIFEST.json").read_text())
    return {name.removeprefix("callbacks."): state for name, state in states["state"]["callback_states"].items()}


@pytest.mark.parametrize(("loop", "labels"), [("fabric", [10, 18, 26]), ("trainer", [10, 18])])
def test_side_effects_with_state_are_resumed_to_the_byte(system: Folder, loop: str, labels: list[int]) -> None:
    words = [*MOONS, f"training={loop}", "callbacks=[progress,best]", f"budget={labels[-1]}"]
    place = system.finish_named(f"{loop}-whole", *words)
    code, said = system.start(*words, f"name={loop}-cut", "+callbacks.dies._target_=my_pkg.Dies", alone=True)
    assert code == -signal.SIGKILL, said
    assert list((system.folder / f"outputs/{loop}-cut").glob("*/checkpoints/step_2/training.epoch_2"))
    assert content(system.finish_named(f"{loop}-cut", *words)) == content(place)

    steps = len(labels)
    states = states_at(place, steps, "metrology")
    assert set(states) == {"progress", "best"}
    counts = states["progress"]["counts"]
    assert counts["train_started"] == counts["train_finished"] == steps
    assert counts["train_epoch_started"] == counts["train_epoch_finished"] == 4 * steps
    batches = sum(4 * -(-count // 8) for count in labels)
    assert counts["train_step_started"] == counts["train_step_finished"] == batches
    assert counts["label_received"] == labels[-1]
    assert counts["eval_started"] == counts["eval_finished"] == (4 + 2) * steps
    assert counts["eval_step_started"] == counts["eval_step_finished"]
    written = [text.split()[:2] for text in (place / "callbacks/progress.txt").read_text().splitlines()]
    bought = [*labels, labels[-1]]  # the last step trains and measures, and buys nothing
    assert written == [[str(step), str(count)] for step, count in enumerate(bought)]

    records = pd.read_parquet(place / "records.parquet")
    assert states["best"]["best"]["__tuple__"][1] == records.loc[records["metric"] == "accuracy", "value"].max()
    check_losses_and_metrics(records, steps)


def check_losses_and_metrics(records: pd.DataFrame, steps: int) -> None:
    """A metric says whether higher is better; a loss is there raw and with the weight that it declares."""
    measured = records[records["metric"] == "confidence"]
    assert len(measured) == steps
    assert measured["higher_is_better"].all()
    assert measured["value"].between(0, 1).all()
    last = records[(records["step"] == steps) & (records["split"] == "training")].set_index("metric")["value"]
    assert last["train/smooth_weighted"] == pytest.approx(0.25 * last["train/smooth"], rel=1e-6)
    assert last["train/loss"] == pytest.approx(last["train/ce_weighted"] + last["train/smooth_weighted"], rel=1e-6)


def test_a_side_effect_sees_data_by_their_uuid(system: Folder) -> None:
    words = ["data=dataset", "data.dataset._target_=my_pkg.Shapes", "data.num_outputs=2"]
    place = system.finish_named("uuid", *words, "callbacks=asked", "budget=18")
    acquired = pd.read_parquet(place / "acquisitions.parquet")
    assert acquired["uuid"].str.fullmatch(r"shape-\d{3}").all()
    assert states_at(place, 1, "labeling")["asked"]["uuids"] == acquired["uuid"].tolist()


def test_a_side_effect_that_fails_ends_the_run_unless_it_may(system: Folder) -> None:
    words = [*MOONS, "name=fragile", "callbacks=fragile"]
    code, said = system.start(*words)
    assert code == 1
    assert "callback Fragile.on_train_epoch_finished: RuntimeError: the tracking server is away" in said
    assert "++callbacks.fragile.on_error=warn" in said
    assert "Traceback" not in said
    place = system.run("fragile")
    info = json.loads((place / "run.json").read_text())
    assert (info["status"], info["step"]) == ("failed", 2)

    assert system.start(*words, "++callbacks.fragile.on_error=warn")[0] == 0
    log = (place / "alrun.log").read_text()
    assert "WARNING" in log
    assert "callback Fragile.on_train_epoch_finished failed: RuntimeError: the tracking server is away" in log
    assert json.loads((place / "run.json").read_text())["status"] == "finished"


def test_only_rank_0_calls_side_effects_that_are_not_distributed(system: Folder) -> None:
    code, said = system.start(*MOONS, "name=rank", "callbacks=ranked", "budget=10", code=RANK_1)
    assert code == 0, said
    written = [path.name for path in (system.run("rank") / "callbacks").iterdir()]
    assert written == ["distributed-True.txt"]


def test_what_is_no_side_effect_is_refused_before_anything_runs(system: Folder) -> None:
    wrong = {"a": "lightning.pytorch.callbacks.Timer", "b": "my_pkg.Smooth", "c": "my_pkg.Prgress"}
    words = [f"+callbacks.{name}._target_={target}" for name, target in wrong.items()]
    code, said = system.start(*MOONS, "name=refused", *words, "+callbacks.b.on_error=ignore")
    assert code == 2
    assert "lightning.pytorch.callbacks.Timer belongs in training.loop.callbacks" in said
    assert "'ignore' is neither raise nor warn" in said
    code, said = system.start(*MOONS, "name=refused", *words[1:])
    assert code == 2
    assert "Smooth is not an alrun callback: it has no method for any event" in said
    assert "did you mean my_pkg.Progress?" in said
    assert not (system.folder / "outputs" / "refused").exists()
