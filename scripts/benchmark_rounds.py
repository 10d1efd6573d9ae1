"""Ten rounds of the same work by alrun and by its peers, in one process: milliseconds a round, and the ratio to alrun.

A round trains a 64-128-10 MLP for 5 epochs at batch size 32 on what is labeled (50 rows more each round), scores
10,000 rows by entropy and picks 50. alrun commits all its checkpoints meanwhile; nobody else writes anything.

    python scripts/benchmark_rounds.py                  # medians of 5
    pip install "alrun[bench]" && python scripts/benchmark_rounds.py --repeats 9
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Subset, TensorDataset

ROWS, FEATURES, CLASSES, PICKS, ROUNDS, EPOCHS, BATCH = 10_000, 64, 10, 50, 10, 5, 32


def data() -> tuple[Tensor, Tensor]:
    """Return inputs ``[10000, 64]`` and classes ``[10000]``."""
    generator = torch.Generator().manual_seed(0)
    centers = torch.randn(CLASSES, FEATURES, generator=generator)
    classes = torch.randint(0, CLASSES, (ROWS,), generator=generator)
    return centers[classes] + 4 * torch.randn(ROWS, FEATURES, generator=generator), classes


def network() -> nn.Sequential:
    """Return the MLP."""
    return nn.Sequential(nn.Linear(FEATURES, 128), nn.ReLU(), nn.Linear(128, CLASSES))


def entropy(logits: Tensor) -> Tensor:
    """Return the predictive entropy of each row."""
    probabilities = logits.softmax(dim=1)
    summed: Tensor = torch.special.xlogy(probabilities, probabilities).sum(dim=1)
    return -summed


def rounds(train: Callable[[nn.Module, Tensor], None], score: Callable[[nn.Module], Tensor]) -> None:
    """Run ten rounds with the given way to train and to score all rows."""
    labelled = torch.arange(PICKS)
    for _ in range(ROUNDS):
        model = network()
        train(model, labelled)
        scores = score(model)
        scores[labelled] = -torch.inf
        labelled = torch.cat([labelled, scores.topk(PICKS).indices])


def bare(inputs: Tensor, classes: Tensor) -> None:
    """Plain tensors."""

    def train(model: nn.Module, labelled: Tensor) -> None:
        optimizer = torch.optim.Adam(model.parameters(), fused=True)
        x, y = inputs[labelled], classes[labelled]
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(labelled)).split(BATCH):
                loss = functional.cross_entropy(model(x[rows]), y[rows])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()

    def score(model: nn.Module) -> Tensor:
        with torch.no_grad():
            return torch.cat([entropy(model(chunk)) for chunk in inputs.split(1024)])

    rounds(train, score)


def _epochs(model: nn.Module, loader: Any, optimizer: Any, backward: Callable[[Tensor], None]) -> None:
    for _ in range(EPOCHS):
        for x, y in loader:
            loss = functional.cross_entropy(model(x), y)
            optimizer.zero_grad(set_to_none=True)
            backward(loss)
            optimizer.step()


def _loader_score(model: nn.Module, dataset: TensorDataset) -> Tensor:
    with torch.no_grad():
        return torch.cat([entropy(model(x)) for x, _ in DataLoader(dataset, batch_size=1024)])


def dataloader(inputs: Tensor, classes: Tensor) -> None:
    """A torch DataLoader in place of tensor indexing."""
    dataset = TensorDataset(inputs, classes)

    def train(model: nn.Module, labelled: Tensor) -> None:
        loader = DataLoader(Subset(dataset, labelled.tolist()), batch_size=BATCH, shuffle=True)
        _epochs(model, loader, torch.optim.Adam(model.parameters(), fused=True), torch.Tensor.backward)

    rounds(train, lambda model: _loader_score(model, dataset))


def fabric(inputs: Tensor, classes: Tensor) -> None:
    """Lightning Fabric with a DataLoader."""
    from lightning.fabric import Fabric

    dataset = TensorDataset(inputs, classes)
    runner = Fabric(accelerator="cpu", devices=1)

    def train(model: nn.Module, labelled: Tensor) -> None:
        wrapped, optimizer = runner.setup(model, torch.optim.Adam(model.parameters(), fused=True))
        loader = DataLoader(Subset(dataset, labelled.tolist()), batch_size=BATCH, shuffle=True)
        _epochs(wrapped, runner.setup_dataloaders(loader), optimizer, runner.backward)

    rounds(train, lambda model: _loader_score(model, dataset))


def trainer(inputs: Tensor, classes: Tensor) -> None:
    """A Lightning Trainer a round."""
    from lightning.pytorch import LightningModule, Trainer

    class Module(LightningModule):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.model = model

        def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
            return functional.cross_entropy(self.model(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), fused=True)

    dataset = TensorDataset(inputs, classes)
    options = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar"), False)

    def train(model: nn.Module, labelled: Tensor) -> None:
        loader = DataLoader(Subset(dataset, labelled.tolist()), batch_size=BATCH, shuffle=True)
        runner = Trainer(accelerator="cpu", devices=1, max_epochs=EPOCHS, enable_model_summary=False, **options)  # type: ignore[arg-type]
        runner.fit(Module(model), loader)

    rounds(train, lambda model: _loader_score(model, dataset))


def baal(inputs: Tensor, classes: Tensor) -> None:
    """The peer baal: its active data set, its model wrapper, its heuristic."""
    from baal.active import ActiveLearningDataset
    from baal.active.heuristics import Entropy
    from baal.modelwrapper import ModelWrapper, TrainingArgs

    active = ActiveLearningDataset(TensorDataset(inputs, classes))
    active.label(list(range(PICKS)))
    for _ in range(ROUNDS):
        model = network()
        arguments = TrainingArgs(
            optimizer=torch.optim.Adam(model.parameters(), fused=True),
            criterion=nn.CrossEntropyLoss(),
            batch_size=BATCH,
            epoch=EPOCHS,
            use_cuda=False,
            workers=0,
        )
        wrapper = ModelWrapper(model, arguments)
        wrapper.train_on_dataset(active)
        arguments.batch_size = 1024
        predictions = wrapper.predict_on_dataset(active.pool, iterations=1)
        active.label(Entropy()(predictions)[:PICKS].tolist())


class Alrun:
    """alrun's driver on the same data; composed and built outside the timed part."""

    def __init__(self, folder: Path, inputs: Tensor, classes: Tensor) -> None:
        """Write the data to ``folder`` and compose the experiment."""
        from alrun.config.check import checked
        from alrun.config.compose import Composer, resolved
        from alrun.config.targets import Trust

        np.savez(folder / "rounds.npz", x=inputs.numpy(), y=classes.numpy())
        words = [
            *("data=arrays", f"data.path={folder / 'rounds.npz'}", "data.test_size=0", "data.validation_size=0"),
            *("learner.hidden=[128]", "learner.dropout=0", f"training.max_epochs={EPOCHS}", "metrology=[]"),
            *(f"initial_size={PICKS}", f"query_size={PICKS}", f"budget={PICKS * (ROUNDS + 1)}"),
        ]
        self.config = checked(resolved(Composer(Trust()).compose(words).config), Trust())
        self.folder = folder
        self.runs = 0
        self.prepare()

    def prepare(self) -> None:
        """Build the next run."""
        from alrun.core.knobs import read
        from alrun.core.settings import Settings
        from alrun.driver import Driver
        from alrun.runner.build import Builder
        from alrun.store.run_store import RunStore
        from alrun.store.rundir import RunDirectory

        self.runs += 1
        store = RunStore(RunDirectory(self.folder / f"run-{self.runs}"), logging.getLogger("benchmark"))
        self.driver = Driver(Builder(self.config).components(), read(Settings, self.config), store)

    def run(self, inputs: Tensor, classes: Tensor) -> None:
        """alrun, all checkpoints committed."""
        self.driver.run()


def measured(function: Callable[[Tensor, Tensor], None], tensors: tuple[Tensor, Tensor]) -> float:
    """Return milliseconds a round."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        started = time.perf_counter()
        function(*tensors)
        return (time.perf_counter() - started) / ROUNDS * 1000


def main() -> None:
    """Print a line a contestant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    tensors = data()
    with tempfile.TemporaryDirectory() as name:
        own = Alrun(Path(name), *tensors)
        contestants: dict[str, Callable[[Tensor, Tensor], None]] = {
            "bare tensors": bare,
            "alrun": own.run,
            "DataLoader": dataloader,
            "Fabric + DataLoader": fabric,
            "Trainer a round": trainer,
            "baal": baal,
        }
        times: dict[str, list[float]] = {}
        for _ in range(arguments.repeats):
            for label, function in contestants.items():
                try:
                    milliseconds = measured(function, tensors)
                except ImportError as error:
                    print(json.dumps({"contestant": label, "left_out": str(error)}), flush=True)
                    continue
                times.setdefault(label, []).append(milliseconds)
            contestants = {label: contestants[label] for label in contestants if times.get(label)}
            own.prepare()
    reference = times["alrun"]
    for label, values in times.items():
        ratio = statistics.median(a / b for a, b in zip(values, reference, strict=True))
        row = {"contestant": label, "ms_a_round": round(statistics.median(values), 1), "over_alrun": round(ratio, 2)}
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
