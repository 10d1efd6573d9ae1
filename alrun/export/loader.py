"""Loader of exported weights: ten lines of Python, with the network where it is plain torch."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["loader_without_network", "network_loader"]

NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)*")
NETWORK = '''"""Learner after step {step}, with torch and safetensors alone: predict(inputs), [B, {shape}] float32."""

from pathlib import Path

from network import forward
from safetensors.torch import load_file

weights = load_file(Path(__file__).with_name("weights.safetensors"))


def predict(inputs):
    return forward(weights, inputs)
'''
BARE = '''"""Weights after step {step}. The network is not plain torch, so its class must be installed: {target}.

Why it could not be written out: {why}.
Build it with the arguments that config.yaml has under learner (and inference), then: load_into(learner).
"""

from pathlib import Path

from safetensors.torch import load_file

weights = load_file(Path(__file__).with_name("weights.safetensors"))


def load_into(learner):
    learner.load_state_dict(weights)
    return learner.eval()
'''


def network_loader(step: int, shape: Sequence[int]) -> str:
    """Return ``load.py`` beside ``network.py``.

    Args:
        step: The step that the weights are of.
        shape: Shape of one input.
    """
    return NETWORK.format(step=step, shape=", ".join(map(str, shape)))


def loader_without_network(step: int, target: str, why: str) -> str:
    """Return ``load.py`` for a learner that only its own class ``target`` can rebuild.

    ``target`` and ``why`` may hold any text: a config from elsewhere has named the class.
    """
    named = target if NAME.fullmatch(target) else "see config.yaml"
    plain = re.sub(r"[^\w .,:;()=<>-]", "?", why)[:200]
    return BARE.format(step=step, target=named, why=plain)
