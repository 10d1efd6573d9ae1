"""Checks of a learner's options, as problems for one ``ConfigError``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alrun.core.errors import Problem
from alrun.core.types import TaskSpec

__all__ = [
    "dropout_problems",
    "factory_problems",
    "image_problems",
    "share_problems",
    "size_problems",
    "standardize_problems",
]


def size_problems(key: str, sizes: object, example: str = "") -> Iterator[Problem]:
    """Yield a problem unless ``sizes`` is a sequence of positive integers; ``example`` is what to type instead."""
    listed = list(sizes) if isinstance(sizes, Sequence) and not isinstance(sizes, str) else [sizes]
    if listed == [sizes] or not all(type(size) is int and size > 0 for size in listed):
        yield Problem(f"{sizes!r} is not a list of positive whole numbers", key, example or f"{key}=[64,64]")


def dropout_problems(key: str, value: object) -> Iterator[Problem]:
    """Yield a problem unless ``value`` is a probability in ``[0, 1)``."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        yield Problem(f"{value!r} is not a probability in [0, 1)", key, f"{key}=0.1")


def share_problems(key: str, value: object, example: str = "0.5") -> Iterator[Problem]:
    """Yield a problem unless ``value`` is a share in ``[0, 1]``; ``example`` is one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        yield Problem(f"{value!r} is not a share in [0, 1]", key, f"{key}={example}")


def factory_problems(key: str, value: object, example: str) -> Iterator[Problem]:
    """Yield a problem unless ``value`` can be called; ``example`` is the class to build from."""
    if not callable(value):
        yield Problem(f"{value!r} has no _target_", key, f"{key}._target_={example} {key}._partial_=true")


def image_problems(input_shape: tuple[int, ...], channels: object, key: str) -> Iterator[Problem]:
    """Yield a problem for inputs that are not images, or too small to be halved once for each of ``channels``."""
    if len(input_shape) != 3:
        what = f"a cnn needs images (channels, height, width), but the inputs have shape {input_shape}"
        yield Problem(what, key.rpartition(".")[0], f"data.image=true for digits, or {_without_cnn(key)}")
    elif isinstance(channels, Sequence) and min(input_shape[1:]) >> len(channels) == 0:
        size = "x".join(map(str, input_shape[1:]))
        yield Problem(f"{len(channels)} blocks reduce an image of {size} to nothing", key, f"{key}=[32]")


def _without_cnn(key: str) -> str:
    return f"{key.split('.')[-2]}=mlp"


def standardize_problems(spec: TaskSpec) -> Iterator[Problem]:
    """Yield a problem when the data asks for columns that its inputs do not have."""
    if not spec.standardize:
        return
    if len(spec.input_shape) != 1:
        yield Problem(f"only flat inputs have columns to standardize, these are {spec.input_shape}", "data")
    elif not all(0 <= column < spec.input_shape[0] for column in spec.standardize):
        yield Problem(f"columns to standardize lie outside 0..{spec.input_shape[0] - 1}: {spec.standardize}", "data")
