"""Semi-supervised learners: their terms in closed form, averages, augmentation, and minibatches without labels."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from alrun.core.errors import ConfigError
from alrun.core.seeding import Seeds
from alrun.core.types import Task, TaskSpec
from alrun.learner.augmentation import FeatureNoise, ImageAugmentation
from alrun.learner.fixmatch import FixMatch
from alrun.learner.pseudo_label import PseudoLabel
from alrun.learner.semi_supervised import SemiSupervised
from alrun.learner.weight_average import WeightAverage
from alrun.training.fabric import FabricLoop

SPEC = TaskSpec(Task.CLASSIFICATION, (5,), 3)
SGD = partial(torch.optim.SGD, lr=0.1)
KINDS: tuple[type[SemiSupervised], ...] = (FixMatch, PseudoLabel)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class Pool:
    """Rows without targets; notes which were asked for."""

    def __init__(self, rows: int) -> None:
        self.rows, self.asked = drawn(rows, 5, seed=7), list[int]()

    def __len__(self) -> int:
        return len(self.rows)

    def inputs(self, positions: Tensor) -> Tensor:
        self.asked += positions.tolist()
        return self.rows[positions]


def made(kind: type[SemiSupervised], pool: Pool | None = None, **options: Any) -> Any:
    still = {"augmentation": nn.Identity(), "dropout": 0.0, "hidden": (6,)}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        learner = kind(SPEC, SGD, **{**still, **options})
    if pool is not None:
        learner.attach(SimpleNamespace(unlabeled_pool=pool, seeds=Seeds(0, 1, "training"), training_epoch=0))
    return learner


def trained(learner: Any, epochs: int = 1, rows: int = 16) -> Any:
    inputs, targets = drawn(rows, 5, seed=3), torch.arange(rows) % 3
    with torch.random.fork_rng():
        torch.manual_seed(5)
        batches = list(zip(inputs.split(8), targets.split(8), strict=True))
        FabricLoop(accelerator="cpu")(learner, learner.configure_optimizers(), batches, max_epochs=epochs)
    return learner


def weights(learner: Any) -> Tensor:
    return nn.utils.parameters_to_vector(learner.body.parameters()).detach().clone()


def test_fixmatch_counts_the_confident_and_divides_by_all() -> None:
    learner, rows = made(FixMatch, threshold=0.6, strong_augmentation=nn.Tanh()), 3 * drawn(50, 5)
    with torch.no_grad():
        guesses, strong = learner(rows).softmax(dim=1), learner(rows.tanh())
    kept = guesses.amax(dim=1) >= 0.6
    assert 5 < int(kept.sum()) < 45
    wanted = functional.cross_entropy(strong[kept], guesses.argmax(dim=1)[kept], reduction="sum") / 50
    torch.testing.assert_close(learner.unlabeled_loss(rows), wanted)


@pytest.mark.parametrize(("done", "height"), [(0, 0), (2, 0), (4, 0.5), (6, 1), (9, 1)])
def test_pseudo_labels_count_along_a_ramp(done: int, height: float) -> None:
    learner, rows = made(PseudoLabel, ramp_start=0.2, ramp_end=0.6), drawn(20, 5)
    learner._trainer = SimpleNamespace(current_epoch=done, max_epochs=10)
    logits = learner(rows)
    wanted = height * functional.cross_entropy(logits, logits.argmax(dim=1))
    torch.testing.assert_close(learner.unlabeled_loss(rows), wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_each_labeled_row_brings_its_share_of_unlabeled_ones(kind: type[SemiSupervised]) -> None:
    pool = Pool(1000)
    learner = trained(made(kind, pool, unlabeled_ratio=3))
    assert len(pool.asked) == len(set(pool.asked)) == 48
    first, pool.asked = pool.asked, []
    assert trained(learner) is learner
    assert pool.asked == first
    learner._host.training_epoch, pool.asked = 1, []
    assert trained(learner)
    assert pool.asked != first


@pytest.mark.parametrize("kind", KINDS)
def test_without_weight_or_unlabeled_rows_it_is_a_plain_classifier(kind: type[SemiSupervised]) -> None:
    more: dict[str, Any] = {"threshold": 0.0} if kind is FixMatch else {"ramp_start": 0.0, "ramp_end": 0.0}
    plain = weights(trained(made(kind, ema=None)))
    for other in (made(kind, Pool(50), ema=None, unlabeled_weight=0.0), made(kind, Pool(0), ema=None)):
        assert weights(trained(other)).equal(plain)
    assert not weights(trained(made(kind, Pool(50), ema=None, **more))).equal(plain)


def test_the_average_of_weights_is_the_recurrence() -> None:
    network, average = nn.Linear(2, 1, bias=False), None
    seen = []
    for step in range(4):
        with torch.no_grad():
            network.weight.fill_(float(step))
        average = average or WeightAverage(network, 0.25)
        if step:
            average.update(network)
        seen.append(float(average._averages()[0][0, 0]))
    # Decays min(0.25, 1/10), min(0.25, 2/11), min(0.25, 3/12).
    assert seen == pytest.approx([0, 0.9, 2 - 2 / 11 * 1.1, 3 - 0.25 * (3 - seen[2])])


def test_the_average_is_what_a_phase_ends_with_and_starts_anew() -> None:
    last, averaged = made(FixMatch, ema=None), made(FixMatch, ema=0.5)
    start = weights(averaged)
    trained(last, 3)
    trained(averaged, 3)
    assert int(averaged.average.steps) == 6
    assert not weights(averaged).equal(weights(last))
    assert (weights(averaged) - start).norm() < (weights(last) - start).norm()
    torch.testing.assert_close(weights(averaged), nn.utils.parameters_to_vector(averaged.average._averages()))
    trained(averaged, 1)
    assert int(averaged.average.steps) == 2


def test_validation_sees_the_average_and_training_goes_on_with_its_own() -> None:
    learner = made(FixMatch, ema=0.5)
    learner.average.restart(learner.body)
    before = weights(learner)
    with torch.no_grad():
        learner.body[0].weight.add_(1)
    own = weights(learner)
    learner.on_validation_start()
    assert weights(learner).equal(before)
    learner.on_validation_end()
    assert weights(learner).equal(own)


def test_images_are_shifted_mirrored_and_cut() -> None:
    image = torch.arange(1.0, 65).reshape(1, 1, 8, 8).expand(200, 1, 8, 8)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        shifted = ImageAugmentation(shift=0.25)(image)
        mirrored = ImageAugmentation(flip=True, shift=0.0)(image)
        cut = ImageAugmentation(shift=0.0, cutout=0.5)(image)
        assert ImageAugmentation(shift=0.0)(image).equal(image)
        assert ImageAugmentation(shift=0.0, noise=0.1)(image).sub(image).std() == pytest.approx(0.1 * 18.5, rel=0.05)
    centers = shifted[:, 0, 4, 4]  # 8 * row + column + 1 of the pixel that has come there
    moves = {(int(value - 1) // 8 - 4, int(value - 1) % 8 - 4) for value in centers}
    assert moves == {(down, across) for down in range(-2, 3) for across in range(-2, 3)}
    assert bool((shifted[centers == 37 - 16][:, 0, :2] == 0).all())
    turned = (mirrored == image.flip(3)).flatten(1).all(dim=1)
    assert 60 < int(turned.sum()) < 140
    assert mirrored[~turned].equal(image[~turned])
    changed = (cut != image).flatten(1).sum(dim=1)
    assert int(changed.max()) == 16
    assert set(cut[cut != image].tolist()) == {32.5}
    with pytest.raises(ValueError, match="images are"):
        ImageAugmentation()(torch.zeros(3, 4))


def test_features_get_noise_by_column_and_values_of_other_rows() -> None:
    rows = torch.stack([torch.arange(400.0), torch.full((400,), 7.0)], dim=1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        noisy, swapped = FeatureNoise(0.1)(rows), FeatureNoise(0.0, swap=0.3)(rows)
    assert noisy[:, 1].equal(rows[:, 1])
    assert (noisy - rows)[:, 0].std() == pytest.approx(0.1 * 115.5, rel=0.1)
    assert set(swapped[:, 0].tolist()) <= set(rows[:, 0].tolist())
    assert (swapped != rows)[:, 0].float().mean() == pytest.approx(0.3, abs=0.07)


def test_options_out_of_range_are_all_named() -> None:
    with pytest.raises(ConfigError) as caught:
        made(FixMatch, threshold=1.5, unlabeled_ratio=0, unlabeled_weight=-1, ema=1.0)
    places = [problem.where.rpartition(".")[2] for problem in caught.value.problems]
    assert places == ["threshold", "unlabeled_ratio", "unlabeled_weight", "ema"]
    with pytest.raises(ConfigError, match="ends before it starts"):
        made(PseudoLabel, ramp_start=0.5, ramp_end=0.4)
    with pytest.raises(ConfigError, match=r"learner\.augmentation\.shift"):
        ImageAugmentation(shift=3)
    with pytest.raises(ConfigError, match=r"learner\.augmentation\.swap"):
        FeatureNoise(swap=-1)
