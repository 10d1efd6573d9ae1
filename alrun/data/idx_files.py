"""Files of the IDX format, in which MNIST and its relatives are given: header, then one array in big-endian order."""

from __future__ import annotations

import gzip
import mmap
import zlib
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import numpy.typing as npt

from alrun.data.memory import refuse_larger
from alrun.data.problems import fail

__all__ = ["IDX_SUFFIXES", "read_idx"]

#: An idx file may have any name; these are what the known ones end in.
IDX_SUFFIXES = ("ubyte", "ubyte.gz", ".idx", ".idx.gz", ".gz")
#: Third byte of the magic number: the type of the values.
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_DIMENSIONS = 8
_GZIP = b"\x1f\x8b"
#: No more than so many bytes come of one byte of a deflate stream.
_MOST_RATIO = 1032


def read_idx(file: Path) -> npt.NDArray[Any]:
    """Return the array of an idx file, memory-mapped; of a gzipped one it is unpacked into memory, once.

    Raises:
        DataError: The magic number is another one, or the file is shorter or longer than its header says.
    """
    with file.open("rb") as stream:
        is_packed = stream.read(2) == _GZIP
    try:
        return _unpacked(file) if is_packed else _mapped(file)
    except (OSError, EOFError, zlib.error) as error:
        raise fail(f"cannot be unpacked: {error}", str(file), "download it again: it may be cut off") from error


def _mapped(file: Path) -> npt.NDArray[Any]:
    size = file.stat().st_size
    with file.open("rb") as stream:
        dtype, shape, start = _header(stream, file)
        expected = _bytes(dtype, shape)
        _check_size(size - start, expected, file)
        if expected == 0:
            return np.empty(shape, dtype)
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(content, dtype, offset=start).reshape(shape)


def _unpacked(file: Path) -> npt.NDArray[Any]:
    with cast("IO[bytes]", gzip.GzipFile(file)) as stream:
        dtype, shape, _ = _header(stream, file)
        expected = _bytes(dtype, shape)
        if expected > _MOST_RATIO * file.stat().st_size:
            raise _wrong_size(f"at most {_MOST_RATIO * file.stat().st_size}", expected, file)
        refuse_larger(expected, file, "unpack it with gunzip: it then stays on disk")
        content = stream.read(expected)
        _check_size(len(content) + len(stream.read(1)), expected, file)
    return np.frombuffer(content, dtype).reshape(shape)


def _header(stream: IO[bytes], file: Path) -> tuple[np.dtype[Any], tuple[int, ...], int]:
    """Return type and shape of the array, and where it begins."""
    magic = stream.read(4)
    known = len(magic) == 4 and magic[:2] == b"\0\0" and magic[2] in _TYPES
    if not known or not 1 <= magic[3] <= _MOST_DIMENSIONS:
        what = f"is no idx file: it begins with {magic.hex(' ') or 'nothing'}, not with 00 00, a type and a dimension"
        raise fail(what, str(file), "data=arrays reads .npy and .npz, data=table .csv and .parquet")
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise fail("ends within its header", str(file), "download it again: it is cut off")
    shape = tuple(int.from_bytes(sizes[place : place + 4], "big") for place in range(0, len(sizes), 4))
    return np.dtype(_TYPES[magic[2]]), shape, 4 + len(sizes)


def _bytes(dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    total = dtype.itemsize
    for size in shape:
        total *= size
    return total


def _check_size(found: int, expected: int, file: Path) -> None:
    if found != expected:
        raise _wrong_size(str(found) if found < expected else "more", expected, file)


def _wrong_size(found: str, expected: int, file: Path) -> Exception:
    what = f"holds {found} bytes of values, but its header announces {expected}"
    return fail(what, str(file), "download it again: it is cut off, or something else")
