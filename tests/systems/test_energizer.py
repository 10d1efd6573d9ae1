"""What Energizer does, end to end: plain LightningModules on both loops, MC dropout, Lightning's extras, its knobs."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from command_line import Warm  # type: ignore[import-not-found]
from users_folder import Folder, promised  # type: ignore[import-not-found]

PACKAGE = '''
import torch
from lightning.pytorch import Callback, LightningModule
from torch import nn
from torch.nn import functional
from torchmetrics.classification import MulticlassAccuracy


class Classifier(LightningModule):
    """Written for a plain Trainer: logs as it likes, has hooks, its own optimizer and a plateau on what it logs."""

    def __init__(self, width=32, lr=0.01):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.Linear(64, width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(width, width), nn.SELU(),
            nn.AlphaDropout(0.1), nn.Linear(width, 10),
        )
        self.accuracy = MulticlassAccuracy(10, average="micro")
        self.seen = []

    def forward(self, x):
        return self.net(x)

    def on_train_epoch_start(self):
        self.seen = []

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = functional.cross_entropy(self(x), y)
        self.log("train_loss", loss, prog_bar=True)
        self.seen.append(len(x))
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        logits = self(x)
        self.accuracy(logits, y)
        self.log("val_acc", self.accuracy, on_epoch=True, prog_bar=True)
        self.log("val_loss", functional.cross_entropy(logits, y))

    def on_train_epoch_end(self):
        self.log_dict({"rows": float(sum(self.seen)), "epoch_number": float(self.current_epoch)})

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode="max", patience=0)
        return {"optimizer": optimizer, "lr_scheduler": plateau, "monitor": "val_acc"}


class TwoPlayers(LightningModule):
    """Two optimizers and a scheduler by manual optimization."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.body = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 10))
        self.critic = nn.Linear(10, 1)

    def forward(self, x):
        return self.body(x)

    def training_step(self, batch, batch_idx):
        x, y = batch
        player, critic = self.optimizers()
        loss = functional.cross_entropy(self(x), y)
        player.zero_grad()
        self.manual_backward(loss)
        player.step()
        judged = self.critic(self(x).detach()).squeeze(1)
        score = functional.mse_loss(judged, (y > 4).float())
        critic.zero_grad()
        self.manual_backward(score)
        critic.step()
        self.log_dict({"loss/player": loss, "loss/critic": score})

    def on_train_epoch_end(self):
        self.lr_schedulers().step()
        self.log("updates", float(self.global_step))

    def configure_optimizers(self):
        player = torch.optim.Adam(self.body.parameters(), lr=0.01)
        critic = torch.optim.SGD(self.critic.parameters(), lr=0.05, momentum=0.9)
        return [player, critic], [torch.optim.lr_scheduler.ExponentialLR(player, 0.9)]


class ByStep(Classifier):
    """Has a schedule by step that must know how long training will be."""

    def configure_optimizers(self):
        optimizer = torch.optim.SGD(self.parameters(), lr=0.01)
        cycle = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, max_lr=0.2, total_steps=self.trainer.estimated_stepping_batches
        )
        return [optimizer], [{"scheduler": cycle, "interval": "step"}]


class TwoWithoutSteps(Classifier):
    def configure_optimizers(self):
        return [torch.optim.SGD(self.parameters(), lr=0.1) for _ in range(2)]


class NoDropout(Classifier):
    def __init__(self):
        super().__init__()
        self.net = nn.Linear(64, 10)


class Counts(Callback):
    """Logs through the module how many batches it saw; what it counted survives a resume."""

    def __init__(self):
        self.batches = 0

    def on_train_batch_end(self, trainer, module, outputs, batch, batch_idx):
        self.batches += 1

    def on_train_epoch_end(self, trainer, module):
        module.log("batches_seen", float(self.batches))

    def state_dict(self):
        return {"batches": self.batches}

    def load_state_dict(self, state):
        self.batches = state["batches"]
'''

LEARNERS = {
    "classifier": "Classifier",
    "two_players": "TwoPlayers",
    "by_step": "ByStep",
    "two_without_steps": "TwoWithoutSteps",
    "no_dropout": "NoDropout",
}
COMMON = ("--config-dir", "conf", "--trust", "my_lit", "data.validation_size=0.03", "training.validate=true")
KNOBS = ("initial_size=20", "query_size=20", "budget=60", "training.max_epochs=4", "progress=false")
EXTRAS = (
    "training=trainer",
    "training.loop.callbacks=[{_target_: my_lit.Counts}, "
    "{_target_: lightning.pytorch.callbacks.LearningRateMonitor}, "
    "{_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: val_loss, patience: 2}]",
    "training.loop.logger={_target_: lightning.pytorch.loggers.CSVLogger, save_dir: logs}",
    "training.loop.strategy={_target_: lightning.pytorch.strategies.SingleDeviceStrategy, device: cpu}",
    "+training.loop.trainer_kwargs.log_every_n_steps=1",
)
MC = ("inference=mc_dropout", "inference.num_passes=4")
BRIEF = ("budget=40", "training.max_epochs=2")
FILES = {"my_lit.py": PACKAGE} | {
    f"conf/learner/{name}.yaml": f"_target_: my_lit.{target}\n" for name, target in LEARNERS.items()
}


@pytest.fixture(scope="module")
def system(warm_process: Warm, tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder(warm_process, tmp_path_factory.mktemp("energizer"), FILES, [*COMMON, *KNOBS])


def logged(run: Path) -> pd.DataFrame:
    """Return what the learner itself logged: a column a name, a row a step."""
    records = pd.read_parquet(run / "records.parquet")
    own = records[records["strategy"] == "training"]
    return own.pivot(index="labels", columns=["split", "metric"], values="value")


@pytest.mark.parametrize(("learner", "killed"), [("classifier", "trainer"), ("two_players", "fabric")])
def test_a_plain_module_runs_on_both_loops_and_resumes_exactly(system: Folder, learner: str, killed: str) -> None:
    tables = []
    for loop in ("fabric", "trainer"):
        words = (f"learner={learner}", f"training={loop}", "training.checkpoint_every=2", "training.reset=warm")
        whole = system.finish_named(f"{learner}_{loop}_whole", *words)
        if loop == killed:
            assert promised(system.finish_in_two(f"{learner}_{loop}_killed", *words)) == promised(whole)
        tables.append(logged(whole))
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert list(tables[0].index) == [20, 40, 60]
    names = {
        "classifier": "training epoch_number, training rows, training train_loss, "
        "validation val_acc, validation val_loss",
        "two_players": "training loss/critic, training loss/player, training updates",
    }
    assert ", ".join(sorted(" ".join(column) for column in tables[0].columns)) == names[learner]
    if learner == "classifier":
        assert tables[0]["training", "rows"].tolist() == [20, 40, 60]
        assert tables[0]["training", "epoch_number"].unique().tolist() == [3.0]
    else:
        assert tables[0]["training", "updates"].tolist() == [2 * 4 * batches for batches in (1, 2, 2)]


def test_a_schedule_by_step_knows_how_long_training_will_be(system: Folder) -> None:
    runs = [
        system.finish_named(
            f"by_step_{loop}", "learner=by_step", f"training={loop}", "budget=40", "training.reset=warm"
        )
        for loop in ("fabric", "trainer")
    ]
    pd.testing.assert_frame_equal(logged(runs[0]), logged(runs[1]))
    code, told = system.start("name=two", "learner=two_without_steps")
    assert (code, "configures 2 optimizers" in told) == (1, True)


def test_callbacks_loggers_and_strategies_of_lightning_come_from_the_config(system: Folder) -> None:
    words = ("learner=classifier", *EXTRAS, "training.checkpoint_every=2", "training.max_epochs=8")
    whole = system.finish_named("extras_whole", *words)
    (table,) = (whole / "callbacks" / "training.loop.logger" / "logs").rglob("metrics.csv")
    told = pd.read_csv(table)
    assert {"train_loss", "val_acc", "val_loss", "lr-Adam", "batches_seen"} <= set(told.columns)
    assert promised(system.finish_in_two("extras_killed", *words)) == promised(whole)
    seen = logged(whole)["training", "batches_seen"]
    epochs = logged(whole)["training", "epoch_number"] + 1
    assert seen.tolist() == [count * batches for count, batches in zip(epochs, (1, 2, 2), strict=True)]


def test_every_acquisition_works_over_mc_dropout_whose_probability_may_be_set(system: Folder) -> None:
    chosen = {}
    for query in ("bald", "entropy", "least_confidence", "margin", "random"):
        run = system.finish_named(f"mc_{query}", "learner=classifier", *MC, f"query={query}", *BRIEF)
        acquired = pd.read_parquet(run / "acquisitions.parquet")
        chosen[query] = acquired.loc[acquired["step"] == 1, "index"].tolist()
        assert acquired["index"].nunique() == 40
    assert len({tuple(rows) for rows in chosen.values()}) == 5
    sharper = system.finish_named("mc_prob", "learner=classifier", *MC, "query=bald", *BRIEF, "inference.prob=0.5")
    assert pd.read_parquet(sharper / "acquisitions.parquet").loc[20:, "index"].tolist() != chosen["bald"]
    code, told = system.start("name=none", "learner=no_dropout", *MC, "query=bald")
    assert code == 2
    assert "MC dropout needs a learner with dropout layers" in told


def test_the_knobs_of_its_loop(system: Folder) -> None:
    """Labels a step and in all, epochs between them, what training starts from; a last fit and test at the end."""
    common = ("learner=classifier", "training.max_epochs=2", "query_size=15", "budget=65", "query=margin")
    runs = {
        reset: system.finish_named(f"knobs_{reset}", *common, f"training.reset={reset}")
        for reset in ("scratch", "warm")
    }
    for reset, run in runs.items():
        records = pd.read_parquet(run / "records.parquet")
        assert set(records["reset"]) == {reset}
        tested = records[(records["metric"] == "accuracy") & (records["split"] == "test")]
        assert tested["labels"].tolist() == [20, 35, 50, 65]
        assert logged(run)["training", "epoch_number"].tolist() == [1.0] * 4
        assert json.loads((run / "run.json").read_text())["labels"] == 65
    losses = {reset: logged(run)["training", "train_loss"].iloc[-1] for reset, run in runs.items()}
    assert losses["warm"] < losses["scratch"]


def test_several_losses_and_any_torchmetrics_metric_are_in_the_records(system: Folder) -> None:
    words = [
        "training.checkpoint_every=2",
        "+learner.losses.ce._target_=alrun.learner.losses.CrossEntropy",
        "+learner.losses.ce.loss_reweight=0.5",
        "+learner.losses.margin._target_=alrun.learner.losses.Weighted",
        "+learner.losses.margin.loss._target_=torch.nn.MultiMarginLoss",
        "+metrology.f1._target_=torchmetrics.classification.MulticlassF1Score",
        "+metrology.f1.num_classes=10",
        "+metrology.recall._target_=torchmetrics.classification.MulticlassRecall",
        "+metrology.recall.num_classes=10",
        "+metrology.recall.average=none",
    ]
    whole = system.finish_named("losses_whole", "training=fabric", *words)
    assert promised(system.finish_in_two("losses_killed", "training=fabric", *words)) == promised(whole)
    own = logged(whole)
    pd.testing.assert_frame_equal(own, logged(system.finish_named("losses_trainer", "training=trainer", *words)))
    for split, name in (("training", "train"), ("validation", "val")):
        raw, weighted = own[split, f"{name}/ce"], own[split, f"{name}/ce_weighted"]
        assert weighted.tolist() == pytest.approx((raw / 2).tolist())
        total = weighted + own[split, f"{name}/margin_weighted"]
        assert own[split, f"{name}/loss"].tolist() == pytest.approx(total.tolist())
    records = pd.read_parquet(whole / "records.parquet")
    latest = records[records["labels"] == 60].set_index("metric")["value"]
    assert latest["f1"] == pytest.approx(latest["macro_f1"])
    assert latest[[f"recall_{number}" for number in range(10)]].between(0, 1).all()
    assert set(records.loc[records["metric"] == "f1", "higher_is_better"]) == {True}
    code, told = system.start("name=wrong", words[-1], *words[-3:-1], "+metrology.f1._target_=torchmetrics.F1")
    assert (code, "F1" in told) == (2, True)
    code, told = system.start("name=wrong", *words[5:6], "+metrology.f1.num_classes=3")
    assert (code, "metrology.f1.num_classes=10" in told) == (2, True)
