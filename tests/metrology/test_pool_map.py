"""The map of the pool: positions against scikit-learn's, pictures against their pixels, and a restart."""

from __future__ import annotations

import base64
import io
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from command_line import Alrun  # type: ignore[import-not-found]
from sklearn.decomposition import PCA

from alrun.core.errors import ConfigError
from alrun.core.types import Annotation
from alrun.data.digits import Digits
from alrun.metrology.pool_map import PoolMap
from alrun.metrology.thumbnails import thumbnails

if TYPE_CHECKING:
    from alrun.driver.driver import Driver
    from tests.metrology.conftest import MakeDriver


def buy(driver: Driver, *rows: int) -> None:
    """Add rows to the training pool, as a step does."""
    driver.training_pool.extend([Annotation(row, 3) for row in rows])
    driver.state.last_batch = len(rows)
    driver.active_learning_step_idx += 1


def test_positions_are_the_first_two_components(make_driver: MakeDriver) -> None:
    strategy = PoolMap(most_rows=10_000)
    driver = make_driver(Digits(), strategy)
    strategy.compute()
    (record,) = strategy.records
    sample = record["pool"]
    rows = driver.unlabeled_pool.indices
    vectors = driver.unlabeled_pool.source.inputs(rows).flatten(1).double().numpy()
    reference = PCA(2, svd_solver="full").fit(vectors)
    assert sample["index"] == rows.tolist()
    assert sample["total"] == len(rows)
    assert sample["explained"] == pytest.approx(reference.explained_variance_ratio_.tolist(), rel=1e-4)
    for name, column in zip("xy", reference.transform(vectors).T, strict=True):
        assert sample[name] == pytest.approx(column.tolist(), abs=1e-4)


def test_picks_lie_where_they_lie_on_the_map_also_after_a_restart(make_driver: MakeDriver) -> None:
    whole, resumed = PoolMap(most_rows=50), PoolMap(most_rows=50)
    driver = make_driver(Digits(), whole, resumed)
    rows = driver.unlabeled_pool.indices[:6].tolist()
    buy(driver, *rows[:3])
    whole.compute()
    resumed.records.extend(whole.records)
    buy(driver, *rows[3:])
    whole.compute()
    resumed.compute()
    assert resumed.records == whole.records
    sample, *batches = whole.records
    assert len(sample["pool"]["index"]) == 50
    assert [(batch["picks"]["step"], batch["picks"]["index"]) for batch in batches] == [(0, rows[:3]), (1, rows[3:])]
    known = {row: at for at, row in enumerate(sample["pool"]["index"])}
    shared = [(batch["picks"], place) for batch in batches for place in range(3)]
    for picks, place in shared:
        if (row := picks["index"][place]) in known:
            assert picks["x"][place] == sample["pool"]["x"][known[row]]


def test_a_sample_has_rows_that_were_bought_before(make_driver: MakeDriver) -> None:
    early, late = PoolMap(most_rows=50), PoolMap(most_rows=50)
    driver = make_driver(Digits(), early, late)
    early.compute()
    buy(driver, *driver.unlabeled_pool.indices[:300].tolist())
    late.compute()
    assert late.records[0] == early.records[0]


def test_pictures_have_the_pixels_of_their_images() -> None:
    image = pytest.importorskip("PIL.Image", reason="pip install pillow")
    inputs = torch.arange(2 * 6, dtype=torch.float32).reshape(2, 6)
    first, last = (image.open(io.BytesIO(base64.b64decode(one))) for one in thumbnails(inputs, [2, 3]))
    assert first.size == last.size == (3, 2)
    levels = np.concatenate([np.asarray(first).ravel(), np.asarray(last).ravel()])
    assert levels.tolist() == [round(level * 255 / 11) for level in range(12)]
    (color,) = thumbnails(torch.rand(1, 3, 200, 100))
    picture = image.open(io.BytesIO(base64.b64decode(color)))
    assert (picture.mode, picture.size) == ("RGB", (24, 48))
    assert len(thumbnails(torch.zeros(3, 1, 4, 4))) == 3


@pytest.mark.parametrize("shape", [None, [3, 3], [2, 2, 16], [0, 64]])
def test_what_is_no_image_is_refused(shape: list[int] | None) -> None:
    with pytest.raises(ConfigError, match=r"metrology\.pool_map\.image_shape=\[8,8\]"):
        thumbnails(torch.zeros(5, 64), shape)


def test_pictures_of_what_is_no_image_are_refused_before_a_label_is_bought(alrun: Alrun, tmp_path: Path) -> None:
    words = ("metrology=[classification,pool_map]", "metrology.pool_map.thumbnails=true", "budget=20")
    refused = alrun(*words)
    assert refused.code == alrun("validate", *words).code == 2
    assert not (tmp_path / "outputs").exists()
    (hint,) = re.findall("→ (metrology.*)", refused.err)
    assert alrun("validate", *words, hint).code == 0


def test_a_sample_is_a_number_of_rows() -> None:
    with pytest.raises(ConfigError, match=r"metrology\.pool_map\.most_rows=2000"):
        PoolMap(most_rows=1)


def test_umap_keeps_rows_of_the_sample_in_their_places_also_after_a_restart(make_driver: MakeDriver) -> None:
    if not os.environ.get("ALRUN_UMAP"):
        pytest.skip("needs ALRUN_UMAP: its compiler takes minutes")
    pytest.importorskip("umap", reason='pip install "alrun[umap]"')
    whole, resumed = (PoolMap(most_rows=60, method="umap") for _ in range(2))
    driver = make_driver(Digits(), whole, resumed)
    rows = driver.unlabeled_pool.indices[:6].tolist()
    buy(driver, *rows[:3])
    whole.compute()
    resumed.records.extend(whole.records)
    buy(driver, *rows[3:])
    whole.compute()
    resumed.compute()
    assert resumed.records == whole.records
    sample, *batches = (next(iter(record.values())) for record in whole.records)
    assert (sample["method"], "explained" in sample) == ("umap", False)
    place = dict(zip(sample["index"], zip(sample["x"], sample["y"], strict=True), strict=True))
    for batch in batches:
        for row, *found in zip(batch["index"], batch["x"], batch["y"], strict=True):
            assert np.isfinite(found).all()
            assert tuple(found) == place.get(row, tuple(found))


def test_the_method_is_part_of_the_identity_only_where_one_is_set(
    alrun: Alrun, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alrun.config.compose import Composer, resolved
    from alrun.config.identity import identity_hash
    from alrun.config.targets import Trust

    words = ["metrology=[classification,pool_map]"]
    plain, other = (
        resolved(Composer(Trust()).compose([*words, *more]).config) for more in ([], ["metrology.pool_map.method=umap"])
    )
    assert identity_hash(plain) != identity_hash(other)
    before = {**plain, "metrology": {name: dict(node) for name, node in plain["metrology"].items()}}
    assert before["metrology"]["pool_map"].pop("method") is None
    assert identity_hash(before) == identity_hash(plain)
    wrong = alrun("validate", *words, "metrology.pool_map.method=tsne")
    assert wrong.code == 2
    assert "pca" in wrong.err
    monkeypatch.setattr("alrun.metrology.umap_axes.find_spec", lambda name: None)
    missing = alrun("validate", *words, "metrology.pool_map.method=umap")
    assert missing.code == 2
    assert 'pip install "alrun[umap]"' in missing.err
