"""Throughput of alrun's readers beside the libraries' own loaders: rows a second in minibatches of random rows.

``python scripts/benchmark_readers.py [--rows 20000]`` writes files to a temporary folder and prints one line a kind:
rows a second of alrun, of the peer, and the ratio. The peer is what one writes without alrun: ``numpy.load`` with
``mmap_mode`` behind torch's ``DataLoader`` for embeddings, ``gzip`` and ``numpy.frombuffer`` behind it for idx, and a
Pillow ``Dataset`` behind it for images, each in one process.
"""

from __future__ import annotations

import argparse
import gzip
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from alrun.data.embeddings import EmbeddingFiles
from alrun.data.idx import Idx
from alrun.data.image_folder import ImageFolder
from alrun.store.array_cache import ArrayFiles

BATCH = 256


class Rows(Dataset[Any]):
    """Data that ``read`` makes one by one, as a data set of one's own does."""

    def __init__(self, count: int, read: Callable[[int], Any]) -> None:
        """Hold them."""
        self._count, self._read = count, read

    def __len__(self) -> int:
        """Return their number."""
        return self._count

    def __getitem__(self, index: int) -> Any:
        """Return one."""
        return self._read(index)


def own(source: Any) -> Iterator[Any]:
    """Yield minibatches of a source."""
    for rows in torch.randperm(len(source)).split(BATCH):
        yield source.inputs(rows), source.targets(rows)


def peer(count: int, read: Callable[[int], Any]) -> Iterator[Any]:
    """Yield minibatches of torch's loader."""
    return iter(DataLoader(Rows(count, read), batch_size=BATCH, shuffle=True))


def speed(rows: int, passes: Callable[[], Iterator[Any]]) -> float:
    """Return rows a second, the best of three passes."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        for _ in passes():
            pass
        times.append(time.perf_counter() - began)
    return rows / min(times)


def show(kind: str, rows: int, ours: Callable[[], Iterator[Any]], theirs: Callable[[], Iterator[Any]]) -> None:
    """Print one line."""
    first, second = speed(rows, ours), speed(rows, theirs)
    print(f"{kind:14}  alrun {first:12,.0f} rows/s   loader {second:12,.0f} rows/s   ratio {first / second:6.1f}")


def embeddings(folder: Path, rows: int) -> None:
    """Compare vectors of 512 numbers."""
    np.save(folder / "x.npy", np.random.default_rng(0).normal(size=(rows, 512)).astype(np.float32))
    labels = np.arange(rows) % 10
    np.save(folder / "y.npy", labels)
    source = EmbeddingFiles(str(folder / "x.npy"), str(folder / "y.npy"))
    mapped = np.load(folder / "x.npy", mmap_mode="r")
    read = lambda index: (torch.from_numpy(mapped[index].copy()), int(labels[index]))  # noqa: E731
    show("embeddings", rows, lambda: own(source), lambda: peer(rows, read))


def idx(folder: Path, rows: int) -> None:
    """Compare gzipped images of 28 x 28 bytes, as MNIST has them; what is read is held by both."""
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (rows, 28, 28), dtype=np.uint8), (np.arange(rows) % 10).astype(np.uint8)
    for name, array in (("images-idx3", images), ("labels-idx1", labels)):
        head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
        (folder / f"train-{name}-ubyte.gz").write_bytes(gzip.compress(head + array.tobytes(), 1))
    source = Idx(str(folder), image=True, test_size=0.1)
    content = gzip.decompress((folder / "train-images-idx3-ubyte.gz").read_bytes())
    held = torch.from_numpy(np.frombuffer(content, np.uint8, offset=16).reshape(rows, 1, 28, 28).copy())
    read = lambda index: (held[index].float() / 255, int(labels[index]))  # noqa: E731
    show("idx", rows, lambda: own(source), lambda: peer(rows, read))


def image_folder(folder: Path, rows: int) -> None:
    """Compare JPEG files of 64 x 64, as read after the first time."""
    from PIL import Image

    rng = np.random.default_rng(0)
    files = []
    for row in range(rows):
        files.append(folder / f"class{row % 4}" / f"{row:06d}.jpg")
        files[-1].parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(files[-1])

    def read(index: int) -> Any:
        with Image.open(files[index]) as image:
            return torch.from_numpy(np.asarray(image.convert("RGB")).transpose(2, 0, 1) / np.float32(255)), index % 4

    began = time.perf_counter()
    source = ImageFolder(str(folder), array_cache=ArrayFiles(folder / ".cache"))
    print(f"image_folder    first time, with decoding: {rows / (time.perf_counter() - began):,.0f} files/s")
    show("image_folder", rows, lambda: own(source), lambda: peer(rows, read))


def main() -> None:
    """Compare all kinds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    rows = parser.parse_args().rows
    for kind, count in ((embeddings, rows), (idx, rows), (image_folder, max(100, rows // 10))):
        with tempfile.TemporaryDirectory() as folder:
            kind(Path(folder), count)


if __name__ == "__main__":
    main()
