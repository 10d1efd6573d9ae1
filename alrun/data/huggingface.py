"""Data sets of the Hugging Face hub, from folders: texts, images, or numbers such as features of audio."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alrun.core.arguments import raise_any
from alrun.core.errors import DataError
from alrun.core.protocols.cache import ArrayCache
from alrun.core.types import Task
from alrun.data.encoding import Encoded, encode
from alrun.data.named import NamedArraySource
from alrun.data.pixels import image_form, image_pixels
from alrun.data.problems import fail, parse_task
from alrun.data.saved_dataset import EncodedImages, label_values, number_block, opened_parts, texts_of
from alrun.data.shipped import open_embeddings
from alrun.data.target_files import chosen_column
from alrun.data.text_form import BAG, TextForm

if TYPE_CHECKING:
    import datasets

__all__ = ["HuggingFace"]

#: What columns of inputs are called where nobody says.
USUAL = (
    *("text", "sentence", "content", "document", "review", "image", "img", "pixel_values"),
    *("features", "embedding", "embeddings", "input", "inputs", "input_features", "x"),
)


class HuggingFace(NamedArraySource):
    """One column of a saved data set as inputs, one as labels; the rows of the test part come last.

    A column of images becomes pixels ``[channels, height, width]`` times 1/255, decoded once and kept in the cache; one
    of texts what ``TextForm`` makes of it; one of numbers of one shape stays as it is. Nothing is fetched.

    Attributes:
        notes: What the inputs became.
    """

    def __init__(
        self,
        path: str,
        *,
        split: str = "train",
        test_split: str | None = None,
        input: str | None = None,
        target: str | None = None,
        task: str = "auto",
        tokenizer: str = BAG,
        features: int = 4096,
        ngrams: int = 1,
        vocabulary: int = 30_000,
        length: int = 128,
        size: int | Sequence[int] | None = None,
        channels: int = 3,
        fit: str = "crop",
        uuids: str | None = None,
        embeddings: str | None = None,
        labeled: Sequence[int] | None = None,
        validation_size: float = 0.1,
        test_size: float | None = None,
        array_cache: ArrayCache | None = None,
    ) -> None:
        """Open the folder and read two columns.

        Args:
            path: A folder that ``Dataset.save_to_disk`` or ``DatasetDict.save_to_disk`` has written.
            split: Part to learn from, where the folder holds several.
            test_split: Part for test; ``None`` for the one that is called ``test``, if there is one.
            input: Column of the inputs; ``None`` for the one that is called like inputs.
            target: Column of the labels; ``None`` for the one that is called like labels.
            task: ``classification``, ``regression``, ``multi_label`` for a column of lists of classes, or ``auto`` for
                what the labels look like.
            tokenizer: Of texts: see ``TextForm``.
            features: Of texts: see ``TextForm``.
            ngrams: Of texts: see ``TextForm``.
            vocabulary: Of texts: see ``TextForm``.
            length: Of texts: see ``TextForm``.
            size: Of images: height and width, or one number for both; ``None`` for that of the first image.
            channels: Of images: 3 for colors, 1 for gray.
            fit: Of images of another shape: ``crop``, ``pad`` or ``stretch``.
            uuids: Column of what the rows are called; ``None`` for their numbers.
            embeddings: A ``.npy`` file ``[N, d]``, memory-mapped: vectors to compare rows by.
            labeled: See ``ArraySource``.
            validation_size: See ``ArraySource``.
            test_size: See ``ArraySource``; ``None`` for a fifth, or the rows of the test part.
            array_cache: Where decoded images are kept; ``None`` for memory.

        Raises:
            DataError: The folder, a part, a column or a value cannot be used as asked.
        """
        wanted = parse_task(task)
        form = TextForm(tokenizer, features, ngrams, vocabulary, length)
        raise_any(form.problems(), DataError)
        if test_split is not None and test_size is not None:
            raise fail("the test rows are those of data.test_split", "data.test_size", "data.test_size=null")
        learned, tested = opened_parts(path, split, test_split)
        tested = tested if test_size is None else None
        rows = _together(learned, tested, path)
        column = _input_column(rows, input, path)
        others = [name for name in rows.column_names if name != column]
        label = chosen_column(target, others, "data.target", path)
        encoded = _labels(rows, label, wanted, path)
        pictures = {"size": size, "channels": channels, "fit": fit}
        inputs, scale, note = _inputs(rows, column, form, pictures, array_cache, path)
        options: dict[str, Any] = {"validation_size": validation_size, "labeled": labeled, "scale": scale}
        options["test_size"] = 0.2 if test_size is None else test_size
        if tested is not None:
            options["test_rows"] = np.arange(len(learned), len(rows))
        spec = encoded.spec(tuple(inputs.shape[1:]))
        super().__init__(inputs, encoded.targets, spec, embeddings=open_embeddings(embeddings), **options)
        self.notes = (f"column {column!r}: {note}",)
        if uuids is not None:
            name = chosen_column(uuids, others, "data.uuids", path)
            values, _ = label_values(rows, name, path)
            self.name_rows(list(map(str, values.tolist())), f"{path}, column {name!r}")


def _together(learned: datasets.Dataset, tested: datasets.Dataset | None, path: str) -> datasets.Dataset:
    """Return the rows of both parts, one after the other, without a copy."""
    from datasets import concatenate_datasets

    if tested is None:
        return learned
    if learned.features != tested.features:
        raise fail("the parts have other columns, or columns of other kinds", path, "data.test_size=0.2")
    return concatenate_datasets([learned, tested])


def _input_column(rows: datasets.Dataset, name: str | None, path: str) -> str:
    usual = [one for one in rows.column_names if one.lower() in USUAL]
    if name is None and len(usual) != 1:
        what = f"{' and '.join(usual[:3])} may be inputs" if usual else "no column is called like inputs"
        raise fail(what, path, f"data.input={(usual or rows.column_names)[0]}")
    return chosen_column(name or usual[0], rows.column_names, "data.input", path)


def _labels(rows: datasets.Dataset, name: str, wanted: Any, path: str) -> Encoded:
    values, names = label_values(rows, name, path)
    encoded = encode(values, wanted, f"{path}, column {name!r}")
    if encoded.task is Task.MULTI_LABEL:
        return replace(encoded, class_names=names)
    if not names or not encoded.class_names:
        return encoded
    return replace(encoded, class_names=tuple(names[int(number)] for number in encoded.class_names))


def _inputs(
    rows: datasets.Dataset,
    name: str,
    form: TextForm,
    pictures: dict[str, Any],
    cache: ArrayCache | None,
    path: str,
) -> tuple[npt.NDArray[Any], float, str]:
    """Return the inputs ``[N, …]``, the factor on them, and what they are in words."""
    from datasets import Image, Value

    feature = rows.features[name]
    if isinstance(feature, Image):
        files = EncodedImages(rows, name, path)
        shape = image_form(**pictures, first=files[0])
        return image_pixels(files, shape, cache, Path(path)), 1 / 255, f"images {list(shape.shape)}"
    if isinstance(feature, Value) and feature.dtype in ("string", "large_string"):
        found, note = form.inputs(texts_of(rows, name, path))
        return found, 1.0, note
    block = number_block(rows, name, path)
    block = block[:, None] if block.ndim == 1 else block
    return block, 1.0, f"numbers {list(block.shape[1:])}"
