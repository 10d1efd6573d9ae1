"""The suites of sources and pools over every transformation of every kind of source, found in ``conf/transform``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import get_class
from omegaconf import OmegaConf

from alrun.config.paths import conf_dir
from alrun.core.errors import DataError
from alrun.core.seeding import Seeds
from alrun.data.dataset import OwnDataset
from alrun.data.digits import Digits
from alrun.data.named import NamedArraySource
from alrun.testing.pool import PoolConformance
from alrun.testing.source import SourceConformance

#: Without those that need a model, which is examined in a file of its own.
OPTIONS = {path.stem: path for path in (conf_dir() / "transform").glob("*.yaml") if path.stem != "embed"}
#: Arguments for data that are no rows of numbers.
FOR_OBJECTS = {"near_duplicates": {"noise": 0.0}}


class Things:
    """Dicts with a class that is known without reading them, and a name."""

    targets = [index % 4 for index in range(80)]  # noqa: RUF012 - never changed

    def __len__(self) -> int:
        return 80

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"x": torch.full((2,), float(index)), "y": index % 4, "uuid": f"thing {index}"}


def things() -> OwnDataset:
    return OwnDataset(Things(), target_field="y")


def named() -> NamedArraySource:
    digits = Digits()
    rows = torch.arange(200)
    source = NamedArraySource(digits.inputs(rows), digits.targets(rows), digits.spec, embeddings=digits.inputs(rows))
    source.name_rows([f"digit {row}" for row in rows.tolist()], "names")
    return source


SOURCES: dict[str, Callable[[], Any]] = {"things": things, "named": named}


def transform(name: str, **arguments: Any) -> Any:
    """Return the transformation of an option."""
    node: Any = OmegaConf.to_container(OmegaConf.load(OPTIONS[name]))
    return get_class(node[name].pop("_target_"))(**{**node[name], **arguments})


def suites() -> dict[str, type]:
    found: dict[str, type] = {}
    for name in sorted(OPTIONS):
        for kind, make in SOURCES.items():
            options = FOR_OBJECTS.get(name, {}) if kind == "things" else {}

            def source(_: Any, name: str = name, make: Any = make, options: Any = options) -> Any:
                return transform(name, **options)(make(), Seeds(0), name)

            title = f"{name.title().replace('_', '')}{kind.title()}"
            for base in (SourceConformance, PoolConformance):
                full = f"Test{base.__name__.removesuffix('Conformance')}{title}"
                found[full] = type(full, (base,), {"source": source})
    return found


globals().update(suites())


@pytest.mark.parametrize("name", sorted(OPTIONS))
@pytest.mark.parametrize("kind", SOURCES)
def test_a_transformation_is_a_function_of_source_seed_and_name(name: str, kind: str, tmp_path: Path) -> None:
    change = transform(name, **(FOR_OBJECTS.get(name, {}) if kind == "things" else {}))
    source = SOURCES[kind]()
    first = change(source, Seeds(0), name)
    again = change(SOURCES[kind](), Seeds(0), name)
    assert first.fingerprint() == again.fingerprint() != source.fingerprint()
    others = [change(source, Seeds(1), name), change(source, Seeds(0), "another")]
    drawn = [first.fingerprint(), *(one.fingerprint() for one in others)]
    assert len(set(drawn)) >= (2 if name == "near_duplicates" else 3)
    rows = torch.arange(len(first))
    assert first.targets(rows).equal(again.targets(rows))
    with pytest.raises(Exception, match="seed 0"):
        first.split(Seeds(1))


class Unlabeled(Things):
    targets = None  # type: ignore[assignment]

    def __getitem__(self, index: int) -> torch.Tensor:  # type: ignore[override]
        return torch.full((2,), float(index))


def test_data_without_labels_are_refused_by_what_needs_them() -> None:
    source = OwnDataset(Unlabeled(), num_outputs=4)
    for name in sorted({*OPTIONS} - {"near_duplicates"}):
        with pytest.raises(DataError, match=f"transform.{name}: the data have no targets to go by"):
            transform(name)(source, Seeds(0), name)
    assert len(transform("near_duplicates", noise=0.0)(source, Seeds(0), "x")) > len(source)


@pytest.mark.parametrize("name", sorted(OPTIONS))
@pytest.mark.parametrize("kind", SOURCES)
def test_names_lead_back_to_their_rows(name: str, kind: str) -> None:
    view = transform(name, **(FOR_OBJECTS.get(name, {}) if kind == "things" else {}))(SOURCES[kind](), Seeds(0), name)
    rows = list(range(0, len(view), 7))
    names = view.uuids(rows)
    assert len(set(names)) == len(rows)
    assert [view.row_of(one) for one in names] == rows
